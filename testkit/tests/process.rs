//! What only a server in a process of its own can show.

#![allow(clippy::unwrap_used)]

use parlor_client_core::net::{Connected, Dial, Flight, Link, hello};
use parlor_protocol::hello::{Enter, Password, Register, Token};
use parlor_protocol::message::Posted;
use parlor_protocol::session::Entry;
use parlor_protocol::{Code, Extensions, RoomId};
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::process::{ProcessError, ServerProcess, has_own_disks};
use parlor_testkit::server::PASSWORD;

const PROGRAM: &str = env!("CARGO_BIN_EXE_parlor-test-server");

async fn connect(dial: &Dial, entry: &Entry) -> Connected {
    Link::connect(dial, Flight::new(&hello("testkit", 0), entry))
        .await
        .unwrap()
}

async fn owner(server: &ServerProcess) -> (Device, Token, RoomId) {
    let register = Entry::Register(Register {
        code: server.owner_link().code.clone(),
        name: "ada".to_owned(),
        display_name: String::new(),
        password: Password(PASSWORD.to_owned()),
        device: "testkit".to_owned(),
        ext: Extensions::NONE,
    });
    let connected = connect(&server.dial(None), &register).await;
    let token = connected.entered.token.clone().unwrap();
    let ada = Device::new(connected);
    let room = ada.all_of_mine().await.heads[0].room;
    (ada, token, room)
}

fn unlimited(mut server: ServerProcess) -> ServerProcess {
    for class in ["sends", "reads"] {
        server = server
            .set(&format!("limits.{class}.burst"), 1_000_000)
            .set(&format!("limits.{class}.per_minute"), 10_000_000);
    }
    server
}

#[tokio::test]
async fn a_full_disk_refuses_messages_and_keeps_what_it_has() {
    let server = ServerProcess::new(PROGRAM).unwrap().on_a_disk_of(12 * 1024);
    let mut server = unlimited(server);
    server.start().await.unwrap();
    let (ada, _, room) = owner(&server).await;
    let text: String = "What fills a disk. ".repeat(1_600);
    let mut acknowledged: Vec<u64> = Vec::new();
    let refused = loop {
        let post = ask::post(room, &text);
        match ada.try_ask::<_, Posted>(&post).await {
            Ok(posted) => acknowledged.push(posted.seq),
            Err(refusal) => break refusal,
        }
        assert!(acknowledged.len() < 2_000, "12 MiB do not hold 60");
    };
    let expected = if has_own_disks() {
        Code::STORAGE_FULL
    } else {
        Code::STORAGE_AWAY
    };
    assert_eq!(refused.code, expected, "{refused:?}");
    assert!(refused.retry_after_ms > 0);
    // Nothing of what was acknowledged is lost, and reading goes on.
    let page = ada.newest(room).await;
    assert_eq!(Some(&page.head), acknowledged.last());
    assert!(
        server.said().contains("a commit failed"),
        "{}",
        server.said()
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_disk_without_room_for_a_database_is_one_clear_line() {
    let mut server = ServerProcess::new(PROGRAM)
        .unwrap()
        .on_a_disk_of(16)
        .set("log.level", "error");
    let Err(ProcessError::EndedEarly { said }) = server.start().await else {
        panic!("it started on a disk without room");
    };
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("No space left") || said.contains("full"),
        "{said}"
    );
}

#[tokio::test]
async fn what_was_acknowledged_before_kill_9_is_there_after_it() {
    let mut server = unlimited(ServerProcess::new(PROGRAM).unwrap());
    server.start().await.unwrap();
    let (ada, token, room) = owner(&server).await;
    let posts: Vec<_> = (0..60)
        .map(|n| ask::post(room, &format!("number {n}")))
        .collect();
    let mut sent = Vec::new();
    for post in &posts {
        sent.push(tokio::spawn(ada.link.request::<_, Posted>(post)));
    }
    let first = sent.remove(0).await.unwrap().unwrap();
    server.kill().await.unwrap();
    server.start().await.unwrap();
    let entry = Entry::Token(Enter {
        token,
        ext: Extensions::NONE,
    });
    let again = Device::new(connect(&server.dial(None), &entry).await);
    // Sent again, each is there once, in the order of the outbox.
    let mut seqs = Vec::new();
    for post in &posts {
        let posted: Posted = again.ask(post).await;
        seqs.push(posted.seq);
    }
    assert_eq!(seqs[0], first.seq);
    assert_eq!(seqs, (1..=60).collect::<Vec<u64>>());
    assert_eq!(again.newest(room).await.head, 60);
}
