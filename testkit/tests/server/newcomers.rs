//! What was said before somebody came, and after somebody went, is not for them.

use parlor_client_core::net::{BulkError, LinkEvent};
use parlor_protocol::message::{Page, Place};
use parlor_protocol::room::RoomKind;
use parlor_protocol::sync::{Heads, RoomBatch, RoomChanges, RoomEntry};
use parlor_protocol::{Code, Kind, RoomId};
use parlor_testkit::ask;
use parlor_testkit::device::Device;

use crate::common::{ada_and_bob, gone, open_server, room_of};

fn texts(changes: &RoomChanges) -> Vec<String> {
    let entries = changes.entries.iter().filter_map(|it| it.open_room().ok());
    let text = |entry| match entry {
        RoomEntry::Message(message) => Some(message.text),
        _ => None,
    };
    entries.filter_map(text).collect()
}

#[tokio::test]
async fn a_newcomer_of_a_private_room_sees_what_was_said_since_they_came() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[]).await;
    ada.open(room).await;
    let before = ada.post(room, "before bob").await;
    let long = "a long secret ".repeat(5_000);
    ada.link
        .put_text(&ask::put_text(room, &long), long.clone().into())
        .await
        .unwrap();
    let hidden: parlor_protocol::message::Posted = ada.ask(&ask::post_long(room, &long)).await;
    ada.done(&ask::add(room, bob.user())).await;
    let after = ada.post(room, "after bob came").await;

    let opened = bob.open(room).await;
    assert_eq!(opened.summary.visible_from, after.seq);
    let seqs = |page: &Page| page.messages.iter().map(|it| it.seq).collect::<Vec<_>>();
    assert_eq!(seqs(&opened.page.unwrap()), [after.seq]);
    for (place, seq) in [
        (Place::FROM, 1),
        (Place::AROUND, before.seq),
        (Place::AFTER, 0),
    ] {
        let page: Page = bob.ask(&ask::page(room, place, seq, 50)).await;
        assert_eq!(seqs(&page), [after.seq], "{place:?}");
    }
    let page: Page = bob
        .ask(&ask::page(room, Place::BEFORE, after.seq, 50))
        .await;
    assert!(seqs(&page).is_empty());
    // Whatever answers, the room's recent batches or the database.
    for since in 0..after.rev {
        let changes: RoomChanges = bob.ask(&ask::changes(room, since)).await;
        assert_eq!(texts(&changes), ["after bob came"], "since {since}");
    }
    let text = bob.link.get_text(&ask::get_text(room, hidden.seq)).await;
    assert!(matches!(text, Err(BulkError::Refused(it)) if it.code == Code::NOT_FOUND));
    // A public room hides nothing.
    let lobby = room_of_name(&ada, "lobby").await;
    ada.post(lobby, "long ago").await;
    bob.done(&ask::join(lobby)).await;
    assert_eq!(bob.newest(lobby).await.messages[0].text, "long ago");
}

async fn room_of_name(owner: &Device, name: &str) -> RoomId {
    owner
        .done(&ask::create_room(RoomKind::PUBLIC, name))
        .await
        .room
}

#[tokio::test]
async fn who_was_removed_receives_nothing_of_what_follows() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    let light = room_of_private(&ada, &bob).await;
    let opened = bob.open(room).await;
    let held = opened.changes.through;
    ada.post(room, "still here").await;
    assert_eq!(bob.message(room).await.text, "still here");
    for room in [room, light] {
        ada.done(&ask::remove(room, bob.user())).await;
    }
    gone(&mut bob, light).await;

    let long = "a long secret ".repeat(5_000);
    ada.link
        .put_text(&ask::put_text(room, &long), long.clone().into())
        .await
        .unwrap();
    let said: parlor_protocol::message::Posted = ada.ask(&ask::post_long(room, &long)).await;
    ada.post(room, "among ourselves").await;
    ada.post(light, "among ourselves").await;
    macro_rules! not_found {
        ($($request:expr),* $(,)?) => {$(
            assert_eq!(bob.refused(&$request).await, Code::NOT_FOUND, "{}", stringify!($request));
        )*};
    }
    not_found!(
        ask::page(room, Place::NEWEST, 0, 10),
        ask::changes(room, held),
        ask::open(room, Some(held), 10),
        ask::open(room, None, 10),
        ask::members(room, None, 10),
        ask::post(room, "and I?"),
    );
    let text = bob.link.get_text(&ask::get_text(room, said.seq)).await;
    assert!(matches!(text, Err(BulkError::Refused(it)) if it.code == Code::NOT_FOUND));
    let mine = bob.all_of_mine().await;
    assert!(
        mine.heads
            .iter()
            .all(|head| head.room != room && head.room != light)
    );

    // Heads go out once a second: those of a room that bob is in come behind all that is due.
    let general = mine.heads[0].room;
    ada.post(general, "to everyone").await;
    loop {
        match bob.next().await {
            LinkEvent::Push(frame) if frame.header.kind == Kind::HEADS => {
                let heads: Heads = frame.open().unwrap();
                assert!(
                    heads.heads.iter().all(|head| head.room == general),
                    "{heads:?}"
                );
                break;
            }
            LinkEvent::Push(frame) if frame.header.kind == Kind::ROOM_BATCH => {
                let batch: RoomBatch = frame.open().unwrap();
                assert_ne!(batch.room, room, "{batch:?}");
            }
            _ => {}
        }
    }
}

async fn room_of_private(owner: &Device, other: &Device) -> RoomId {
    let room = owner
        .done(&ask::create_room(RoomKind::PRIVATE, "annexe"))
        .await
        .room;
    owner.done(&ask::add(room, other.user())).await;
    room
}
