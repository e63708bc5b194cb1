//! Long texts, which travel on streams of their own.

use parlor_client_core::net::BulkError;
use parlor_protocol::Code;
use parlor_protocol::limit::TEXT_BYTES;
use parlor_protocol::message::{LongText, Posted, PutText};
use parlor_protocol::room::RoomKind;
use parlor_testkit::ask;

use crate::common::{ada_and_bob, open_server, room_of};

fn code(refused: Result<impl Sized, BulkError>) -> Code {
    match refused {
        Err(BulkError::Refused(refusal)) => refusal.code,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test]
async fn a_megabyte_goes_up_and_comes_down_the_same() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    bob.open(room).await;
    let text: String = (0..)
        .map(|number| format!("line {number} ä\n"))
        .take(100_000)
        .collect();
    let text = &text[..text.floor_char_boundary(TEXT_BYTES)];
    let post = ask::post_long(room, text);
    assert_eq!(ada.refused(&post).await, Code::TEXT_MISSING);
    let put = ask::put_text(room, text);
    ada.link
        .put_text(&put, text.to_owned().into())
        .await
        .unwrap();
    let posted: Posted = ada.ask(&post).await;

    let message = bob.message(room).await;
    assert!(text.starts_with(&message.text) && message.long == Some(ask::long(text)));
    let came = bob
        .link
        .get_text(&ask::get_text(room, posted.seq))
        .await
        .unwrap();
    assert!(came == text.as_bytes(), "the same bytes");
}

#[tokio::test]
async fn an_upload_is_held_to_its_size_and_its_hash() {
    let server = open_server().await;
    let (ada, _bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[]).await;
    let text = "x".repeat(40_000);
    let right = ask::put_text(room, &text);
    let with = |long: LongText| PutText {
        long,
        ..right.clone()
    };

    let too_long = with(LongText {
        bytes: TEXT_BYTES as u32 + 1,
        ..right.long
    });
    assert_eq!(
        code(ada.link.put_text(&too_long, text.clone().into()).await),
        Code::TEXT_TOO_LONG
    );
    let larger = with(LongText {
        bytes: 40_001,
        ..right.long
    });
    assert_eq!(
        code(ada.link.put_text(&larger, text.clone().into()).await),
        Code::MALFORMED
    );
    let smaller = with(LongText {
        bytes: 39_999,
        ..right.long
    });
    assert_eq!(
        code(ada.link.put_text(&smaller, text.clone().into()).await),
        Code::MALFORMED
    );
    let other = with(LongText {
        hash: [7; 32],
        ..right.long
    });
    assert_eq!(
        code(ada.link.put_text(&other, text.clone().into()).await),
        Code::MALFORMED
    );
    let nul = "x\0".repeat(20_000);
    let put = ask::put_text(room, &nul);
    assert_eq!(
        code(ada.link.put_text(&put, nul.into()).await),
        Code::TEXT_HAS_NUL
    );
    // None of it was kept.
    for post in [ask::post_long(room, &text)] {
        assert_eq!(ada.refused(&post).await, Code::TEXT_MISSING);
    }
    ada.link
        .put_text(&right, text.clone().into())
        .await
        .unwrap();
    let _: Posted = ada.ask(&ask::post_long(room, &text)).await;
}
