//! Nodes of one cluster: what happens at one is seen at all, whatever becomes of the bus between.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use parlor_protocol::account::RevokeSession;
use parlor_protocol::hello::Done;
use parlor_protocol::message::Posted;
use parlor_protocol::room::{RoomDone, RoomKind};
use parlor_protocol::signal::{PresenceDigest, TypingDigest};
use parlor_protocol::sync::{RoomBatch, RoomEntry, UserEntry};
use parlor_protocol::{Code, RoomId, UserId};
use parlor_server::config::{Config, Rate, Registration};
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::nodes::Nodes;
use parlor_testkit::server::{TestPerson, TestServer};

fn open(config: &mut Config) {
    config.server.registration = Registration::Open;
    let none = Rate::new(1_000_000, 10_000_000);
    let limits = &mut config.limits;
    for rate in [
        &mut limits.commands,
        &mut limits.sends,
        &mut limits.reads,
        &mut limits.markers,
        &mut limits.signals,
    ] {
        *rate = none.clone();
    }
}

async fn device(server: &TestServer, person: &TestPerson) -> Device {
    Device::new(server.connect(person.by_token()).await.unwrap())
}

/// The seqs of so many messages as a link receives them: each batch continues from what was held.
async fn read(reader: &mut Device, room: RoomId, messages: usize) -> Vec<u64> {
    let (mut seqs, mut held) = (Vec::new(), None);
    while seqs.len() < messages {
        let batch: RoomBatch = reader.push().await;
        assert_eq!(batch.room, room);
        assert!(
            held.is_none_or(|held| held == batch.before),
            "a gap or a double"
        );
        held = Some(batch.rev);
        for entry in &batch.entries {
            if let Ok(RoomEntry::Message(message)) = entry.open_room() {
                seqs.push(message.seq);
            }
        }
    }
    seqs
}

/// Two nodes with somebody at each, and a room of both.
struct Scene {
    nodes: Nodes,
    ada: Device,
    bob: Device,
    room: RoomId,
}

impl Scene {
    async fn new() -> Self {
        let nodes = Nodes::start(2, open).await;
        let [here, there] = [&nodes.servers[0], &nodes.servers[1]];
        let ada = here.owner("ada").await;
        let bob = there.register("bob", "").await;
        let (ada, mut bob) = (device(here, &ada).await, device(there, &bob).await);
        let made: RoomDone = ada
            .ask(&ask::create_room(RoomKind::PRIVATE, "workshop"))
            .await;
        ada.done(&ask::add(made.room, bob.user())).await;
        // The room comes to bob, who is at the other node.
        let came = |entry: &UserEntry| matches!(entry, UserEntry::Room(it) if it.room == made.room);
        bob.own_entry(came).await;
        ada.open(made.room).await;
        bob.open(made.room).await;
        Self {
            nodes,
            ada,
            bob,
            room: made.room,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_writes_at_one_node_is_read_at_another_each_once_and_in_order() {
    let mut scene = Scene::new().await;
    let room = scene.room;
    for number in 0..50 {
        scene.ada.post(room, &format!("ada {number}")).await;
        scene.bob.post(room, &format!("bob {number}")).await;
    }
    for reader in [&mut scene.ada, &mut scene.bob] {
        assert_eq!(read(reader, room, 100).await, (1..=100).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_write_into_one_room_at_once_give_each_message_a_place_of_its_own() {
    let mut scene = Scene::new().await;
    let room = scene.room;
    let posts: Vec<_> = (0..200)
        .map(|number| ask::post(room, &format!("number {number}")))
        .collect();
    let mut sent = Vec::new();
    for (number, post) in posts.iter().enumerate() {
        let by = match number % 2 {
            0 => &scene.ada,
            _ => &scene.bob,
        };
        sent.push(tokio::spawn(by.link.request::<_, Posted>(post)));
    }
    let mut seqs = Vec::new();
    for post in sent {
        seqs.push(post.await.unwrap().unwrap().seq);
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=200).collect::<Vec<u64>>());
    for reader in [&mut scene.ada, &mut scene.bob] {
        assert_eq!(read(reader, room, 200).await, (1..=200).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_at_one_node_sees_nothing_more_at_another() {
    let mut scene = Scene::new().await;
    let room = scene.room;
    scene.ada.post(room, "before").await;
    assert_eq!(scene.bob.message(room).await.text, "before");
    scene.ada.done(&ask::remove(room, scene.bob.user())).await;
    scene.ada.post(room, "after").await;
    let gone = |entry: &UserEntry| matches!(entry, UserEntry::RoomGone(it) if it.room == room);
    scene.bob.own_entry(gone).await;
    // A room of both, as a fence: what was sent before would have come before.
    let fence: RoomDone = scene
        .ada
        .ask(&ask::create_room(RoomKind::PRIVATE, "fence"))
        .await;
    scene
        .ada
        .done(&ask::add(fence.room, scene.bob.user()))
        .await;
    let came = |entry: &UserEntry| matches!(entry, UserEntry::Room(it) if it.room == fence.room);
    scene.bob.own_entry(came).await;
    scene.bob.open(fence.room).await;
    scene.ada.post(fence.room, "fence").await;
    assert_eq!(scene.bob.message(fence.room).await.text, "fence");
    assert_eq!(
        scene.bob.refused(&ask::changes(room, 0)).await,
        Code::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_made_at_one_node_is_good_at_all_and_revoked_at_all() {
    let nodes = Nodes::start(2, open).await;
    let [here, there] = [&nodes.servers[0], &nodes.servers[1]];
    let ada = here.owner("ada").await;
    let first = device(here, &ada).await;
    let other = there.connect(ada.by_password(parlor_testkit::server::PASSWORD));
    let mut second = Device::new(other.await.unwrap());
    let sessions = first.sessions().await;
    assert_eq!(sessions.len(), 2);
    let theirs = sessions.iter().find(|session| !session.current).unwrap();
    let revoke: RevokeSession = ask::revoke(theirs.id);
    let _: Done = first.ask(&revoke).await;
    second.closed().await;
    // And the first one's token is good over there.
    device(there, &ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_bus_gone_messages_come_through_the_database_and_the_last_one_too() {
    let mut scene = Scene::new().await;
    let room = scene.room;
    scene.nodes.place.redis.kill().await.unwrap();
    for number in 0..20 {
        let said = scene.ada.post(room, &format!("number {number}")).await;
        assert_eq!(scene.bob.message(room).await.seq, said.seq);
    }
    scene.nodes.place.redis.start().await.unwrap();
    for _ in 0..20 {
        let said = scene.bob.post(room, "back").await;
        while scene.ada.message(room).await.seq != said.seq {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_while_the_bus_is_gone_ends_its_link_elsewhere() {
    let mut nodes = Nodes::start(2, open).await;
    let ada = nodes.servers[0].owner("ada").await;
    let first = device(&nodes.servers[0], &ada).await;
    let other = ada.by_password(parlor_testkit::server::PASSWORD);
    let mut second = Device::new(nodes.servers[1].connect(other).await.unwrap());
    nodes.place.redis.kill().await.unwrap();
    let sessions = first.sessions().await;
    let theirs = sessions.iter().find(|session| !session.current).unwrap();
    let _: Done = first.ask(&ask::revoke(theirs.id)).await;
    second.closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_make_one_installation() {
    let nodes = Nodes::start(3, open).await;
    let links: Vec<_> = nodes
        .servers
        .iter()
        .map(|server| server.owner_link().code)
        .collect();
    assert!(links.iter().all(|code| *code == links[0]), "{links:?}");
    let pins: Vec<_> = nodes
        .servers
        .iter()
        .map(|server| server.server.pins().to_vec())
        .collect();
    assert!(pins.iter().all(|pin| *pin == pins[0]));
    let owners = nodes.place.postgres.sql(
        nodes.place.database(),
        "SELECT count(*) FROM invites WHERE owner = 1",
    );
    assert_eq!(owners.await.unwrap().trim(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_online_and_who_types_is_seen_across_nodes() {
    let mut scene = Scene::new().await;
    let (room, ada) = (scene.room, scene.ada.user());
    let of_bob = scene.bob.user();
    // Each sees both, though they are at different nodes.
    for reader in [&mut scene.ada, &mut scene.bob] {
        let mut seen = until_online(reader, room, 2).await;
        seen.sort();
        let mut both = [ada, of_bob];
        both.sort();
        assert_eq!(seen, both);
    }
    // Who types says so again and again: the other node may just be asking.
    let (link, mut bob) = (scene.ada.link.clone(), scene.bob);
    let typing = tokio::spawn(async move {
        while link.signal(&ask::typing(room, true)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let digest: TypingDigest = bob.push().await;
    assert_eq!(digest.people, [ada]);
    typing.abort();
    scene.ada.leave().await;
    assert_eq!(until_online(&mut bob, room, 1).await, [bob.user()]);
}

/// Waits for a digest that counts so many people; who they are.
async fn until_online(reader: &mut Device, room: RoomId, count: u32) -> Vec<UserId> {
    loop {
        let digest: PresenceDigest = reader.push().await;
        if digest.room == room && digest.online == count {
            return digest.people.iter().map(|it| it.user).collect();
        }
    }
}
