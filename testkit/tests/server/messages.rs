//! Messages: sent once, in order, read from any place.

use parlor_protocol::hello::Done;
use parlor_protocol::limit::TEXT_INLINE_BYTES;
use parlor_protocol::message::{Page, Place, Post, Posted, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_protocol::sync::UserEntry;
use parlor_protocol::{Code, SendKey};
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::PASSWORD;

use crate::common::{ada_and_bob, device, open_server, room_of};

#[tokio::test]
async fn a_message_sent_again_is_the_same_message() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    let said = ask::post(room, "once");
    let first: Posted = ada.ask(&said).await;
    bob.post(room, "meanwhile").await;
    let again: Posted = ada.ask(&said).await;
    assert_eq!(first, again);
    assert_eq!(bob.newest(room).await.messages.len(), 2);
    // The key is the sender's own: another's is another message, another text is none.
    let same_key: Posted = bob.ask(&said).await;
    assert_eq!(same_key.seq, 3);
    let other = Post {
        text: "twice".to_owned(),
        ..said
    };
    assert_eq!(ada.refused(&other).await, Code::SEND_KEY_REUSED);
}

#[tokio::test]
async fn what_follows_a_missing_message_waits_for_it() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    let first = ask::post(room, "first");
    let second = Post {
        after: Some(first.send_key),
        ..ask::post(room, "second")
    };
    let third = Post {
        after: Some(second.send_key),
        ..ask::post(room, "third")
    };
    for early in [&third, &second] {
        assert_eq!(ada.refused(early).await, Code::OUT_OF_ORDER);
    }
    for due in [&first, &second, &third] {
        let _: Posted = ada.ask(due).await;
    }
    let page = bob.newest(room).await;
    let texts: Vec<_> = page.messages.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["first", "second", "third"]);
    // Nobody waits for what somebody else has sent.
    let wrong = Post {
        after: Some(first.send_key),
        ..ask::post(room, "bob's")
    };
    assert_eq!(bob.refused(&wrong).await, Code::OUT_OF_ORDER);
}

#[tokio::test]
async fn what_may_not_be_said_is_refused_by_name() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    assert_eq!(ada.refused(&ask::post(room, "")).await, Code::TEXT_EMPTY);
    assert_eq!(
        ada.refused(&ask::post(room, "a\0b")).await,
        Code::TEXT_HAS_NUL
    );
    let whole = "ß".repeat(TEXT_INLINE_BYTES / 2);
    let over = format!("{whole}!");
    assert_eq!(ada.refused(&ask::post(room, &over)).await, Code::TOO_LARGE);
    let old = Post {
        send_key: SendKey([
            0x00, 0x8b, 0x3b, 0x59, 0x94, 0x00, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1,
        ]),
        ..ask::post(room, "from long ago")
    };
    assert_eq!(ada.refused(&old).await, Code::SEND_KEY_OLD);
    let ahead = parlor_client_core::outbox::key_at(server.server.core().now_ms() + 3_600_000);
    let ahead = Post {
        send_key: ahead,
        ..ask::post(room, "from tomorrow")
    };
    assert_eq!(ada.refused(&ahead).await, Code::CLOCK_AHEAD);
    // Nothing of that left a trace, and the longest text that travels inline does.
    assert_eq!(ada.post(room, &whole).await.seq, 1);
    assert_eq!(bob.newest(room).await.messages[0].text, whole);
}

async fn seqs(
    device: &Device,
    place: Place,
    seq: u64,
    limit: u16,
    room: parlor_protocol::RoomId,
) -> Vec<u64> {
    let page: Page = device.ask(&ask::page(room, place, seq, limit)).await;
    assert_eq!((page.floor, page.head), (1, 20));
    page.messages.iter().map(|it| it.seq).collect()
}

#[tokio::test]
async fn pages_lie_where_they_are_asked_for() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    for number in 1..=20 {
        ada.post(room, &format!("number {number}")).await;
    }
    let at = async |place, seq, limit| seqs(&bob, place, seq, limit, room).await;
    assert_eq!(at(Place::NEWEST, 0, 3).await, [18, 19, 20]);
    assert_eq!(at(Place::BEFORE, 5, 3).await, [2, 3, 4]);
    assert!(at(Place::BEFORE, 1, 3).await.is_empty());
    assert_eq!(at(Place::AFTER, 5, 3).await, [6, 7, 8]);
    assert!(at(Place::AFTER, 20, 3).await.is_empty());
    assert_eq!(at(Place::FROM, 19, 3).await, [19, 20]);
    assert_eq!(at(Place::AROUND, 10, 4).await, [8, 9, 10, 11]);
    assert_eq!(at(Place::AROUND, 1, 4).await, [1, 2, 3, 4]);
    assert_eq!(at(Place::AROUND, 20, 4).await, [17, 18, 19, 20]);
}

#[tokio::test]
async fn what_is_read_on_one_device_is_read_on_the_other() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let (phone, ada) = (
        server.register("bob", "").await,
        device(&server, &ada).await,
    );
    let mut desk = Device::new(server.connect(phone.by_password(PASSWORD)).await.unwrap());
    let phone = device(&server, &phone).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&desk]).await;
    for number in 1..=5 {
        ada.post(room, &format!("number {number}")).await;
    }
    let opened = phone.open(room).await;
    assert_eq!((opened.summary.head, opened.summary.read), (5, 0));
    let _: Done = phone.ask(&ask::mark(room, 3)).await;
    let UserEntry::Marker(marker) = desk
        .own_entry(|it| matches!(it, UserEntry::Marker(it) if it.room == room))
        .await
    else {
        unreachable!("a marker")
    };
    assert_eq!(marker.seq, 3);
    // The greater wins, whoever comes later; none stands beyond the head.
    let _: Done = desk.ask(&ask::mark(room, 2)).await;
    assert_eq!(desk.open(room).await.summary.read, 3);
    let _: Done = desk.ask(&ask::mark(room, 1_000)).await;
    assert_eq!(desk.open(room).await.summary.read, 5);
    // Who speaks has read.
    let said = desk.post(room, "seen").await;
    assert_eq!(phone.open(room).await.summary.read, said.seq);
}

#[tokio::test]
async fn a_reply_into_a_thread_is_refused_until_threads_are_there() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    let root = ada.post(room, "a root").await;
    let reply = Post {
        timeline: Timeline(root.seq),
        ..ask::post(room, "a reply")
    };
    assert_eq!(bob.refused(&reply).await, Code::UNSUPPORTED);
    assert_eq!(ada.post(room, "the next").await.seq, root.seq + 1);
}
