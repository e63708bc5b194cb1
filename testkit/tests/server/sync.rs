//! Catching up: after a break, by recent batches or the database, far behind, or as a slow reader.

use std::collections::BTreeMap;

use parlor_client_core::net::LinkEvent;
use parlor_protocol::limit::RESET_ABOVE_CHANGES;
use parlor_protocol::message::Posted;
use parlor_protocol::room::{Head, RoomKind};
use parlor_protocol::sync::{Behind, Entry, Heads, RoomBatch, RoomChanges, RoomEntry, RoomOpened};
use parlor_protocol::{Kind, RoomId};
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::TestPerson;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;

use crate::common::{ada_and_bob, device, open_server, room_of};

fn seqs(entries: &[Entry]) -> Vec<u64> {
    let entries = entries.iter().filter_map(|it| it.open_room().ok());
    let seq = |entry| match entry {
        RoomEntry::Message(message) => Some(message.seq),
        _ => None,
    };
    entries.filter_map(seq).collect()
}

#[tokio::test]
async fn a_client_resumes_where_it_was() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let bob = server.register("bob", "").await;
    let (ada, first) = (device(&server, &ada).await, device(&server, &bob).await);
    let room = room_of(RoomKind::PRIVATE, &ada, &[&first]).await;
    ada.post(room, "held").await;
    let held = first.open(room).await.changes.through;
    first.leave().await;
    for number in 1..=3 {
        ada.post(room, &format!("missed {number}")).await;
    }
    let again = device(&server, &bob).await;
    let opened: RoomOpened = again.ask(&ask::open(room, Some(held), 50)).await;
    assert!(!opened.changes.reset && opened.page.is_none());
    assert_eq!(seqs(&opened.changes.entries), [2, 3, 4]);
    assert_eq!(opened.changes.through, opened.changes.rev);
    // Nothing missed: nothing comes.
    let opened: RoomOpened = again
        .ask(&ask::open(room, Some(opened.changes.rev), 50))
        .await;
    assert!(opened.changes.entries.is_empty() && !opened.changes.reset);
    // More than there ever was: it is of another life of the data.
    let opened: RoomOpened = again.ask(&ask::open(room, Some(9_999), 50)).await;
    assert!(opened.changes.reset);
}

#[tokio::test]
async fn recent_batches_and_the_database_tell_the_same() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    let opened = bob.open(room).await;
    for number in 1..=10 {
        ada.post(room, &format!("number {number}")).await;
    }
    let hits = || server.server.core().metrics.ring_hits.get();
    for since in opened.changes.through..opened.changes.through + 10 {
        let before = hits();
        let recent: RoomChanges = bob.ask(&ask::changes(room, since)).await;
        assert_eq!(hits(), before + 1, "bob has the room open");
        // Ada has not, and is answered by the database.
        let stored: RoomChanges = ada.ask(&ask::changes(room, since)).await;
        assert_eq!(hits(), before + 1);
        assert_eq!(recent.entries, stored.entries, "since {since}");
        assert_eq!((recent.through, recent.rev), (stored.through, stored.rev));
    }
}

/// A text that compression makes nothing of.
fn noise(number: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let letters = rand::distr::Alphanumeric.sample_iter(&mut rng);
    letters.take(15_000).map(char::from).collect()
}

/// Sends many messages, several in flight.
async fn flood(device: &Device, room: RoomId, count: usize, text: impl Fn(u64) -> String) {
    for _ in 0..count.div_ceil(50) {
        let posts: Vec<_> = (0..50)
            .map(|number| ask::post(room, &text(number)))
            .collect();
        let sent = posts
            .iter()
            .map(|post| device.link.request::<_, Posted>(post));
        for sent in sent.map(tokio::spawn).collect::<Vec<_>>() {
            sent.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn who_is_too_far_behind_begins_anew_with_the_newest_page() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    let held = bob.open(room).await.changes.through;
    let _: parlor_protocol::hello::Done = bob.ask(&ask::close(room)).await;
    let changes = RESET_ABOVE_CHANGES as usize;
    flood(&ada, room, changes - 50, |_| "said".to_owned()).await;
    let near: RoomOpened = bob.ask(&ask::open(room, Some(held), 50)).await;
    assert!(
        !near.changes.reset && near.changes.through < near.changes.rev,
        "in parts"
    );
    flood(&ada, room, 100, |_| "said".to_owned()).await;
    let far: RoomOpened = bob.ask(&ask::open(room, Some(held), 50)).await;
    assert!(far.changes.reset);
    let page = far.page.unwrap();
    assert_eq!((page.messages.len(), page.as_of), (50, far.changes.through));
    assert_eq!(page.messages.last().unwrap().seq, page.head);
}

/// Reads on after [`Behind`] until everything is held, as a client does.
async fn pull(device: &mut Device, room: RoomId, held: &mut BTreeMap<u64, u64>, mut rev: u64) {
    loop {
        let changes: RoomChanges = device.ask(&ask::changes(room, rev)).await;
        assert!(!changes.reset);
        for entry in &changes.entries {
            if let Ok(RoomEntry::Message(message)) = entry.open_room() {
                held.insert(message.seq, entry.rev);
            }
        }
        rev = changes.through;
        if changes.through >= changes.rev {
            return;
        }
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_and_has_everything_in_the_end() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let bob: TestPerson = server.register("bob", "").await;
    let ada = device(&server, &ada).await;
    let connected = server.connect(bob.by_token()).await.unwrap();
    let room = room_of(RoomKind::PRIVATE, &ada, &[]).await;
    ada.done(&ask::add(room, bob.user)).await;
    let beside = ada
        .done(&ask::create_room(RoomKind::PRIVATE, "annexe"))
        .await;
    ada.done(&ask::add(beside.room, bob.user)).await;
    connected.link.fire(&ask::open(room, None, 1)).unwrap();
    // Nobody reads bob's link while megabytes pass, and word of another room with them.
    let slow = || server.server.core().metrics.slow_links.get();
    for _ in 0..6 {
        ada.post(beside.room, "meanwhile").await;
        flood(&ada, room, 50, noise).await;
    }

    let mut bob = Device::new(connected);
    let (mut held, mut rev) = (BTreeMap::new(), 0);
    let told = loop {
        match bob.next().await {
            LinkEvent::Push(frame) if frame.header.kind == Kind::ROOM_BATCH => {
                let batch: RoomBatch = frame.open().unwrap();
                assert!(
                    rev == 0 || batch.before == rev,
                    "no gap before the word of it"
                );
                rev = batch.rev;
                for seq in seqs(&batch.entries) {
                    held.insert(seq, rev);
                }
            }
            LinkEvent::Push(frame) if frame.header.kind == Kind::BEHIND => {
                break frame.open::<Behind>().unwrap().head;
            }
            LinkEvent::Closed(why) => panic!("{why}"),
            _ => {}
        }
    };
    assert_eq!(told.room, room);
    assert!(told.rev > rev && slow() > 0);
    pull(&mut bob, room, &mut held, rev).await;
    assert_eq!(held.len(), 300);
    // And it goes on as before.
    let said = ada.post(room, "are you with us?").await;
    assert_eq!(bob.message(room).await.seq, said.seq);
    let said = ada.post(beside.room, "and here?").await;
    loop {
        let heads: Heads = bob.push().await;
        let heard = |head: &Head| head.room == beside.room && head.rev == said.rev;
        if heads.heads.iter().any(heard) {
            return;
        }
    }
}
