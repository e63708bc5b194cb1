//! Nodes that share a Redis.

use bytes::Bytes;
use parlor_protocol::Extensions;
use parlor_protocol::bus::NodeBatch;
use parlor_protocol::frame;
use parlor_protocol::room::{Head, RoomKind};
use parlor_protocol::sync::RoomBatch;
use parlor_server::bus::{Channel, Event};
use parlor_server::cache::Kind;
use parlor_server::store::{Appended, Change, ReaderChange, Store};
use parlor_testkit::redis::Redis;

use crate::world::{Database, Node, WITHIN};

async fn two(redis: &Redis) -> (Database, Node, Node) {
    let database = Database::new().await;
    let (one, other) = (database.shared(redis).await, database.shared(redis).await);
    (database, one, other)
}

/// What the bus would tell of it.
fn events(appended: &Appended) -> Vec<Event> {
    let event = |batch: &parlor_server::store::RoomAppended| {
        let frame = RoomBatch {
            room: batch.room,
            before: batch.before,
            rev: batch.rev,
            entries: batch.entries.clone(),
            ext: Extensions::NONE,
        };
        let (joined, left) = match &batch.readers {
            ReaderChange::Joined(people) => (people.clone(), None),
            ReaderChange::Left(user) => (Vec::new(), Some(*user)),
            ReaderChange::None => (Vec::new(), None),
        };
        let told = NodeBatch {
            head: Head {
                room: batch.room,
                head: batch.head,
                rev: batch.rev,
            },
            before: batch.before,
            direct: batch.direct,
            joined,
            left,
            frame: frame::encode(0, &frame).to_vec(),
            ext: Extensions::NONE,
        };
        Event::Frame {
            channel: Channel::Cluster,
            node: parlor_server::bus::NodeNumber(2),
            bytes: Bytes::from(frame::encode(0, &told).to_vec()),
        }
    };
    appended.rooms.iter().map(event).collect()
}

#[tokio::test]
async fn what_one_node_read_another_finds_for_as_long_as_the_settings_say() {
    let redis = Redis::running().await.unwrap();
    let (database, one, other) = two(&redis).await;
    let people: [_; 3] = one.people().await;
    let room = one.room_of(RoomKind::PUBLIC, people).await;
    one.say(people[0], room, "hello").await;
    let (_, token) = one.session(people[0], 1).await;
    let read = async |node: &Node| {
        node.store.access(room, people[0]).await.unwrap();
        let found = node.store.people(&people, &[]).await.unwrap();
        let members = node.store.members(room, None, 50).await.unwrap();
        let rooms = node.store.directory(people[1], "", 50).await.unwrap();
        let named = node.store.room_by_name("the room").await.unwrap();
        assert_eq!(
            (found.len(), members.len(), rooms.len(), named),
            (3, 3, 1, Some(room))
        );
        assert_eq!(node.newest(room).await.len(), 1);
        assert!(node.finds(&token).await);
    };
    read(&one).await;
    // Whose a session is, is known after the first look; the second leaves it for the others.
    assert!(one.finds(&token).await);
    let before = database.gate.reads();
    read(&other).await;
    assert_eq!(database.gate.reads(), before, "nothing was read twice");
    for kind in Kind::ALL {
        assert!(
            other.metrics.cache_shared_hits.of(kind).get() > 0,
            "{}",
            kind.name()
        );
    }
    let begin = format!("parlor:{}:c1", database.bare().epoch());
    let hash = "01".repeat(32);
    let lives = [
        (format!("{begin}:session:{hash}"), 86_400),
        (format!("{begin}:user:{}", people[0]), 300),
        (format!("{begin}:members:{room}:50:"), 600),
        (format!("{begin}:rooms:50:"), 600),
        (format!("{begin}:page:{room}"), 30),
        (format!("{begin}:name:the room"), 3_600),
    ];
    for (name, seconds) in lives {
        let left: u64 = redis
            .command(&["PTTL", &name])
            .await
            .unwrap()
            .parse()
            .unwrap();
        let full = seconds * 1_000;
        assert!(
            (full / 2..=full).contains(&left),
            "{name}: {left} ms of {full}"
        );
    }
    let value = redis
        .command(&["GET", &format!("{begin}:session:{hash}")])
        .await;
    assert!(
        !value.unwrap().contains("argon2"),
        "no password hash leaves a node"
    );
}

#[tokio::test]
async fn lifetimes_are_settings() {
    let redis = Redis::running().await.unwrap();
    let database = Database::new().await;
    let settings = parlor_server::config::Cache {
        users_s: 7,
        pages_s: 5,
        ..Default::default()
    };
    let node = database.shared_with(&redis, settings, WITHIN).await;
    let [ann] = node.people().await;
    let room = node.room_of(RoomKind::PUBLIC, [ann]).await;
    node.newest(room).await;
    node.newest(room).await;
    node.store.people(&[ann], &[]).await.unwrap();
    let begin = format!("parlor:{}:c1", database.bare().epoch());
    let names = [
        (format!("{begin}:user:{ann}"), 7_000),
        (format!("{begin}:page:{room}"), 5_000),
    ];
    for (name, most) in names {
        let left = redis.command(&["PTTL", &name]).await.unwrap();
        let left: i64 = left.parse().unwrap();
        assert!((1..=most).contains(&left), "{name}: {left} ms");
    }
}

#[tokio::test]
async fn a_change_at_one_node_is_seen_at_the_other_before_it_is_acknowledged() {
    let redis = Redis::running().await.unwrap();
    let (_database, one, other) = two(&redis).await;
    let [ann, bob] = one.people().await;
    let room = one.room_of(RoomKind::PUBLIC, [ann]).await;
    let seen = async || {
        let members = other.store.members(room, None, 50).await.unwrap().len();
        let rooms = other.store.directory(bob, "", 50).await.unwrap();
        (members, rooms[0].members, rooms[0].joined)
    };
    assert_eq!(seen().await, (1, 1, false));
    assert_eq!(seen().await, (1, 1, false));
    one.act(ann, room, Change::Add { user: bob }).await.unwrap();
    assert_eq!(seen().await, (2, 2, true));
    one.act(ann, room, Change::Remove { user: bob })
        .await
        .unwrap();
    assert_eq!(seen().await, (1, 1, false));
}

#[tokio::test]
async fn a_node_that_hears_the_bus_answers_from_its_memory_and_forgets_what_changed() {
    let redis = Redis::running().await.unwrap();
    let (database, one, _) = two(&redis).await;
    // However busy the machine is.
    let settings = parlor_server::config::Cache {
        own_memory_s: 600,
        ..Default::default()
    };
    let other = database.shared_with(&redis, settings, WITHIN).await;
    let [ann, bob] = one.people().await;
    let room = one.room_of(RoomKind::PUBLIC, [ann]).await;
    let cache = other.store.cache();
    cache.heard(&Event::Back);
    other.store.members(room, None, 50).await.unwrap();
    let shared = || other.metrics.cache_shared_hits.sum();
    let (before, reads) = (shared(), database.gate.reads());
    other.store.members(room, None, 50).await.unwrap();
    assert_eq!(
        (shared(), database.gate.reads()),
        (before, reads),
        "from its memory"
    );
    let commands = vec![one.command(ann, room, Change::Add { user: bob })];
    for event in events(&one.append(commands).await) {
        cache.heard(&event);
    }
    assert_eq!(other.store.members(room, None, 50).await.unwrap().len(), 2);
    // A post says nothing about members.
    let commands = vec![one.command(ann, room, say("hello"))];
    let reads = database.gate.reads();
    for event in events(&one.append(commands).await) {
        cache.heard(&event);
    }
    other.store.members(room, None, 50).await.unwrap();
    assert_eq!(database.gate.reads(), reads);
    assert_eq!(other.newest(room).await.len(), 1);
    // Deaf, it asks the others.
    let before = shared();
    cache.heard(&Event::Away);
    other.store.members(room, None, 50).await.unwrap();
    assert_eq!(shared(), before + 1);
}

fn say(text: &str) -> Change {
    Change::Post {
        timeline: parlor_protocol::message::Timeline::ROOM,
        after: None,
        text: text.to_owned(),
        long: None,
    }
}

#[tokio::test]
async fn a_writer_that_a_change_overtook_loses_even_when_everything_is_flushed() {
    let redis = Redis::running().await.unwrap();
    for flushed in [false, true] {
        let (database, one, other) = two(&redis).await;
        let [ann, bob] = one.people().await;
        let room = one.room_of(RoomKind::PUBLIC, [ann]).await;
        database.gate.shut();
        let slow = other.store.clone();
        let slow = tokio::spawn(async move { slow.members(room, None, 50).await.unwrap() });
        database.gate.waiting(1).await;
        one.act(ann, room, Change::Add { user: bob }).await.unwrap();
        if flushed {
            redis.command(&["FLUSHALL"]).await.unwrap();
        }
        database.gate.open();
        assert_eq!(slow.await.unwrap().len(), 1);
        for node in [&one, &other] {
            let now = node.store.members(room, None, 50).await.unwrap();
            assert_eq!(now.len(), 2, "flushed: {flushed}");
        }
    }
}

#[tokio::test]
async fn rights_changed_at_one_node_are_seen_in_lists_of_the_other() {
    let redis = Redis::running().await.unwrap();
    let (database, one, other) = two(&redis).await;
    let [ann] = one.people().await;
    let room = one.room_of(RoomKind::PUBLIC, [ann]).await;
    other.store.members(room, None, 50).await.unwrap();
    other.store.people(&[ann], &[]).await.unwrap();
    one.store.set_administrator(ann, true).await.unwrap();
    let before = database.gate.reads();
    other.store.members(room, None, 50).await.unwrap();
    other.store.people(&[ann], &[]).await.unwrap();
    assert_eq!(
        database.gate.reads() - before,
        2,
        "the change cascades to what shows the person"
    );
}
