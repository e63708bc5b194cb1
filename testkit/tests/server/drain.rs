//! A server that is told to stop.

use std::time::Duration;

use parlor_client_core::net::ConnectError;
use parlor_protocol::Code;
use parlor_protocol::room::RoomKind;
use parlor_testkit::ask;

use crate::common::{ada_and_bob, open_server, room_of};

#[tokio::test]
async fn links_are_told_to_go_and_what_was_acknowledged_is_there_afterwards() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let mut link = crate::common::device(&server, &ada).await;
    let room = room_of(RoomKind::PRIVATE, &link, &[]).await;
    let said = link.post(room, "before the end").await;
    let post = ask::post(room, "in the midst of it");
    let stopping = tokio::spawn(server.restart());
    let go_away = link.go_away().await;
    assert!(go_away.retry_min_ms > 0 && go_away.retry_min_ms < go_away.retry_max_ms);
    // Until it ends, the link still works.
    let late: parlor_protocol::message::Posted = link.ask(&post).await;
    link.leave().await;
    let server = stopping.await.unwrap();
    let again = crate::common::device(&server, &ada).await;
    let seqs: Vec<u64> = again
        .newest(room)
        .await
        .messages
        .iter()
        .map(|it| it.seq)
        .collect();
    assert_eq!(seqs, [said.seq, late.seq]);
}

#[tokio::test]
async fn who_stays_is_cut_off_in_time_and_who_dials_is_left_to_find_the_next_server() {
    let server = open_server().await;
    let (mut ada, _bob) = ada_and_bob(&server).await;
    let mut dial = server.dial();
    // Shorter than the drain: this dial is to meet no other server.
    dial.deadlines.answer = Duration::from_millis(400);
    let metrics = server.server.core().metrics.clone();
    let stopping = tokio::spawn(server.restart());
    let go_away = ada.go_away().await;
    assert!(go_away.retry_min_ms < go_away.retry_max_ms);
    let hello = parlor_client_core::net::hello("testkit", 0);
    let unanswered = parlor_client_core::net::Greeted::connect(&dial, &hello).await;
    assert!(
        matches!(unanswered, Err(ConnectError::NoAnswer { .. })),
        "{unanswered:?}"
    );
    assert!(metrics.refused_links.get() > 0);
    let why = ada.closed().await;
    let code = match &why {
        parlor_client_core::net::CloseReason::Server { code, .. } => *code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code, Code::GOING_AWAY);
    stopping.await.unwrap();
}
