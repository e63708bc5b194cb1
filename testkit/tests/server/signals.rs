//! Who is there and who is typing.

use parlor_client_core::net::LinkEvent;
use parlor_protocol::message::Posted;
use parlor_protocol::room::RoomKind;
use parlor_protocol::signal::{PresenceDigest, PresenceState, TypingDigest};
use parlor_protocol::sync::{Behind, RoomBatch, RoomEntry};
use parlor_protocol::{Kind, RoomId, UserId};
use parlor_server::config::Rate;
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::TestServer;
use tokio::task::JoinSet;

use crate::common::{ada_and_bob, device, open, open_server, room_of};

/// Digests until one says so.
async fn online(device: &mut Device, wanted: &[(parlor_protocol::UserId, PresenceState)]) {
    loop {
        let digest: PresenceDigest = device.push().await;
        let named = |(user, state)| {
            digest
                .people
                .iter()
                .any(|it| it.user == user && it.state == state)
        };
        if digest.online as usize == wanted.len() && wanted.iter().copied().all(named) {
            assert!(digest.complete);
            return;
        }
    }
}

#[tokio::test]
async fn people_are_seen_to_come_to_be_away_and_to_go() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    bob.open(room).await;
    let (first, second) = (ada.user(), bob.user());
    let (here, away) = (PresenceState::ONLINE, PresenceState::AWAY);
    online(&mut bob, &[(first, here), (second, here)]).await;
    assert!(ada.link.signal(&ask::presence(away)));
    online(&mut bob, &[(first, away), (second, here)]).await;
    ada.leave().await;
    online(&mut bob, &[(second, here)]).await;
}

#[tokio::test]
async fn typing_is_shown_to_who_has_the_room_open() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    bob.open(room).await;
    assert!(ada.link.signal(&ask::typing(room, true)));
    let digest: TypingDigest = bob.push().await;
    assert_eq!((digest.room, digest.people), (room, vec![ada.user()]));
    assert!(ada.link.signal(&ask::typing(room, false)));
    let digest: TypingDigest = bob.push().await;
    assert!(digest.people.is_empty());
}

/// People who write, and what each says while everybody signals.
const WRITERS: usize = 3;
const MESSAGES: usize = 300;
/// Signals that go out for each message.
const SIGNALS: usize = 40;

/// As fast as the link takes them, one after another.
fn flood(device: &Device, room: RoomId, round: usize) {
    for number in 0..SIGNALS {
        let on = (round + number).is_multiple_of(2);
        device.link.signal(&ask::typing(room, on));
        let state = match on {
            true => PresenceState::AWAY,
            false => PresenceState::ONLINE,
        };
        device.link.signal(&ask::presence(state));
    }
}

/// Seqs and authors of all messages of a room, as a link that never asks receives them, and how
/// many signals came between them.
async fn received(reader: &mut Device, room: RoomId, count: usize) -> (Vec<(u64, UserId)>, usize) {
    let (mut messages, mut signals) = (Vec::new(), 0);
    while messages.len() < count {
        let frame = match reader.next().await {
            LinkEvent::Push(frame) => frame,
            LinkEvent::Signal(_) => {
                signals += 1;
                continue;
            }
            _ => continue,
        };
        match frame.header.kind {
            Kind::ROOM_BATCH => {
                let batch: RoomBatch = frame.open().unwrap();
                let entries = batch.entries.iter().filter(|_| batch.room == room);
                messages.extend(
                    entries.filter_map(|entry| match entry.open_room().unwrap() {
                        RoomEntry::Message(message) => Some((message.seq, message.author)),
                        _ => None,
                    }),
                );
            }
            Kind::BEHIND => panic!("displaced: {:?}", frame.open::<Behind>()),
            _ => {}
        }
    }
    (messages, signals)
}

/// Everybody floods the room with signals while three write; the reader must notice nothing.
async fn write_in_a_flood(server: &TestServer) -> usize {
    let (ada, mut reader) = ada_and_bob(server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&reader]).await;
    let mut writers = vec![ada];
    for name in ["carl", "dora"] {
        let person = server.register(name, "").await;
        let writer = device(server, &person).await;
        writers[0].done(&ask::add(room, writer.user())).await;
        writers.push(writer);
    }
    assert_eq!(writers.len(), WRITERS);
    for writer in &writers {
        writer.open(room).await;
    }
    reader.open(room).await;
    let mut writing = JoinSet::new();
    for writer in writers {
        writing.spawn(async move {
            let mut seqs = Vec::new();
            for round in 0..MESSAGES {
                flood(&writer, room, round);
                let posted: Result<Posted, _> = writer
                    .try_ask(&ask::post(room, "a message in a flood"))
                    .await;
                // Signals have a rate of their own: it is never a message that they cost.
                seqs.push(posted.unwrap().seq);
            }
            (writer, seqs)
        });
    }
    let (messages, signals) = received(&mut reader, room, WRITERS * MESSAGES).await;
    let seqs: Vec<u64> = messages.iter().map(|(seq, _)| *seq).collect();
    let all: Vec<u64> = (1..=(WRITERS * MESSAGES) as u64).collect();
    assert_eq!(seqs, all, "each once, in order");
    while let Some(done) = writing.join_next().await {
        let (writer, own) = done.unwrap();
        let by_writer = messages.iter().filter(|(_, by)| *by == writer.user());
        let by_writer: Vec<u64> = by_writer.map(|(seq, _)| *seq).collect();
        assert_eq!(by_writer, own, "acknowledged where they were delivered");
        writer.leave().await;
    }
    signals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_signals_displaces_no_message() {
    // No rate stands in the way: what sheds them is the server's own economy.
    let server = open_server().await;
    let signals = write_in_a_flood(&server).await;
    let sent = WRITERS * MESSAGES * SIGNALS * 2;
    assert!(
        (1..sent / 10).contains(&signals),
        "{signals} digests of {sent} signals"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_above_their_rate_are_dropped_and_messages_are_not() {
    let server = TestServer::with(|config| {
        open(config);
        config.limits.signals = Rate::new(20, 60);
    })
    .await;
    write_in_a_flood(&server).await;
}

#[tokio::test]
async fn who_only_looks_into_a_public_room_is_not_there() {
    let server = open_server().await;
    let (mut ada, carl) = (
        device(&server, &server.owner("ada").await).await,
        device(&server, &server.register("carl", "").await).await,
    );
    let room = room_of(RoomKind::PUBLIC, &ada, &[]).await;
    ada.open(room).await;
    carl.open(room).await;
    assert!(carl.link.signal(&ask::typing(room, true)));
    assert!(ada.link.signal(&ask::typing(room, true)));
    let digest: TypingDigest = ada.push().await;
    assert_eq!(digest.people, [ada.user()]);
    carl.done(&ask::join(room)).await;
    let here = PresenceState::ONLINE;
    let (first, second) = (ada.user(), carl.user());
    online(&mut ada, &[(first, here), (second, here)]).await;
    // A member's typing is shown.
    assert!(carl.link.signal(&ask::typing(room, true)));
    let digest: TypingDigest = ada.push().await;
    assert!(digest.people.contains(&second));
}
