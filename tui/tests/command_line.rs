//! The command line as scripts use it.

mod support;

use support::{House, Outcome, PASSWORD, Person};

#[test]
fn completions_and_the_manual_come_from_the_program() {
    let nobody = Person::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = nobody.run(&["completions", shell]).done();
        assert!(
            script.contains("parlor") && script.contains("tail"),
            "{shell}: {script}"
        );
    }
    let manual = nobody.run(&["man"]).done();
    assert!(
        manual.contains(".TH parlor 1") && manual.contains("PARLOR SEND"),
        "{manual}"
    );
    assert!(nobody.run(&["--version"]).done().starts_with("parlor "));
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let nobody = Person::new();
    let link = format!("parlor://127.0.0.1:9/j/CODE.{}", "A".repeat(52));
    nobody.run(&["login", "127.0.0.1:9"]).failed(2, "--name");
    nobody
        .run(&["login", "127.0.0.1:9", "--name", "ada"])
        .failed(2, "--password-stdin");
    nobody
        .run(&["join", &link, "--name", "ada"])
        .failed(2, "--password-stdin");
    nobody.run(&[]).failed(2, "there is no terminal");
    nobody
        .run(&["join", "http://example.org"])
        .failed(2, "not a join link");
    nobody
        .run(&["-P", "../x", "whoami"])
        .failed(2, "no name for a profile");
}

#[test]
fn nobody_is_told_to_log_in_and_no_server_to_look_elsewhere() {
    let nobody = Person::new();
    for command in [
        &["whoami"][..],
        &["rooms"],
        &["send", "general", "hi"],
        &["tail", "general"],
    ] {
        nobody.run(command).failed(4, "log in");
    }
    let error = nobody.run(&["whoami", "--json"]);
    let object: serde_json::Value = serde_json::from_str(&error.err).unwrap();
    assert_eq!(object["code"], "not_logged_in");
    let input = format!("{PASSWORD}\n");
    let arguments = ["login", "127.0.0.1:9", "--name", "ada", "--password-stdin"];
    assert_eq!(nobody.pipe(&input, &arguments).code, 3);
}

#[test]
fn a_message_goes_from_a_pipe_to_a_pipe() {
    let house = House::open();
    let (ada, bruno) = (Person::new(), Person::new());
    ada.join(house.owner_link(), "ada");
    assert!(ada.run(&["whoami"]).done().starts_with("ada on 127.0.0.1"));
    ada.run(&["create", "garden", "--topic", "what grows"])
        .done();
    let link = ada.run(&["invite", "garden"]).done();
    bruno.join(&house.here(link.trim()), "bruno");

    let text = "two\nlines\tand \u{1b}[31mcolour 🍅";
    ada.pipe(&format!("{text}\n"), &["send", "garden"]).done();
    let sent = bruno.run(&["send", "#garden", "thanks", "--json"]).done();
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["seq"], 2);

    let read = bruno
        .run(&["tail", "garden", "--from", "1", "--json"])
        .done();
    let read: Vec<serde_json::Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read[0]["text"], text, "byte for byte");
    assert_eq!(read[1]["author"], "bruno");
    let plain = ada.run(&["tail", "garden", "-n", "2"]).done();
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(plain.contains("bruno: thanks"), "{plain}");

    let rooms = bruno.run(&["rooms", "--json"]).done();
    let garden = rooms
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(
        garden
            .into_iter()
            .any(|room| room["name"] == "garden" && room["topic"] == "what grows"),
        "{rooms}"
    );
    ada.run(&["send", "@bruno", "just for you"]).done();
    assert!(bruno.run(&["tail", "@ada"]).done().contains("just for you"));
    refusals(&house, &ada);
}

fn refusals(house: &House, ada: &Person) {
    ada.run(&["send", "nowhere", "hi"]).failed(1, "no room");
    ada.run(&["send", "garden", ""]).failed(1, "empty");
    ada.pipe("a\0b", &["send", "garden"]).failed(1, "U+0000");
    let long = "x".repeat(1 << 20);
    ada.pipe(&format!("{long}yz"), &["send", "garden"])
        .failed(1, "longer than 1 MB");
    ada.run(&["create", "garden"]).failed(1, "exists");
    let pin = "A".repeat(52);
    let login = |pin: &str, password: &str| -> Outcome {
        let arguments = [
            "login",
            &house.address(),
            "--name",
            "ada",
            "--pin",
            pin,
            "--password-stdin",
        ];
        Person::new().pipe(&format!("{password}\n"), &arguments)
    };
    login(&pin, PASSWORD).failed(6, "another key");
    login(&house.pin(), "wrong password").failed(1, "wrong");
    login(&house.pin(), PASSWORD).done();
    let unknown = [
        "login",
        &house.address(),
        "--name",
        "ada",
        "--password-stdin",
    ];
    Person::new()
        .pipe(&format!("{PASSWORD}\n"), &unknown)
        .failed(6, "--pin");
}

#[test]
fn what_cannot_be_sent_now_goes_out_later_once() {
    let mut house = House::open();
    let ada = Person::new();
    ada.join(house.owner_link(), "ada");
    ada.run(&["create", "garden"]).done();
    house.stop();
    ada.run(&["--timeout", "2", "send", "garden", "while it was away"])
        .failed(3, "is kept");
    ada.run(&["--timeout", "1", "rooms"])
        .failed(3, "parlor doctor");
    ada.run(&["--timeout", "1", "logout"]).failed(1, "not sent");
    house.start();
    ada.run(&["send", "garden", "and back"]).done();
    let read = ada.run(&["tail", "garden", "--from", "1"]).done();
    let texts: Vec<&str> = read
        .lines()
        .filter_map(|line| line.split_once("ada: "))
        .map(|line| line.1)
        .collect();
    assert_eq!(texts, ["while it was away", "and back"]);
    ada.run(&["logout"]).done();
    ada.run(&["whoami"]).failed(4, "log in");
}

#[test]
fn sessions_are_listed_and_ended_and_a_new_password_ends_the_others() {
    let house = House::open();
    let (ada, laptop, phone) = (Person::new(), Person::new(), Person::new());
    ada.join(house.owner_link(), "ada");
    let log_in = |person: &Person, password: &str| {
        let (address, pin) = (house.address(), house.pin());
        let typed = format!("login {address} --name ada --pin {pin} --password-stdin");
        let arguments: Vec<&str> = typed.split(' ').collect();
        person.pipe(&format!("{password}\n"), &arguments)
    };
    log_in(&laptop, PASSWORD).done();
    let listed = || -> Vec<serde_json::Value> {
        let lines = ada.run(&["sessions", "--json"]).done();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    };
    let sessions = listed();
    assert_eq!(sessions.len(), 2);
    let id = |current: bool| {
        let session = sessions
            .iter()
            .find(|session| session["current"] == current);
        session.unwrap()["session"].as_str().unwrap().to_owned()
    };
    assert!(ada.run(&["sessions"]).done().contains("(this one)"));
    ada.run(&["sessions", "revoke", "nonsense"])
        .failed(2, "no session's id");
    ada.run(&["sessions", "revoke", &id(true)])
        .failed(1, "parlor logout");
    ada.run(&["sessions", "revoke", &id(false)]).done();
    ada.run(&["sessions", "revoke", &id(false)])
        .failed(1, "no such session");
    laptop.run(&["rooms"]).failed(4, "log in");
    assert_eq!(listed().len(), 1);

    log_in(&phone, PASSWORD).done();
    let passwd = |lines: &str| ada.pipe(lines, &["passwd", "--password-stdin"]);
    ada.run(&["passwd"]).failed(2, "--password-stdin");
    passwd(&format!("{PASSWORD}\n")).failed(2, "ended before");
    passwd("wrong\nlonger than before\n").failed(1, "old password is wrong");
    passwd(&format!("{PASSWORD}\nshort\n")).failed(1, "8 to 256");
    passwd(&format!("{PASSWORD}\nlonger than before\n")).done();
    phone.run(&["rooms"]).failed(4, "log in");
    assert!(ada.run(&["whoami"]).done().starts_with("ada"), "stays in");
    log_in(&Person::new(), PASSWORD).failed(1, "wrong");
    log_in(&Person::new(), "longer than before").done();
}

#[test]
fn a_link_opens_rooms_for_whom_is_in_already_and_says_which() {
    let (house, other) = (House::open(), House::open());
    let (ada, bruno) = (Person::new(), Person::new());
    ada.join(house.owner_link(), "ada");
    let link = || house.here(ada.run(&["invite"]).done().trim());
    bruno.join(&link(), "bruno");
    ada.run(&["create", "den", "--private"]).done();
    let den = house.here(ada.run(&["invite", "den"]).done().trim());
    let came = bruno.run(&["join", &den]);
    assert_eq!(came.err, "You are in den now.\n", "{came:?}");
    bruno.run(&["join", &den]).done();
    bruno
        .run(&["join", other.owner_link()])
        .failed(1, "another profile");
    let nothing = bruno.run(&["join", &link()]);
    assert!(nothing.err.contains("opens no room"), "{nothing:?}");
}

#[test]
fn a_server_that_is_open_takes_people_without_a_link() {
    let (mut house, other) = (House::open(), House::open());
    let register = |address: &str, pin: &str| {
        let typed = format!("register {address} --name carl --pin {pin} --password-stdin");
        let arguments: Vec<&str> = typed.split(' ').collect();
        Person::new().pipe(&format!("{PASSWORD}\n"), &arguments)
    };
    register(&house.address(), &house.pin()).failed(1, "by join link only");
    house.stop();
    house.open = true;
    house.start();
    register(&house.address(), &other.pin()).failed(6, "another key");
    register(&house.address(), &house.pin()).done();
}

#[test]
fn what_is_wrong_on_this_machine_is_told_apart_from_a_refusal() {
    let house = House::open();
    let ada = Person::new();
    ada.join(house.owner_link(), "ada");
    let account = ada.home().join(".local/share/parlor/default/account.json");
    std::fs::write(&account, "{").unwrap();
    ada.run(&["whoami"]).failed(5, "mend it, or remove it");
    std::fs::remove_file(&account).unwrap();
    ada.run(&["whoami"]).failed(4, "log in");
}

#[test]
fn the_doctor_tells_one_trouble_from_another() {
    let mut house = House::open();
    let nobody = Person::new();
    let address = house.address();
    let well = nobody.run(&["doctor", house.owner_link()]).done();
    assert!(well.contains("the key is the link's"), "{well}");
    let wrong = format!("parlor://{address}/j/CODE.{}", "A".repeat(52));
    let code = |person: &Person, server: &str| {
        let outcome = person.run(&["doctor", server, "--json"]);
        let error: serde_json::Value = serde_json::from_str(&outcome.err).unwrap();
        (outcome.code, error["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(code(&nobody, &wrong), (6, "wrong_pin".to_owned()));
    house.stop();
    assert_eq!(code(&nobody, &address), (3, "server_down".to_owned()));
    assert_eq!(
        code(&nobody, "no.such.name.invalid"),
        (3, "name_unknown".to_owned())
    );
    // A socket that never answers, on a host that does by TCP.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap().to_string();
    assert_eq!(code(&nobody, &silent_at), (3, "udp_blocked".to_owned()));
}

/// A port whose UDP is swallowed and whose TCP leads to the server; for as long as the test runs.
fn without_udp(server: &str) -> (std::net::UdpSocket, u16) {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    let (silent, listener) = loop {
        let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        if let Ok(listener) = TcpListener::bind(silent.local_addr().expect("an address")) {
            break (silent, listener);
        }
    };
    let (port, server) = (
        listener.local_addr().expect("an address").port(),
        server.to_owned(),
    );
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    };
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else {
                continue;
            };
            carry(
                client.try_clone().expect("a handle"),
                server.try_clone().expect("a handle"),
            );
            carry(server, client);
        }
    });
    (silent, port)
}

#[test]
fn the_doctor_tells_that_udp_is_blocked_and_that_tcp_works() {
    let house = House::open();
    let (_silent, port) = without_udp(&house.address());
    let link = house
        .owner_link()
        .replace(&house.address(), &format!("127.0.0.1:{port}"));
    let nobody = Person::new();
    let told = nobody.run(&["doctor", &link, "--json"]).done();
    let steps: Vec<(String, bool)> = told
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|it| (it["step"].as_str().unwrap().to_owned(), it["good"] == true))
        .collect();
    let expected = [("name", true), ("udp", false), ("tcp", true), ("key", true)];
    let expected = expected.map(|(step, good)| (step.to_owned(), good));
    assert_eq!(steps, expected, "{told}");
}

#[test]
fn a_reader_that_has_enough_is_no_panic() {
    use std::io::{BufRead, BufReader};
    let nobody = Person::new();
    let mut child = nobody
        .command(&["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
