//! Does anything answer at an address? By UDP as QUIC asks it, and by TCP to tell a silent network
//! from a silent server.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Packets sent before silence counts: one may be lost, three hardly.
const TRIES: u32 = 3;
/// Wait after each packet: above any round trip on Earth.
const TRY_FOR: Duration = Duration::from_millis(700);
/// Wait for a TCP answer.
const TCP_FOR: Duration = Duration::from_millis(1_500);
/// Bytes of a first QUIC packet: smaller ones are dropped unseen (RFC 9000, 14.1).
const PACKET_BYTES: usize = 1_200;
/// A version that no server speaks (RFC 9000, 15): each answers with those it does.
const NO_VERSION: u32 = 0x1a2a_3a4a;

/// What an address said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A QUIC server answers.
    Quic,
    /// The host says that nothing listens on this port.
    Closed,
    /// Nothing by UDP, but the port takes connections by TCP: links go that way.
    Tcp,
    /// Nothing by UDP and no port of TCP, but the host is there: UDP is dropped on the way.
    Refuses,
    /// Nothing at all.
    Silence,
    /// This machine cannot send there.
    NoRoute(String),
}

pub(super) async fn probe(address: SocketAddr) -> Heard {
    match udp(address).await {
        Ok(true) => Heard::Quic,
        Ok(false) => tcp(address).await,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Heard::Closed,
        Err(error) => Heard::NoRoute(error.to_string()),
    }
}

/// Asks for the server's versions; `false`: no answer.
async fn udp(address: SocketAddr) -> io::Result<bool> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    let mut answer = [0; PACKET_BYTES];
    for _ in 0..TRIES {
        socket.send(&question()).await?;
        if let Ok(read) = timeout(TRY_FOR, socket.recv(&mut answer)).await {
            let bytes = read?;
            return Ok(is_version_list(&answer[..bytes]));
        }
    }
    Ok(false)
}

/// A long-header packet with ids of 8 bytes.
fn question() -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[0] = 0xC0;
    packet[1..5].copy_from_slice(&NO_VERSION.to_be_bytes());
    packet[5] = 8;
    packet[6..14].copy_from_slice(b"parlor-d");
    packet[14] = 8;
    packet[15..23].copy_from_slice(b"octor-pr");
    packet
}

fn is_version_list(answer: &[u8]) -> bool {
    answer.len() > 5 && answer[0] & 0x80 != 0 && answer[1..5] == [0; 4]
}

/// What TCP says where UDP is silent.
async fn tcp(address: SocketAddr) -> Heard {
    match timeout(TCP_FOR, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Heard::Tcp,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Heard::Refuses,
        Ok(Err(_)) | Err(_) => Heard::Silence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_closed_port_and_one_that_is_silent_by_udp_are_told_apart() {
        let (listener, silent) = loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            // Held, so that nobody else takes the port.
            let silent = UdpSocket::bind(listener.local_addr().unwrap()).await;
            if let Ok(silent) = silent {
                break (listener, silent);
            }
        };
        let address = silent.local_addr().unwrap();
        assert_eq!(probe(address).await, Heard::Tcp);
        drop(listener);
        assert_eq!(probe(address).await, Heard::Refuses);
        drop(silent);
        assert_eq!(probe(address).await, Heard::Closed);
    }
}
