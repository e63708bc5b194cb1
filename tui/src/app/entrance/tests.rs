use parlor_client_core::api::{AccountView, Pin};

use super::Entrance;
use crate::app::action::{Action, Entry};
use crate::app::layer::{Canvas, Entered, Input, Layer, Stage};
use crate::app::testing::{lines, me, play_layer, views};
use crate::enter::Key;

fn pin() -> Pin {
    Pin([7; 32])
}

fn shown(entrance: &Entrance) -> String {
    lines(80, 24, &views(), |area, canvas: &mut Canvas<'_>| {
        entrance.draw(area, canvas)
    })
    .join("\n")
}

#[test]
fn a_link_a_name_and_a_password_let_somebody_in() {
    let (views, mut entrance) = (views(), Entrance::new(&AccountView::None));
    let link = format!("parlor://chat.example.org:7443/j/CODE.{}", pin());
    let mut actions = Vec::new();
    let mut stage = Stage {
        views: &views,
        actions: &mut actions,
    };
    let (first, rest) = link.split_at(40);
    let pasted = format!("{first}\n {rest}\n");
    entrance.input(&Input::Paste(pasted), &mut stage);
    let (actions, _) = play_layer(&mut entrance, &views, "enter ada enter correct_horse");
    assert_eq!(actions, [], "nothing is sent before the last Enter");
    assert!(
        !shown(&entrance).contains("correct horse"),
        "{}",
        shown(&entrance)
    );
    let (actions, _) = play_layer(&mut entrance, &views, "enter");
    let expected = Entry::Join {
        link: link.parse().unwrap(),
        name: "ada".into(),
        password: "correct horse".into(),
    };
    assert_eq!(actions, [Action::Enter(expected)]);
    assert!(shown(&entrance).contains("Connecting…"));
    let (actions, _) = play_layer(&mut entrance, &views, "enter enter");
    assert_eq!(actions, [], "once is enough");
    entrance.entering_ended(Entered::Refused(
        "That name is taken; choose another.".into(),
    ));
    assert!(shown(&entrance).contains("That name is taken; choose another."));
}

#[test]
fn what_is_no_link_is_said_at_once() {
    let (views, mut entrance) = (views(), Entrance::new(&AccountView::None));
    let (actions, _) = play_layer(
        &mut entrance,
        &views,
        "http://example.org enter ada enter secretsecret enter",
    );
    assert_eq!(actions, []);
    assert!(
        shown(&entrance).contains("not a join link"),
        "{}",
        shown(&entrance)
    );
}

#[test]
fn an_unknown_key_is_shown_and_confirmed_before_the_password_leaves() {
    let (views, mut entrance) = (views(), Entrance::new(&AccountView::None));
    let keys = "C-t chat.example.org enter ada enter secretsecret enter";
    let (actions, _) = play_layer(&mut entrance, &views, keys);
    let server: parlor_client_core::api::ServerAddress = "chat.example.org".parse().unwrap();
    let entry = |key| {
        let (server, name, password) =
            (server.clone(), "ada".to_owned(), "secretsecret".to_owned());
        Action::Enter(Entry::LogIn {
            server,
            key,
            name,
            password,
        })
    };
    assert_eq!(actions, [entry(Key::Ask)]);
    entrance.entering_ended(Entered::UnknownKey(pin()));
    assert!(
        shown(&entrance).contains(&pin().to_string()),
        "{}",
        shown(&entrance)
    );
    let (actions, _) = play_layer(&mut entrance, &views, "x y");
    assert_eq!(actions, [entry(Key::Pinned(pin()))]);
    entrance.entering_ended(Entered::UnknownKey(pin()));
    let (actions, _) = play_layer(&mut entrance, &views, "n");
    assert_eq!(actions, []);
    assert!(shown(&entrance).contains("Nothing was sent."));
}

#[test]
fn after_the_end_of_a_session_only_the_password_is_missing() {
    let ended = AccountView::Ended {
        me: me(),
        why: "The session was ended.".into(),
    };
    let shown = shown(&Entrance::new(&ended));
    assert!(
        shown.contains("chat.example.org:7443") && shown.contains("ada"),
        "{shown}"
    );
    assert!(shown.contains("Log in again to go on"), "{shown}");
}

#[test]
fn a_wrong_link_is_told_before_anything_else_is_asked() {
    let (views, mut entrance) = (views(), Entrance::new(&AccountView::None));
    play_layer(&mut entrance, &views, "enter");
    assert!(shown(&entrance).contains("Join link is missing"));
    play_layer(&mut entrance, &views, "http://example.org enter ada");
    let page = shown(&entrance);
    assert!(page.contains("not a join link"), "{page}");
    assert!(
        page.contains("http://example.orgada"),
        "it is still written in: {page}"
    );
}
