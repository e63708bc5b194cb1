//! A page read before or after the moment that the room is held in.

use super::super::*;
use super::model::Server;

#[test]
fn a_page_as_new_as_what_is_held_fits() {
    let mut server = Server {
        reset_above: 100,
        ..Server::default()
    };
    server.change(None);
    let page = server.page();
    assert_eq!(
        PageInFlight::new(page.clone()).fit(Some(1)),
        PageFit::Fits(page.clone())
    );
    assert_eq!(
        PageInFlight::new(page.clone()).fit(None),
        PageFit::Fits(page)
    );
}

#[test]
fn an_older_page_takes_what_changed_since() {
    let mut server = Server {
        reset_above: 100,
        ..Server::default()
    };
    server.change(None);
    server.change(None);
    let page = server.page();
    server.change(Some(0));
    let PageFit::AskChanges {
        since: 2,
        page: mut waiting,
    } = PageInFlight::new(page).fit(Some(3))
    else {
        panic!("it is older than what is held");
    };
    assert!(waiting.absorb(&server.changes(2)));
    let PageFit::Fits(page) = waiting.fit(Some(3)) else {
        panic!("it is as new now")
    };
    assert_eq!(page.messages, server.page().messages);
}

#[test]
fn a_page_that_changed_too_much_is_asked_for_again() {
    let mut server = Server {
        reset_above: 2,
        ..Server::default()
    };
    server.change(None);
    let mut page = PageInFlight::new(server.page());
    for _ in 0..5 {
        server.change(Some(0));
    }
    assert!(!page.absorb(&server.changes(1)));
}

#[test]
fn a_room_that_changes_for_ever_is_not_chased_for_ever() {
    let mut server = Server {
        reset_above: 100,
        ..Server::default()
    };
    server.change(None);
    let mut page = PageInFlight::new(server.page());
    let mut held = 1;
    loop {
        let since = held;
        server.change(Some(0));
        held = server.rev;
        page = match page.fit(Some(held)) {
            PageFit::AskChanges { page, .. } => page,
            PageFit::Refetch => break,
            PageFit::Fits(_) => panic!("it is always older"),
        };
        assert!(page.absorb(&server.changes(since)));
        assert!(held < 20, "it is chased for ever");
    }
}
