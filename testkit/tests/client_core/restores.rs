//! Servers that go back in time: restored from a backup.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parlor_client_core::api::{LinkState, Options, RoomId};
use parlor_testkit::process::ServerProcess;

use crate::face::{Face, offline, shown};
use crate::outages::server;

/// A command of the server's that takes a file.
async fn run(server: &ServerProcess, command: &str, file: &Path) {
    let arguments = [command, file.to_str().unwrap()];
    let run = server.run(&arguments);
    tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .expect("it ends")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_makes_everything_be_loaded_anew_and_unsent_messages_go_out() {
    let mut server = server().await;
    let mut ada = Face::join(server.owner_link(), "ada").await;
    let general = ada.room("general").await;
    ada.say(general, "before the backup").await;
    let copy = server.folder().join("copy");
    run(&server, "backup", &copy).await;
    ada.say(general, "after the backup").await;
    let timeline = ada.timeline(general);
    ada.sees(&timeline, &["before the backup", "after the backup"])
        .await;
    server.stop().await.unwrap();
    ada.until("the loss of the link", |core| {
        (core.link().state != LinkState::Online).then_some(())
    })
    .await;
    ada.core.post(general, "written meanwhile").await.unwrap();
    run(&server, "restore", &copy).await;
    server.start().await.unwrap();
    ada.sees(&timeline, &["before the backup", "written meanwhile"])
        .await;
    ada.until("all sent", |core| (core.link().unsent == 0).then_some(()))
        .await;
    assert_eq!(
        ada.texts(general).await,
        ["before the backup", "written meanwhile"]
    );
}

/// Posts that many messages without waiting for each, and then for the last.
async fn post_many(face: &Face, room: RoomId, count: usize, what: &str) {
    let mut last = None;
    for number in 0..count {
        let text = format!("{what} {number}");
        last = Some(face.core.post(room, &text).await.unwrap());
    }
    let sent = face.core.wait_sent(last.unwrap());
    tokio::time::timeout(Duration::from_secs(120), sent)
        .await
        .expect("all are sent")
        .unwrap();
}

fn said_before() -> Vec<String> {
    (0..60).map(|number| format!("before {number}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_a_thousand_messages_old_is_what_every_client_ends_with() {
    let mut server = server().await;
    let mut ada = Face::join(server.owner_link(), "ada").await;
    let mut bob = ada.invite(server.owner_link(), "bob").await;
    let mut carol = ada.invite(server.owner_link(), "carol").await;
    let general = ada.room("general").await;
    bob.room("general").await;
    carol.room("general").await;
    post_many(&ada, general, 60, "before").await;
    assert_eq!(carol.texts(general).await, said_before());
    // Carol is away all the while, and later knows only what the backup has.
    let carol = carol.again(offline()).await;
    carol.core.close().await;
    let copy = server.folder().join("copy");
    run(&server, "backup", &copy).await;

    // Bob has all of what will be undone in his store, and its end on his screen.
    let on_screen = bob.timeline(general);
    post_many(&ada, general, 500, "undone of ada").await;
    post_many(&bob, general, 500, "undone of bob").await;
    assert_eq!(bob.texts(general).await.len(), 1_060);
    bob.sees(&on_screen, &["undone of bob 499"]).await;
    server.stop().await.unwrap();
    bob.until("the loss of the link", |core| {
        (core.link().state != LinkState::Online).then_some(())
    })
    .await;
    bob.core.post(general, "unsent of bob").await.unwrap();

    run(&server, "restore", &copy).await;
    server.start().await.unwrap();
    let mut expected = said_before();
    expected.push("unsent of bob".to_owned());
    let mut carol = Face::open(Arc::clone(&carol.folder), Options::app("test 0")).await;
    let end: Vec<String> = expected[expected.len() - 50..].to_vec();
    bob.until("the past on screen", |_| {
        (shown(&on_screen) == end).then_some(())
    })
    .await;
    for face in [&mut ada, &mut bob, &mut carol] {
        let timeline = face.timeline(general);
        face.sees(&timeline, &["unsent of bob"]).await;
        assert_eq!(face.texts(general).await, expected);
    }
    // A newcomer who has seen nothing sees the same, and talk goes on.
    let mut dan = ada.invite(server.owner_link(), "dan").await;
    dan.room("general").await;
    assert_eq!(dan.texts(general).await, expected);
    dan.say(general, "on we go").await;
    expected.push("on we go".to_owned());
    for face in [&mut ada, &mut bob, &mut carol, &mut dan] {
        let timeline = face.timeline(general);
        face.sees(&timeline, &["on we go"]).await;
        assert_eq!(face.texts(general).await, expected);
    }
}
