//! Long texts on streams of their own.

use bytes::Bytes;
use parlor_protocol::error::Refusal;
use parlor_protocol::frame;
use parlor_protocol::hello::Done;
use parlor_protocol::id::RoomId;
use parlor_protocol::message::{GetText, LongText, PutText, Text, Timeline};
use parlor_protocol::{Code, Extensions};
use sha2::{Digest, Sha256};

use super::support::{Session, Stream, TestServer, connected};
use crate::net::{BulkError, Connected};

fn text(bytes: usize) -> Bytes {
    (0..bytes).map(|at| b'a' + (at % 26) as u8).collect()
}

fn long(text: &Bytes) -> LongText {
    LongText {
        bytes: text.len() as u32,
        hash: Sha256::digest(text).into(),
    }
}

fn put(text: &Bytes) -> PutText {
    PutText {
        room: RoomId([1; 16]),
        long: long(text),
        ext: Extensions::NONE,
    }
}

fn get() -> GetText {
    GetText {
        room: RoomId([1; 16]),
        timeline: Timeline::ROOM,
        seq: 7,
        ext: Extensions::NONE,
    }
}

/// The next bulk stream; the stream of commands is always there before, used or not.
async fn bulk(session: &mut Session) -> Stream {
    session.commands().await;
    Stream::accept(&session.connection).await
}

#[tokio::test]
async fn a_megabyte_goes_up_whole() {
    let server = TestServer::start();
    let (
        Connected {
            link,
            events: _events,
            ..
        },
        mut session,
    ) = connected(&server).await;
    let text = text(1024 * 1024);
    let put = put(&text);
    let serve = async {
        let mut stream = bulk(&mut session).await;
        let frame = stream.frame().await.unwrap();
        assert_eq!(frame.open::<PutText>().unwrap(), put);
        assert!(stream.rest().await == text);
        stream
            .send(frame::encode(frame.header.request, &Done::default()))
            .await;
    };
    let (uploaded, ()) = tokio::join!(link.put_text(&put, text.clone()), serve);
    uploaded.unwrap();
}

#[tokio::test]
async fn a_refused_upload_stops_early_and_says_why() {
    let server = TestServer::start();
    let (
        Connected {
            link,
            events: _events,
            ..
        },
        mut session,
    ) = connected(&server).await;
    let text = text(1024 * 1024);
    let put = put(&text);
    let serve = async {
        let mut stream = bulk(&mut session).await;
        let request = stream.frame().await.unwrap().header.request;
        stream.stop();
        stream
            .send(frame::encode(request, &Refusal::new(Code::STORAGE_FULL)))
            .await;
        stream
    };
    let (refused, _stream) = tokio::join!(link.put_text(&put, text.clone()), serve);
    assert!(
        matches!(refused, Err(BulkError::Refused(refusal)) if refusal.code == Code::STORAGE_FULL)
    );
}

#[tokio::test]
async fn what_comes_down_is_checked() {
    let server = TestServer::start();
    let (
        Connected {
            link,
            events: _events,
            ..
        },
        mut session,
    ) = connected(&server).await;
    let whole = text(100_000);
    for (sent, good) in [
        (whole.clone(), true),
        (whole.slice(1..), false),
        (text(100_001), false),
    ] {
        let serve = async {
            let mut stream = bulk(&mut session).await;
            let request = stream.frame().await.unwrap().header.request;
            let announced = Text {
                long: long(&whole),
                ext: Extensions::NONE,
            };
            stream.send(frame::encode(request, &announced)).await;
            stream.send(sent).await;
            stream.send.finish().unwrap();
            stream
        };
        let (got, _stream) = tokio::join!(async { link.get_text(&get()).await }, serve);
        match got {
            Ok(got) => assert!(good && got == whole),
            Err(error) => assert!(!good && matches!(error, BulkError::Damaged), "{error}"),
        }
    }
}
