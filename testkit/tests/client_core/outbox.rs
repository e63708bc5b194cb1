//! What is written leaves once, in order.

use std::collections::HashSet;

use parlor_client_core::api::{Delivery, NewRoom, Options, RoomKind, SendError};
use parlor_testkit::server::TestServer;

use crate::face::{Face, offline, shown};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_offline_leaves_once_and_in_order() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    let ada = ada.again(offline()).await;
    let written: Vec<String> = (1..=60).map(|number| format!("offline {number}")).collect();
    for text in &written {
        ada.core.post(general, text).await.unwrap();
    }
    let timeline = ada.timeline(general);
    assert_eq!(shown(&timeline).last(), written.last());
    assert_eq!(ada.core.link().unsent, 60);
    drop(timeline);
    let mut ada = ada.again(Options::app("test 0")).await;
    ada.until("all sent", |core| (core.link().unsent == 0).then_some(()))
        .await;
    assert_eq!(ada.texts(general).await, written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_processes_of_one_profile_send_each_message_once() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    let mut sending = Vec::new();
    for number in 0..20 {
        let folder = ada.folder.clone();
        sending.push(tokio::spawn(async move {
            let script = Face::open(folder, Options::script("test 0")).await;
            script.say(general, &format!("from process {number}")).await;
            script.core.close().await;
        }));
    }
    for sent in sending {
        sent.await.unwrap();
    }
    ada.online().await;
    ada.until("all of them", |core| {
        (core.room(general)?.head == 20).then_some(())
    })
    .await;
    let texts: HashSet<String> = ada.texts(general).await.into_iter().collect();
    assert_eq!(texts.len(), 20);
    assert_eq!(ada.core.link().unsent, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_the_room_refuses_fails_and_lets_the_others_go() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let mut bob = ada.invite(&server.owner_link(), "bob").await;
    let general = bob.room("general").await;
    ada.room("general").await;
    let club = NewRoom {
        kind: RoomKind::Private,
        name: "Club".to_owned(),
        topic: String::new(),
    };
    let club = ada.core.create_room(club).await.unwrap();
    let me = bob.core.whoami().unwrap().user;
    ada.core.add_member(club, me).await.unwrap();
    bob.until("the club", |core| core.room(club)).await;
    let mut bob = bob.again(offline()).await;
    let refused = bob.core.post(club, "too late").await.unwrap();
    let fine = bob.core.post(general, "in time").await.unwrap();
    ada.core.remove_member(club, me).await.unwrap();
    bob = bob.again(Options::app("test 0")).await;
    bob.core.wait_sent(fine).await.unwrap();
    let error = bob.core.wait_sent(refused).await.unwrap_err();
    assert!(matches!(error, SendError::Failed { .. }), "{error}");
    let kept = bob.core.unsent(club);
    assert!(matches!(kept[0].delivery, Delivery::Failed { .. }));
    assert_eq!(bob.core.discard(refused).await.unwrap(), "too late");
    assert_eq!(bob.core.link().failed, 0);
}
