//! From an installation's names to a connection: by QUIC, and by TCP where UDP does not get through.

mod beside;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use beside::{First, Won, beside};
use parlor_protocol::link::ServerAddress;
use tokio::sync::watch;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::error::{ConnectError, handshake_failed};
use super::link::Wire;
use super::probe::{Attention, Pace};
use super::race::{Race, STAGGER};
use super::target::Target;
use super::tcp::{Purpose, Tcp, connect};
use super::trust::Trust;

/// Addresses of one host that are tried.
const ADDRESSES_PER_HOST: usize = 4;
/// Addresses of one place that are tried, and of all places in one dial.
const ADDRESSES_PER_PLACE: usize = 8;
const ADDRESSES: usize = 16;
/// Head start of a node before another one is tried beside it: most networks answer in a third of it,
/// and a dead node must not cost anybody a second. A slow node that answers later still wins if the
/// other is slower.
const NODE_STAGGER: Duration = Duration::from_millis(400);

/// Silence by QUIC after which TCP is tried beside it: above the second first packet, which most
/// lost ones are answered by.
const TCP_AFTER: Duration = Duration::from_secs(1);
/// Least time that TCP has for an answer, however short the dial.
const TCP_ANSWER_LEAST: Duration = Duration::from_secs(1);

/// What may carry a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// QUIC, and TCP where UDP does not get through.
    #[default]
    Either,
    Quic,
    Tcp,
}

/// How a link is to be made. Plain data; cheap to clone.
#[derive(Clone, Debug)]
pub struct Dial {
    pub endpoint: Endpoint,
    pub target: Target,
    /// Decides how soon a silent link is probed by QUIC: 2 s in the foreground, at the pace's
    /// heartbeat otherwise.
    pub attention: Attention,
    /// As the server's last welcome had it.
    pub pace: Pace,
    pub deadlines: Deadlines,
    pub over: Over,
}

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For all names together.
    pub resolve: Duration,
    /// Until an address says anything at all.
    pub answer: Duration,
    /// From then to the end of the QUIC handshake: a server under a storm is slow but alive, and
    /// dialling it anew would only add to the storm.
    pub handshake: Duration,
    /// From hello to welcome.
    pub welcome: Duration,
    /// From an entry to its decision: passwords are hashed one after another.
    pub enter: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            // Four first packets, at 0, 0.6, 1.8 and 4.2 s. A generator that connects more at once
            // than the server's socket buffer holds (about 1,000 first packets) wants longer.
            answer: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            welcome: Duration::from_secs(10),
            enter: Duration::from_secs(30),
        }
    }
}

impl Dial {
    /// A foreground link with the usual deadlines.
    pub fn new(endpoint: Endpoint, target: Target) -> Self {
        Self {
            endpoint,
            target,
            attention: Attention::Foreground,
            pace: Pace::default(),
            deadlines: Deadlines::default(),
            over: Over::Either,
        }
    }

    /// A connection to the first address that takes one.
    pub(super) async fn wire(&self) -> Result<Wire, ConnectError> {
        let ways = self.ways().await?;
        let told = watch::Sender::new(First::Silent);
        match self.over {
            Over::Quic => self.quic(ways, &told).await.map(Wire::Quic),
            Over::Tcp => self.tcp(ways, self.deadlines.answer).await.map(Wire::Tcp),
            Over::Either => self.either(ways, &told).await,
        }
    }

    async fn either(
        &self,
        ways: Vec<Way>,
        told: &watch::Sender<First>,
    ) -> Result<Wire, ConnectError> {
        // What the network lets through is the same for all nodes.
        let (server, silent_udp) = (self.target.home(), self.endpoint.silent_udp());
        let head_start = match silent_udp.is_silent(server) {
            true => Duration::ZERO,
            false => TCP_AFTER,
        };
        // Where neither answers, both give up together.
        let answer = self.deadlines.answer.saturating_sub(head_start);
        let tcp = self.tcp(ways.clone(), answer.max(TCP_ANSWER_LEAST));
        let quic = self.quic(ways, told);
        let decides = |error: &ConnectError| !error.may_be_udp();
        let won = beside(quic, tcp, told, head_start, decides, heavier).await?;
        Ok(match won {
            Won::First(quic) => {
                silent_udp.answered(server);
                Wire::Quic(quic)
            }
            Won::Second(tcp) => {
                silent_udp.silent(server);
                Wire::Tcp(tcp)
            }
        })
    }

    async fn quic(
        &self,
        ways: Vec<Way>,
        told: &watch::Sender<First>,
    ) -> Result<quinn::Connection, ConnectError> {
        let tried = addresses(&ways);
        let race = Race::new(staggered(ways), async |way: Way| {
            let home = way.home;
            let attempt = self.attempt(way, told).await;
            attempt.map_err(|error| (home, error))
        });
        race.run()
            .await
            .map_err(|failures| self.told(failures, tried))
    }

    async fn tcp(&self, ways: Vec<Way>, answer: Duration) -> Result<Arc<Tcp>, ConnectError> {
        let tried = addresses(&ways);
        let race = Race::new(staggered(ways), async |way: Way| {
            let home = way.home;
            let attempt = self.attempt_tcp(way, answer).await;
            attempt.map_err(|error| (home, error))
        });
        race.run()
            .await
            .map_err(|failures| self.told(failures, tried))
    }

    /// The failure that says most. What stands at an address that only a list names says nothing for
    /// good about the installation: the list may be old, and the address another's by now.
    fn told(&self, failures: Vec<(bool, ConnectError)>, tried: Vec<SocketAddr>) -> ConnectError {
        let port = self.target.address().port;
        let counts = |(home, error): &(bool, ConnectError)| *home || error.is_transient();
        let counting = failures.into_iter().filter(counts).map(|(_, error)| error);
        match counting.max_by_key(ConnectError::weight) {
            Some(ConnectError::NoAnswer { .. }) | None => ConnectError::NoAnswer { tried, port },
            Some(told) => told,
        }
    }

    async fn attempt_tcp(&self, way: Way, answer: Duration) -> Result<Arc<Tcp>, ConnectError> {
        let Way { host, address, .. } = way;
        let (purpose, handshake) = (Purpose::Link, self.deadlines.handshake);
        let connected = connect(&self.target, &host, address, purpose, answer, handshake);
        let (stream, rtt) = connected.await?;
        let tcp = Tcp::new(stream, address, host, self.target.clone(), rtt);
        Ok(Arc::new(tcp))
    }

    async fn attempt(
        &self,
        way: Way,
        told: &watch::Sender<First>,
    ) -> Result<quinn::Connection, ConnectError> {
        let Way { host, address, .. } = way;
        let name = self.target.name_for(&host);
        let mut connecting = self
            .endpoint
            .connect(self.target.tls(), self.attention, self.pace, address, name)
            .map_err(|error| ConnectError::Local {
                address,
                reason: error.to_string(),
            })?;
        let failed = |error| match self.target.take_unknown_key() {
            Some(pin) if *self.target.trust() == Trust::AskFingerprint => {
                ConnectError::UnknownKey { address, pin }
            }
            Some(got) => ConnectError::WrongPin { address, got },
            None => handshake_failed(error, address, &host),
        };
        match timeout(self.deadlines.answer, connecting.handshake_data()).await {
            Err(_) => {
                let port = address.port();
                return Err(ConnectError::NoAnswer {
                    tried: vec![address],
                    port,
                });
            }
            Ok(Err(error)) => return Err(failed(error)),
            Ok(Ok(_)) => drop(told.send_replace(First::Answers)),
        }
        match timeout(self.deadlines.handshake, connecting).await {
            Err(_) => Err(ConnectError::TimedOut { address }),
            Ok(connected) => connected.map_err(failed),
        }
    }

    /// Every address of every host of every place, in the order in which they are tried.
    async fn ways(&self) -> Result<Vec<Way>, ConnectError> {
        let deadline = tokio::time::Instant::now() + self.deadlines.resolve;
        let places: Vec<_> = self
            .target
            .places()
            .map(|place| (place == self.target.home(), look_up(place)))
            .collect();
        let several = places.len() > 1;
        let (mut ways, mut failure) = (Vec::new(), None);
        for (home, lookups) in places {
            let mut found = Vec::new();
            for lookup in lookups {
                match self.found(lookup, deadline).await {
                    Ok((host, addresses)) => {
                        found.extend(addresses.into_iter().map(|address| Way {
                            host: host.clone(),
                            address,
                            home: home || !several,
                            head_start: STAGGER,
                        }))
                    }
                    Err(error) => failure = Some(error),
                }
            }
            found.truncate(ADDRESSES_PER_PLACE);
            if let Some(first) = found.first_mut() {
                first.head_start = NODE_STAGGER;
            }
            ways.extend(found);
        }
        ways.truncate(ADDRESSES);
        match failure {
            Some(failure) if ways.is_empty() => Err(failure),
            _ => Ok(ways),
        }
    }

    /// A host and its addresses that can be reached from here.
    async fn found(
        &self,
        (host, lookup): Lookup,
        deadline: tokio::time::Instant,
    ) -> Result<(String, Vec<SocketAddr>), ConnectError> {
        let abort = lookup.abort_handle();
        let found = match tokio::time::timeout_at(deadline, lookup).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => {
                abort.abort();
                Err("no name server answers".to_owned())
            }
        };
        let found = match found {
            Ok(found) => found,
            Err(reason) => return Err(ConnectError::Resolve { host, reason }),
        };
        let reached: Vec<_> = found
            .into_iter()
            .filter(|it| self.endpoint.reaches(*it))
            .collect();
        match reached.is_empty() {
            true => Err(ConnectError::NoFamily { host }),
            false => Ok((host, interleave(reached))),
        }
    }
}

/// A host whose addresses are being asked for.
type Lookup = (
    String,
    tokio::task::JoinHandle<Result<Vec<SocketAddr>, String>>,
);

/// Asks for all hosts of a place at once.
fn look_up(place: &ServerAddress) -> Vec<Lookup> {
    let hosts = place.hosts.iter();
    hosts
        .map(|host| {
            let asked = tokio::spawn(lookup(host.clone(), place.port));
            (host.clone(), asked)
        })
        .collect()
}

fn staggered(ways: Vec<Way>) -> Vec<(Duration, Way)> {
    ways.into_iter().map(|way| (way.head_start, way)).collect()
}

fn addresses(ways: &[Way]) -> Vec<SocketAddr> {
    ways.iter().map(|way| way.address).collect()
}

/// Of the failures by QUIC and by TCP the one that says more; the first where both say the same.
fn heavier(quic: ConnectError, tcp: ConnectError) -> ConnectError {
    match tcp.weight() > quic.weight() {
        true => tcp,
        false => quic,
    }
}

/// One address to try, and the name that it was found under.
#[derive(Clone, Debug)]
struct Way {
    host: String,
    address: SocketAddr,
    /// Of the address that the person gave.
    home: bool,
    /// Of the way before it.
    head_start: Duration,
}

async fn lookup(host: String, port: u16) -> Result<Vec<SocketAddr>, String> {
    // An address needs no name server, and no thread for one.
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(|error| error.to_string())?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() {
        Err("it has no address".to_owned())
    } else {
        Ok(found)
    }
}

/// Families in turn, the resolver's first one first, so that a broken family costs one head start.
fn interleave(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|it| it.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < ADDRESSES_PER_HOST {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            break;
        }
        ordered.extend(pair.into_iter().flatten());
    }
    ordered
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| format!("{text}:7443").parse().unwrap())
            .collect()
    }

    #[test]
    fn families_take_turns_and_the_resolver_names_the_first() {
        let found = addresses(&["[::1]", "[::2]", "[::3]", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(
            interleave(found),
            addresses(&["[::1]", "10.0.0.1", "[::2]", "10.0.0.2"])
        );
        let only = addresses(&["10.0.0.1", "10.0.0.2"]);
        assert_eq!(interleave(only.clone()), only);
    }
}
