//! Who holds an answer is told that it is unchanged, and who may not see it hears nothing of it.

use parlor_protocol::account::People;
use parlor_protocol::conditional::{Asked, Told, Version};
use parlor_protocol::message::{GetPage, Page, Place};
use parlor_protocol::room::{ListMembers, ListRooms, Members, RoomDone, RoomKind, Rooms};
use parlor_protocol::{Code, Extensions, RoomId};
use parlor_testkit::ask;

use crate::common::{ada_and_bob, open_server, room_of};

fn holding(held: Option<Version>) -> Extensions {
    Asked::Holding(held).extension()
}

fn newest(room: RoomId, held: Option<Version>) -> GetPage {
    GetPage {
        ext: holding(held),
        ..ask::page(room, Place::NEWEST, 0, 50)
    }
}

#[tokio::test]
async fn a_page_is_sent_once_until_it_changes() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PUBLIC, &ada, &[&bob]).await;
    ada.post(room, "one").await;
    let plain: Page = ada.ask(&ask::page(room, Place::NEWEST, 0, 50)).await;
    assert_eq!(
        Told::of(&plain.ext),
        None,
        "who does not ask is told nothing"
    );
    let first: Page = ada.ask(&newest(room, None)).await;
    let told = Told::of(&first.ext).unwrap();
    assert_eq!((told.unchanged, &first.messages), (false, &plain.messages));
    let again: Page = bob.ask(&newest(room, Some(told.version))).await;
    let spared = Told::of(&again.ext).unwrap();
    assert_eq!((spared.unchanged, spared.version), (true, told.version));
    assert_eq!(
        (again.messages.len(), again.head, again.as_of),
        (0, first.head, first.as_of)
    );
    bob.post(room, "two").await;
    let later: Page = ada.ask(&newest(room, Some(told.version))).await;
    let told = Told::of(&later.ext).unwrap();
    assert_eq!((told.unchanged, later.messages.len()), (false, 2));
}

#[tokio::test]
async fn lists_and_people_are_sent_once_until_they_change() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PUBLIC, &ada, &[]).await;
    let members = |held| ListMembers {
        ext: holding(held),
        ..ask::members(room, None, 50)
    };
    let rooms = |held| ListRooms {
        ext: holding(held),
        ..ask::rooms("", 50)
    };
    let people = |held| parlor_protocol::account::FindPeople {
        ext: holding(held),
        ids: vec![ada.user(), bob.user()],
        ..ask::people(&[])
    };
    macro_rules! held {
        ($question:expr, $answer:ty, $rows:ident) => {{
            let first: $answer = ada.ask(&$question(None)).await;
            let told = Told::of(&first.ext).unwrap();
            assert!(!told.unchanged && !first.$rows.is_empty());
            let again: $answer = ada.ask(&$question(Some(told.version))).await;
            assert!(Told::of(&again.ext).unwrap().unchanged && again.$rows.is_empty());
            told.version
        }};
    }
    held!(people, People, people);
    let of_members = held!(members, Members, members);
    let of_rooms = held!(rooms, Rooms, rooms);
    let _: RoomDone = bob.ask(&ask::join(room)).await;
    let now: Members = ada.ask(&members(Some(of_members))).await;
    assert_eq!(now.members.len(), 2);
    let now: Rooms = ada.ask(&rooms(Some(of_rooms))).await;
    assert!(
        now.rooms
            .iter()
            .any(|it| it.room == room && it.members == 2)
    );
}

#[tokio::test]
async fn who_was_removed_is_refused_whatever_is_cached_and_whatever_they_hold() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    ada.post(room, "between us").await;
    let mut held = None;
    for device in [&ada, &bob, &ada, &bob] {
        let page: Page = device.ask(&newest(room, None)).await;
        held = Told::of(&page.ext).map(|it| it.version);
        let _: Members = device.ask(&ask::members(room, None, 50)).await;
    }
    let _: RoomDone = ada.ask(&ask::remove(room, bob.user())).await;
    assert_eq!(bob.refused(&newest(room, held)).await, Code::NOT_FOUND);
    assert_eq!(bob.refused(&newest(room, None)).await, Code::NOT_FOUND);
    let members = ListMembers {
        ext: holding(held),
        ..ask::members(room, None, 50)
    };
    assert_eq!(bob.refused(&members).await, Code::NOT_FOUND);
    let metrics = &server.server.core().metrics;
    assert!(
        metrics.cache_hits.sum() > 0,
        "and there was something cached"
    );
}
