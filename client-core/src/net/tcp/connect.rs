//! From an address to a TLS connection over TCP.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, Error as TlsError};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::error::ConnectError;
use crate::net::target::Target;
use crate::net::trust::Trust;

/// Pause before a refused connection is tried again within the same dial: a server that starts is
/// found by the next one, as it is by the next first packet of QUIC.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Purpose {
    Link,
    Bulk,
}

/// A connection, and how long the network took to make it: one round trip.
pub(in crate::net) type Connected = (TlsStream<TcpStream>, Duration);

/// Connects. `answer`: until the address takes the connection; `handshake`: from then on.
pub(in crate::net) async fn connect(
    target: &Target,
    host: &str,
    address: SocketAddr,
    purpose: Purpose,
    answer: Duration,
    handshake: Duration,
) -> Result<Connected, ConnectError> {
    let by = Instant::now() + answer;
    loop {
        let (tcp, rtt) = reach(address, by).await?;
        match timeout(handshake, secure(target, host, tcp, purpose)).await {
            Err(_) => return Err(ConnectError::TimedOut { address }),
            Ok(Ok(stream)) => return Ok((stream, rtt)),
            // Hung up without a word of TLS: a server that is going, or one that has no room.
            Ok(Err(error)) if is_hang_up(&error) => {
                let again = Instant::now() + AGAIN_AFTER;
                if again >= by {
                    return Err(ConnectError::Refused { address });
                }
                sleep_until(again).await;
            }
            Ok(Err(error)) => return Err(tls_failed(target, &error, address, host)),
        }
    }
}

/// A TCP connection, tried again while the port is closed.
async fn reach(address: SocketAddr, by: Instant) -> Result<(TcpStream, Duration), ConnectError> {
    let silent = || ConnectError::NoAnswer {
        tried: vec![address],
        port: address.port(),
    };
    loop {
        let began = Instant::now();
        let error = match timeout_at(by, TcpStream::connect(address)).await {
            Err(_) => return Err(silent()),
            Ok(Ok(tcp)) => {
                // Without it frames only leave later.
                let _ = tcp.set_nodelay(true);
                return Ok((tcp, began.elapsed()));
            }
            Ok(Err(error)) => error,
        };
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                let again = Instant::now() + AGAIN_AFTER;
                if again >= by {
                    return Err(silent());
                }
                sleep_until(again).await;
            }
            ErrorKind::TimedOut => return Err(silent()),
            _ => {
                return Err(ConnectError::Local {
                    address,
                    reason: error.to_string(),
                });
            }
        }
    }
}

async fn secure(
    target: &Target,
    host: &str,
    tcp: TcpStream,
    purpose: Purpose,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(target.name_for(host).to_owned())
        .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    let config = target.tcp_tls(purpose);
    let wanted = config.alpn_protocols.first().cloned();
    let stream = TlsConnector::from(Arc::clone(&config))
        .connect(name, tcp)
        .await?;
    let given = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    if given != wanted {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            TlsError::NoApplicationProtocol,
        ));
    }
    Ok(stream)
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// What a failed TLS handshake says.
fn tls_failed(target: &Target, error: &io::Error, address: SocketAddr, host: &str) -> ConnectError {
    match target.take_unknown_key() {
        Some(pin) if *target.trust() == Trust::AskFingerprint => {
            return ConnectError::UnknownKey { address, pin };
        }
        Some(got) => return ConnectError::WrongPin { address, got },
        None => {}
    }
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(TlsError::InvalidCertificate(reason)) => ConnectError::Certificate {
            host: host.to_owned(),
            reason: reason.to_string(),
        },
        Some(
            TlsError::NoApplicationProtocol
            | TlsError::AlertReceived(AlertDescription::NoApplicationProtocol)
            | TlsError::InvalidMessage(_)
            | TlsError::PeerIncompatible(_)
            | TlsError::AlertReceived(_),
        ) => ConnectError::NotParlor { address },
        _ => ConnectError::Local {
            address,
            reason: error.to_string(),
        },
    }
}
