//! The same over TCP: a client that keeps to no rule but TLS's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::Refusal;
use parlor_protocol::frame::{Frame, FrameReader};
use parlor_protocol::hello::{Enter, Token};
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::session::{ClientHandshake, Entry};
use parlor_protocol::{Extensions, Kind};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Cut;

/// A connection without manners.
#[derive(Debug)]
pub struct HostileTcp {
    stream: TlsStream<TcpStream>,
    frames: FrameReader,
}

impl HostileTcp {
    /// # Panics
    /// Where no connection comes about: that much every server grants.
    pub async fn connect(server: SocketAddr, alpn: &[u8]) -> Self {
        let tcp = TcpStream::connect(server).await.expect("a TCP connection");
        let connector = TlsConnector::from(Arc::new(super::tls(alpn)));
        let name = ServerName::try_from("parlor").expect("a name");
        let stream = connector.connect(name, tcp).await.expect("TLS");
        Self {
            stream,
            frames: FrameReader::new(),
        }
    }

    /// Enters in good order, so as to misbehave from within.
    ///
    /// # Panics
    /// Where the server does not let it in.
    pub async fn enter(server: SocketAddr, alpn: &[u8], token: &Token) -> Self {
        let mut hostile = Self::connect(server, alpn).await;
        let enter = Entry::Token(Enter {
            token: token.clone(),
            ext: Extensions::NONE,
        });
        let hello = parlor_client_core::net::hello("hostile", 0);
        let first = ClientHandshake::new().start(&hello, Some(&enter));
        hostile.write(&first).await;
        while hostile.frame().await.expect("an answer").header.kind != Kind::ENTERED {}
        hostile
    }

    /// Writes; a connection that the server has ended takes nothing, which is no matter here.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// How many of `bytes`, repeated, the server takes before it takes no more for `idle`; at most
    /// `bound` bytes are tried.
    pub async fn flood(&mut self, bytes: &[u8], bound: usize, idle: Duration) -> usize {
        let mut taken = 0;
        while taken < bound {
            match timeout(idle, self.stream.write_all(bytes)).await {
                Ok(Ok(())) => taken += bytes.len(),
                _ => break,
            }
        }
        taken
    }

    /// The next frame; nothing once the connection has ended.
    ///
    /// # Panics
    /// Where it brings something else.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.next(BODY_BYTES).expect("a frame") {
                return Some(frame);
            }
            let mut chunk = vec![0; 16 * 1024];
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => {
                    chunk.truncate(read);
                    self.frames.feed(chunk.into());
                }
            }
        }
    }

    /// Waits until the server ends the connection, reading; `None` when it has not by then. Without a
    /// last word the code is 0.
    ///
    /// # Panics
    /// Where the last word cannot be read.
    pub async fn cut(&mut self, within: Duration) -> Option<Cut> {
        let end = async {
            let mut last = None;
            while let Some(frame) = self.frame().await {
                if frame.header.kind == Kind::REFUSED && frame.header.request == 0 {
                    last = Some(frame.open::<Refusal>().expect("a refusal"));
                }
            }
            last
        };
        let last = timeout(within, end).await.ok()?;
        Some(match last {
            Some(refusal) => Cut {
                code: refusal.code,
                reason: refusal.text,
            },
            None => Cut {
                code: parlor_protocol::Code(0),
                reason: String::new(),
            },
        })
    }

    /// Waits until nothing more can be written either, reading nothing; `false` when it still can.
    pub async fn is_cut_unread(&mut self, bytes: &[u8], within: Duration) -> bool {
        let write = async {
            loop {
                if self.stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
        };
        timeout(within, write).await.is_ok()
    }
}
