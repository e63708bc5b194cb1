use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use quinn::SendStream;

use super::CloseReason;
use crate::net::tcp::Tcp;

/// Where frames go.
#[derive(Debug)]
pub(super) enum Sink {
    Quic(SendStream),
    /// The whole of a link over TCP.
    Tcp(Arc<Tcp>),
}

/// The transport is gone; why, its reader learns.
pub(super) struct Gone;

impl Sink {
    /// Writes what the transport takes; what was taken leaves the queue. The bytes taken. Called with
    /// nothing queued it sees off what the transport still holds back.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        queue: &mut VecDeque<Bytes>,
    ) -> Poll<Result<usize, Gone>> {
        match self {
            Self::Quic(_) if queue.is_empty() => Poll::Ready(Ok(0)),
            Self::Quic(stream) => {
                // Polled once and dropped: unless it is ready, nothing was written.
                let written = {
                    let write = pin!(stream.write_chunks(queue.make_contiguous()));
                    ready!(write.poll(cx)).map_err(|_| Gone)?
                };
                // A chunk written in part was cut to its rest by the transport.
                queue.drain(..written.chunks);
                Poll::Ready(Ok(written.bytes))
            }
            Self::Tcp(tcp) => tcp.poll_write(cx, queue).map_err(|_| Gone),
        }
    }

    /// Writes all of it, waiting as long as it takes.
    pub(super) async fn write_all(&mut self, bytes: Bytes) -> Result<(), CloseReason> {
        let mut queue = VecDeque::from([bytes]);
        let written = poll_fn(|cx| {
            loop {
                let last = queue.is_empty();
                match ready!(self.poll_write(cx, &mut queue)) {
                    Ok(_) if last => return Poll::Ready(Ok(())),
                    Ok(_) => {}
                    Err(Gone) => return Poll::Ready(Err(Gone)),
                }
            }
        });
        let lost = || CloseReason::Transport("nothing can be sent any more".to_owned());
        written.await.map_err(|Gone| lost())
    }

    /// Ends the stream behind what was sent; completes when the peer has all of it, over TCP when
    /// this machine's kernel has.
    pub(super) fn finish(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let arrived = match self {
            Self::Quic(stream) => {
                let _ = stream.finish();
                Ok(stream.stopped())
            }
            Self::Tcp(tcp) => Err(tcp.clone()),
        };
        async move {
            match arrived {
                Ok(stopped) => drop(stopped.await),
                Err(tcp) => poll_fn(|cx| tcp.poll_finish(cx)).await,
            }
        }
    }
}
