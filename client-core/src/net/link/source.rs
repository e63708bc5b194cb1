use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use quinn::{ReadError, RecvStream};
use tokio::io::{AsyncRead, ReadBuf, ReadHalf};

use super::CloseReason;
use crate::net::tcp::{Stream, Tcp, broken};

/// Largest slice taken from the transport at once, bytes; a packet's payload is smaller.
const CHUNK_BYTES: usize = 16 * 1024;

/// Where the bytes of frames come from.
#[derive(Debug)]
pub(super) enum Source {
    Quic(RecvStream),
    /// The whole of a link over TCP.
    Tcp(Arc<Tcp>),
    /// The connection of one bulk transfer.
    Bulk(Box<ReadHalf<Stream>>),
}

impl Source {
    /// The next bytes, nothing at the orderly end. Its waker stays with the transport; nothing is
    /// lost when it is polled once and left.
    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, CloseReason>> {
        match self {
            Self::Quic(stream) => {
                // Polled once and dropped: the future is cancel-safe.
                let read = pin!(stream.read_chunk(CHUNK_BYTES, true));
                Poll::Ready(match ready!(read.poll(cx)) {
                    Ok(chunk) => Ok(chunk.map(|chunk| chunk.bytes)),
                    Err(ReadError::ConnectionLost(error)) => Err(error.into()),
                    Err(error) => Err(CloseReason::Transport(error.to_string())),
                })
            }
            Self::Tcp(tcp) => tcp.poll_read(cx),
            Self::Bulk(stream) => {
                let mut scratch = [0; CHUNK_BYTES];
                let mut buffer = ReadBuf::new(&mut scratch);
                Poll::Ready(match ready!(Pin::new(stream).poll_read(cx, &mut buffer)) {
                    Ok(()) if buffer.filled().is_empty() => Ok(None),
                    Ok(()) => Ok(Some(Bytes::copy_from_slice(buffer.filled()))),
                    Err(error) => Err(broken(&error)),
                })
            }
        }
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, CloseReason> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }
}
