//! Servers that are killed, or gone.

use std::time::Duration;

use parlor_client_core::api::{LinkState, Options};
use parlor_testkit::process::ServerProcess;

use crate::face::{Face, shown};

pub(crate) async fn server() -> ServerProcess {
    let mut server = ServerProcess::new(env!("CARGO_BIN_EXE_parlor-test-server")).unwrap();
    // A test writes faster than people do.
    for class in ["sends", "reads", "commands"] {
        server = server
            .set(&format!("limits.{class}.burst"), 1_000_000)
            .set(&format!("limits.{class}.per_minute"), 10_000_000);
    }
    server.start().await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_between_messages_loses_and_doubles_none() {
    let mut server = server().await;
    let mut ada = Face::join(server.owner_link(), "ada").await;
    let mut bob = ada.invite(server.owner_link(), "bob").await;
    let general = ada.room("general").await;
    bob.room("general").await;
    let timeline = bob.timeline(general);
    let mut written = Vec::new();
    for round in 0..3 {
        for number in 0..20 {
            let text = format!("round {round} message {number}");
            ada.core.post(general, &text).await.unwrap();
            written.push(text);
        }
        server.kill().await.unwrap();
        for number in 20..30 {
            let text = format!("round {round} message {number}");
            ada.core.post(general, &text).await.unwrap();
            written.push(text);
        }
        server.start().await.unwrap();
    }
    ada.until("all sent", |core| (core.link().unsent == 0).then_some(()))
        .await;
    let end = written[written.len() - 50..].to_vec();
    bob.until("the end on screen", |_| {
        (shown(&timeline) == end).then_some(())
    })
    .await;
    assert_eq!(bob.texts(general).await, written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_line_is_honest_while_the_server_is_away() {
    let mut server = server().await;
    let mut ada = Face::join(server.owner_link(), "ada").await;
    ada.until("online", |core| {
        (core.link().state == LinkState::Online).then_some(())
    })
    .await;
    server.kill().await.unwrap();
    ada.until("doubt", |core| {
        (core.link().state != LinkState::Online).then_some(())
    })
    .await;
    server.start().await.unwrap();
    ada.until("online again", |core| {
        (core.link().state == LinkState::Online).then_some(())
    })
    .await;
    assert!(
        ada.core
            .link()
            .rtt
            .is_some_and(|rtt| rtt < Duration::from_secs(1))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_long_absence_a_room_is_caught_up_with_from_its_newest_page() {
    let server = server().await;
    let mut ada = Face::join(server.owner_link(), "ada").await;
    let mut bob = ada.invite(server.owner_link(), "bob").await;
    let general = bob.room("general").await;
    ada.room("general").await;
    let timeline = bob.timeline(general);
    ada.say(general, "old").await;
    bob.sees(&timeline, &["old"]).await;
    drop(timeline);
    let bob = bob.again(crate::face::offline()).await;
    bob.core.close().await;
    let mut last = None;
    for number in 0..2_100 {
        last = Some(
            ada.core
                .post(general, &format!("while away {number}"))
                .await
                .unwrap(),
        );
    }
    let sent = tokio::time::timeout(Duration::from_secs(120), ada.core.wait_sent(last.unwrap()));
    sent.await.unwrap().unwrap();
    let mut bob = Face::open(bob.folder, Options::app("test 0")).await;
    let timeline = bob.timeline(general);
    bob.sees(&timeline, &["while away 2099"]).await;
    assert_eq!(bob.texts(general).await.len(), 2_101);
}
