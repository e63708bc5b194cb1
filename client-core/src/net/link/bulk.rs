use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::error::Refusal;
use parlor_protocol::frame::{self, Frame};
use parlor_protocol::hello::Done;
use parlor_protocol::kind::Body;
use parlor_protocol::limit::{BODY_BYTES, TEXT_BYTES};
use parlor_protocol::message::{GetText, PutText, Text};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::time::timeout;

use super::CloseReason;
use super::incoming::Incoming;
use super::request::{RequestError, read_reply};
use super::shared::Shared;
use super::source::Source;
use super::wire::Wire;
use crate::net::dial::Deadlines;
use crate::net::tcp::Stream;

/// A transfer that does not move for so long is given up.
pub const BULK_STALLED_AFTER: Duration = Duration::from_secs(15);
/// Below the other streams of the link: a transfer never delays a message.
const PRIORITY: i32 = -1;
/// The one request of a stream of its own.
const REQUEST: u32 = 1;
/// Bytes written at once, so that a slow line is not taken for a stalled one.
const PIECE_BYTES: usize = 16 * 1024;

/// Why a transfer failed. Nothing of it took effect; it may be tried again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BulkError {
    #[error("{0}")]
    Refused(Refusal),
    #[error("the transfer did not move for {} s; try again", BULK_STALLED_AFTER.as_secs())]
    Stalled,
    #[error("the link ended in the middle of the transfer: {0}")]
    Lost(CloseReason),
    #[error("the server sent something else than the text it announced; try again")]
    Damaged,
    #[error("the text has {bytes} bytes, more than the {TEXT_BYTES} that a message may have")]
    TooLarge { bytes: usize },
    #[error("the server's answer cannot be read ({0}); update the older of the two programs")]
    Reply(RequestError),
}

/// Uploads and waits until the server has it.
pub(super) async fn put_text(shared: &Shared, put: &PutText, text: Bytes) -> Result<(), BulkError> {
    if text.len() > TEXT_BYTES {
        return Err(BulkError::TooLarge { bytes: text.len() });
    }
    let (mut send, receive) = open(shared, put).await?;
    let mut rest = text;
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        write(&mut send, piece).await?;
    }
    finish(&mut send).await;
    let frame = first_frame(&mut Incoming::new(receive)).await?;
    read::<Done>(&frame).map(|_| ())
}

/// Downloads and checks length and hash.
pub(super) async fn get_text(shared: &Shared, get: &GetText) -> Result<Bytes, BulkError> {
    let (mut send, receive) = open(shared, get).await?;
    finish(&mut send).await;
    let mut incoming = Incoming::new(receive);
    let announced = read::<Text>(&first_frame(&mut incoming).await?)?.long;
    let bytes = announced.bytes as usize;
    if bytes > TEXT_BYTES {
        return Err(BulkError::TooLarge { bytes });
    }
    let (mut stream, mut text) = incoming.into_rest();
    while text.len() <= bytes {
        let chunk = moved(stream.chunk()).await?.map_err(BulkError::Lost)?;
        match chunk {
            Some(bytes) => text.extend_from_slice(&bytes),
            None => break,
        }
    }
    let whole = text.len() == bytes && Sha256::digest(&text)[..] == announced.hash;
    if whole {
        Ok(text.into())
    } else {
        Err(BulkError::Damaged)
    }
}

/// The sending half of a transfer: a stream of its own, or a connection.
enum Send {
    Quic(quinn::SendStream),
    Tcp(WriteHalf<Stream>),
}

async fn open<B: Body>(shared: &Shared, body: &B) -> Result<(Send, Source), BulkError> {
    let (mut send, receive) = match &shared.wire {
        Wire::Quic(quic) => {
            let opened = moved(quic.open_bi()).await?;
            let (send, receive) = opened.map_err(|error| BulkError::Lost(error.into()))?;
            let _ = send.set_priority(PRIORITY);
            (Send::Quic(send), Source::Quic(receive))
        }
        Wire::Tcp(tcp) => {
            let opened = moved(tcp.bulk(Deadlines::default())).await?;
            let (stream, token) = opened.map_err(BulkError::Lost)?;
            let (receive, send) = tokio::io::split(stream);
            let mut send = Send::Tcp(send);
            write(&mut send, Bytes::copy_from_slice(&token.0)).await?;
            (send, Source::Bulk(Box::new(receive)))
        }
    };
    write(&mut send, frame::encode(REQUEST, body)).await?;
    Ok((send, receive))
}

async fn write(send: &mut Send, bytes: Bytes) -> Result<(), BulkError> {
    match send {
        Send::Quic(send) => match moved(send.write_chunk(bytes)).await? {
            // The server stops an upload that it refuses; why stands in its answer.
            Ok(()) | Err(quinn::WriteError::Stopped(_)) => Ok(()),
            Err(error) => Err(broken(error)),
        },
        Send::Tcp(send) => {
            let written = async {
                send.write_all(&bytes).await?;
                send.flush().await
            };
            // Where the server has hung up, its answer may still say why.
            moved(written).await?.or(Ok(()))
        }
    }
}

async fn finish(send: &mut Send) {
    match send {
        Send::Quic(send) => drop(send.finish()),
        // Failed, the answer fails too, or says why.
        Send::Tcp(send) => drop(moved(send.shutdown()).await),
    }
}

async fn first_frame(incoming: &mut Incoming) -> Result<Frame, BulkError> {
    moved(incoming.frame(BODY_BYTES))
        .await?
        .map_err(BulkError::Lost)
}

fn read<R: Body>(frame: &Frame) -> Result<R, BulkError> {
    read_reply(frame).map_err(|error| match error {
        RequestError::Refused(refusal) => BulkError::Refused(refusal),
        other => BulkError::Reply(other),
    })
}

async fn moved<T>(step: impl Future<Output = T>) -> Result<T, BulkError> {
    timeout(BULK_STALLED_AFTER, step)
        .await
        .map_err(|_| BulkError::Stalled)
}

fn broken(error: impl std::fmt::Display) -> BulkError {
    BulkError::Lost(CloseReason::Transport(error.to_string()))
}
