//! The app in a terminal, against a real server.

mod support;

use support::{House, PASSWORD, Person, Terminal};

/// Comes in by a link typed into the first screen.
fn join(person: &Person, link: &str, name: &str) -> Terminal {
    let terminal = Terminal::open(person, 80, 24, &[], &[]);
    terminal.shows("Join by a link");
    for text in [link, name, PASSWORD] {
        terminal.write(text);
        terminal.keys(&["Enter"]);
    }
    terminal.shows("Connected");
    terminal
}

fn say(terminal: &Terminal, text: &str) {
    terminal.write(text);
    terminal.keys(&["Enter"]);
}

/// Goes to a room by the switcher.
fn go(terminal: &Terminal, room: &str) {
    terminal.keys(&["C-k"]);
    terminal.shows("Go to a room");
    terminal.write(room);
    terminal.keys(&["Enter"]);
    terminal.shows(&format!("Message #{room}"));
}

#[test]
fn two_people_talk_while_the_server_restarts_under_them() {
    let mut house = House::open();
    let (ada, bruno) = (Person::new(), Person::new());
    ada.join(house.owner_link(), "ada");
    ada.run(&["create", "garden", "--topic", "what grows"])
        .done();
    let link = house.here(ada.run(&["invite", "garden"]).done().trim());

    let bruno_sees = join(&bruno, &link, "bruno");
    bruno_sees.shows("#garden");
    let ada_sees = Terminal::open(&ada, 100, 30, &[], &[("COLORTERM", "truecolor")]);
    ada_sees.shows("Connected");
    go(&ada_sees, "garden");
    go(&bruno_sees, "garden");
    say(&ada_sees, "the tomatoes flower");
    bruno_sees.shows("the tomatoes flower");
    say(&bruno_sees, "already?");
    ada_sees.shows("already?");

    house.stop();
    bruno_sees.waits("a state line that says so", |screen| {
        screen.contains("Reconnecting")
            || screen.contains("Connecting")
            || screen.contains("Offline")
    });
    say(&bruno_sees, "written while it was away");
    bruno_sees.shows("1 unsent");
    house.start();
    ada_sees.shows("written while it was away");
    bruno_sees.shows("Connected");
    say(&ada_sees, "/msg bruno only for you");
    ada_sees.shows("@bruno");
    bruno_sees.keys(&["C-k"]);
    bruno_sees.shows("Go to a room");
    bruno_sees.write("ada");
    bruno_sees.keys(&["Enter"]);
    bruno_sees.shows("only for you");

    bruno_sees.keys(&["C-c"]);
    bruno_sees.shows("Ctrl-C again leaves");
    bruno_sees.keys(&["C-c"]);
    let read = ada.run(&["tail", "garden", "--from", "1"]).done();
    let texts: Vec<&str> = read
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|line| line.1)
        .collect();
    assert_eq!(
        texts,
        [
            "the tomatoes flower",
            "already?",
            "written while it was away"
        ]
    );
}

#[test]
fn members_are_put_out_and_raised_and_a_text_comes_back_from_the_editor() {
    let house = House::open();
    let (ada, bruno) = (Person::new(), Person::new());
    ada.join(house.owner_link(), "ada");
    ada.run(&["create", "garden"]).done();
    let link = house.here(ada.run(&["invite", "garden"]).done().trim());
    bruno.join(&link, "bruno");

    let editor = ada.script("printf 'written outside' > \"$1\"");
    let sees = Terminal::open(&ada, 120, 32, &[], &[("EDITOR", &editor)]);
    sees.shows("Connected");
    go(&sees, "garden");
    sees.shows("2 people");
    say(&sees, "/role @bruno moderator");
    sees.shows("bruno is a moderator here now");
    sees.shows("bruno mod");
    say(&sees, "/kick @ada");
    sees.shows("/leave is how you go");
    sees.keys(&["C-u"]);
    say(&sees, "/kick @bruno");
    sees.shows("bruno is out now");
    sees.shows("1 person");
    bruno
        .run(&["send", "garden", "hello?"])
        .failed(1, "join it first");

    sees.write("half a ");
    sees.keys(&["C-x", "C-e"]);
    sees.shows("› written outside");
    sees.keys(&["C-l", "Enter"]);
    sees.waits("it is sent", |screen| screen.contains("Message #garden"));
    let read = ada.run(&["tail", "garden", "--from", "1"]).done();
    assert!(read.contains("ada: written outside"), "{read}");
}
