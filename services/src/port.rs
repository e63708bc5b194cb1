//! A port number that stays the same while a server on it stops and starts again.
//!
//! A server that may have any port binds port 0 and says its address: no help needed.
//! A test that kills a server and starts it anew needs a number nobody else takes in
//! between. So numbers come from below the range the system hands out for port 0, and
//! each is held by a lock file for as long as its [`FreePort`] lives: two test
//! processes never share one, and a crashed process gives its own back.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use socket2::{Domain, Protocol, Socket, Type};

/// First and one past the last number tried: above the well-known services and below
/// 32768, where Linux starts to hand out ports by itself.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// A port, free for UDP and TCP on every local address when it was taken, and not
/// given to another user of this module until dropped.
#[derive(Debug)]
pub struct FreePort {
    number: u16,
    // Locked; the lock ends with the file handle.
    _hold: File,
}

/// No port could be taken.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The folder for lock files can't be written.
    #[error("cannot hold a port by {}: {source}; make that folder writable", path.display())]
    Hold {
        /// The lock file that failed.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Every number of the range is in use.
    #[error(
        "no port from {} to {} is free for UDP and TCP: stop what occupies them",
        PORTS.start,
        PORTS.end - 1
    )]
    NoneFree,
}

impl FreePort {
    /// Takes a port that is free for UDP and TCP, on IPv4 and (where there is any) IPv6.
    ///
    /// # Errors
    /// [`PortError`] when no lock file can be made or no number is free.
    pub fn take() -> Result<FreePort, PortError> {
        let folder = std::env::temp_dir().join("parlor-testkit-ports");
        let hold_error = |path: PathBuf| move |source| PortError::Hold { path, source };
        std::fs::create_dir_all(&folder).map_err(hold_error(folder.clone()))?;
        // Processes start at different places, so that they seldom meet.
        let count = u32::from(PORTS.end - PORTS.start);
        let first = std::process::id().wrapping_mul(97) % count;
        for step in 0..count {
            let offset = (first + step) % count;
            let number = PORTS.start + u16::try_from(offset).unwrap_or_default();
            let path = folder.join(number.to_string());
            if let Some(hold) = hold(&path).map_err(hold_error(path))?
                && is_free(number)
            {
                return Ok(FreePort {
                    number,
                    _hold: hold,
                });
            }
        }
        Err(PortError::NoneFree)
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn loopback(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

/// The locked file, or `None` when someone else holds it.
fn hold(path: &PathBuf) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether UDP and TCP can be bound on all local addresses right now.
fn is_free(number: u16) -> bool {
    let v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    can_bind(v4, number) && (!can_bind(v6, 0) || can_bind(v6, number))
}

/// Whether both kinds of socket can be bound to `ip` and `port`; the sockets are closed again.
fn can_bind(ip: IpAddr, port: u16) -> bool {
    [(Type::DGRAM, Protocol::UDP), (Type::STREAM, Protocol::TCP)]
        .into_iter()
        .all(|(kind, protocol)| bind(SocketAddr::new(ip, port), kind, protocol).is_ok())
}

fn bind(addr: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
    if addr.is_ipv6() {
        // Otherwise the IPv6 socket also claims the IPv4 port that was probed before it.
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // As servers do: a port with connections in TIME_WAIT counts as free.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&addr.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn ports_held_together_differ_and_can_be_bound() {
        let held: Vec<FreePort> = (0..20).map(|_| FreePort::take().unwrap()).collect();
        let numbers: HashSet<u16> = held.iter().map(FreePort::number).collect();
        assert_eq!(numbers.len(), held.len());
        for port in &held {
            UdpSocket::bind(port.loopback()).unwrap();
            TcpListener::bind(port.loopback()).unwrap();
        }
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let held = FreePort::take().unwrap();
        let number = held.number();
        let _udp = UdpSocket::bind(held.loopback()).unwrap();
        assert!(!is_free(number));
    }
}
