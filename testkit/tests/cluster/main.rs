//! What the fixture of a whole cluster gives: nodes that share one truth, and come and go.

#![allow(clippy::unwrap_used)]

mod moves;

use parlor_client_core::net::{Connected, Flight, Link, hello};
use parlor_protocol::hello::{Enter, Password, Register};
use parlor_protocol::session::Entry;
use parlor_protocol::{Extensions, RoomId};
use parlor_testkit::cluster::Cluster;
use parlor_testkit::device::Device;
use parlor_testkit::server::PASSWORD;

const PROGRAM: &str = env!("CARGO_BIN_EXE_parlor-test-server");

async fn connect(cluster: &Cluster, node: usize, entry: &Entry) -> Connected {
    let dial = cluster.dial(node, None).unwrap();
    Link::connect(&dial, Flight::new(&hello("testkit", 0), entry))
        .await
        .unwrap()
}

fn registration(name: &str, code: &str) -> Entry {
    Entry::Register(Register {
        code: code.to_owned(),
        name: name.to_owned(),
        display_name: String::new(),
        password: Password(PASSWORD.to_owned()),
        device: "testkit".to_owned(),
        ext: Extensions::NONE,
    })
}

/// The owner on node 0 with the room that every installation begins with, and how they come again.
async fn owner(cluster: &Cluster) -> (Device, RoomId, Entry) {
    let code = &cluster.owner_link().unwrap().code;
    let connected = connect(cluster, 0, &registration("ada", code)).await;
    let token = connected.entered.token.clone().unwrap();
    let ada = Device::new(connected);
    let room = ada.all_of_mine().await.heads[0].room;
    let enter = Entry::Token(Enter {
        token,
        ext: Extensions::NONE,
    });
    (ada, room, enter)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_on_two_nodes_talk_and_a_session_is_good_on_both() {
    let cluster = Cluster::running(PROGRAM, 2).await.unwrap();
    let (ada, room, ada_again) = owner(&cluster).await;
    let invite = cluster.invite(1, 1).await.unwrap();
    let mut bob = Device::new(connect(&cluster, 1, &registration("bob", &invite.code)).await);
    bob.open(room).await;
    ada.post(room, "from the other node").await;
    assert_eq!(bob.message(room).await.text, "from the other node");

    let ada = Device::new(connect(&cluster, 1, &ada_again).await);
    assert_eq!(ada.newest(room).await.head, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_killed_started_frozen_and_drained_and_the_other_has_everything() {
    let mut cluster = Cluster::running(PROGRAM, 2).await.unwrap();
    let (ada, room, ada_again) = owner(&cluster).await;
    ada.post(room, "one").await;
    cluster.kill(0).await.unwrap();
    let ada = Device::new(connect(&cluster, 1, &ada_again).await);
    ada.post(room, "two").await;
    cluster.start(0).await.unwrap();
    let mut back = Device::new(connect(&cluster, 0, &ada_again).await);
    assert_eq!(back.newest(room).await.head, 2);

    cluster.freeze(0).unwrap();
    ada.post(room, "three").await;
    cluster.thaw(0).unwrap();
    back.open(room).await;
    ada.post(room, "four").await;
    while back.message(room).await.seq < 4 {}

    cluster.drain(0).await.unwrap();
    back.go_away().await;
    ada.post(room, "five").await;
    assert_eq!(ada.newest(room).await.head, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_later_by_the_same_file() {
    let mut cluster = Cluster::running(PROGRAM, 1).await.unwrap();
    let (ada, room, ada_again) = owner(&cluster).await;
    ada.post(room, "before it came").await;
    let second = cluster.place().unwrap();
    cluster.start_all().await.unwrap();
    let ada = Device::new(connect(&cluster, second, &ada_again).await);
    assert_eq!(ada.newest(room).await.head, 1);
}
