//! Where clients reach this node: what the operator said, else a guess.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use parlor_protocol::link::ServerAddress;

use crate::config::Config;

/// An address for clients, and how good it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    pub address: ServerAddress,
    pub known: Known,
}

/// Where an address comes from and who can reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// By `server.public_address`.
    Given,
    /// An interface has it, and it is one of the public Internet.
    Guessed,
    /// An interface has it; only the same network reaches it.
    Private,
    /// Only this machine reaches it.
    Loopback,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "as set",
            Self::Guessed => "guessed from the network interfaces; set server.public_address if it is another",
            Self::Private => "guessed, and private: reached from this network only; set server.public_address for others",
            Self::Loopback => "reached from this machine only; set server.public_address for others",
        })
    }
}

/// The address for clients of a node that listens on `listening`.
pub fn reach(config: &Config, listening: SocketAddr) -> Reach {
    if let Some(given) = &config.server.public_address {
        return Reach {
            address: given.at(listening.port()),
            known: Known::Given,
        };
    }
    choose(listening, outgoing())
}

/// Chooses among the machine's outgoing addresses, IPv4 first.
fn choose(listening: SocketAddr, outgoing: Vec<IpAddr>) -> Reach {
    let mut found = match listening.ip() {
        ip if ip.is_unspecified() => outgoing,
        ip => vec![ip],
    };
    found.retain(|ip| !ip.is_unspecified());
    if listening.is_ipv4() {
        found.retain(IpAddr::is_ipv4);
    }
    // An address that everybody reaches makes those of fewer pointless.
    let best = found
        .iter()
        .map(|ip| known(*ip))
        .min_by_key(|known| *known as u8);
    let best = best.unwrap_or(Known::Loopback);
    found.retain(|ip| known(*ip) == best);
    // One address is enough, and one without brackets survives every shell.
    found.truncate(1);
    if found.is_empty() {
        found.push(Ipv4Addr::LOCALHOST.into());
    }
    Reach {
        address: ServerAddress {
            hosts: found.iter().map(IpAddr::to_string).collect(),
            port: listening.port(),
        },
        known: best,
    }
}

/// The addresses that packets to the Internet would leave from. No packet is sent: connecting a UDP
/// socket only looks the route up.
fn outgoing() -> Vec<IpAddr> {
    // Addresses kept for documentation: routed like any other, and nobody's.
    const ROUTES: [(IpAddr, IpAddr); 2] = [
        (
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        ),
        (
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ),
    ];
    let from = |(any, to): (IpAddr, IpAddr)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    ROUTES.into_iter().filter_map(from).collect()
}

fn known(ip: IpAddr) -> Known {
    let private = match ip.to_canonical() {
        ip if ip.is_loopback() => return Known::Loopback,
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64;
            ip.is_private() || ip.is_link_local() || ip.is_documentation() || shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    if private {
        Known::Private
    } else {
        Known::Guessed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[track_caller]
    fn check(listening: &str, outgoing: &[&str], expected: &str, known: Known) {
        let outgoing = outgoing.iter().map(|ip| ip.parse().unwrap()).collect();
        let reach = choose(listening.parse().unwrap(), outgoing);
        assert_eq!(reach.address.to_string(), expected);
        assert_eq!(reach.known, known);
    }

    #[test]
    fn the_most_reachable_addresses_are_guessed() {
        check("[::]:7", &["198.51.99.1"], "198.51.99.1:7", Known::Guessed);
        check(
            "[::]:7",
            &["10.0.0.5", "2a00::5"],
            "[2a00::5]:7",
            Known::Guessed,
        );
        check(
            "[::]:7",
            &["10.0.0.5", "fd00::5"],
            "10.0.0.5:7",
            Known::Private,
        );
        check("[::]:7", &["100.64.0.1"], "100.64.0.1:7", Known::Private);
        check(
            "0.0.0.0:7",
            &["8.8.8.8", "2a00::5"],
            "8.8.8.8:7",
            Known::Guessed,
        );
    }

    #[test]
    fn an_address_that_is_listened_on_alone_is_the_one() {
        check("127.0.0.1:7", &["8.8.8.8"], "127.0.0.1:7", Known::Loopback);
        check("[::1]:7", &["8.8.8.8"], "[::1]:7", Known::Loopback);
        check(
            "192.168.1.2:7",
            &["8.8.8.8"],
            "192.168.1.2:7",
            Known::Private,
        );
    }

    #[test]
    fn a_machine_without_a_network_has_itself() {
        check("[::]:7", &[], "127.0.0.1:7", Known::Loopback);
    }

    #[test]
    fn what_the_operator_says_stands() {
        let mut config = Config::default();
        config.server.public_address = Some("chat.example.org".parse().unwrap());
        let reach = reach(&config, "[::]:7".parse().unwrap());
        assert_eq!(reach.address.to_string(), "chat.example.org:7");
        assert_eq!(reach.known, Known::Given);
    }
}
