//! Which scenario runs, with which users, rooms and rate.

use std::path::PathBuf;

use clap::ValueEnum;

/// The scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Everybody in one room
    OneRoom,
    /// Everybody spread over many rooms
    ManyRooms,
    /// Connect at once, by session and by log-in; --repeat counts handshakes
    Storm,
    /// Links that only are there: memory and probe cost
    Idle,
    /// The rate raised until the 99th percentile is above 100 ms
    Limit,
    /// SIGTERM and kill -9 under load
    Restart,
    /// The floor: a fan-out server without an application, same frames, same clients
    Bare,
    /// A real log, its people and its order
    Replay,
    /// Nodes joined by Redis over PostgreSQL, users spread evenly over them
    Cluster,
    /// A node of a cluster killed under load: how long until all its users are back on others
    Reconnect,
    /// Many who read beside few who write
    MixRead,
    /// Many who write beside few who read
    MixWrite,
    /// As many of both as people are
    Mix,
    /// One room behind a network that loses packets and takes its time
    Lossy,
}

impl Scenario {
    /// As typed on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneRoom => "one-room",
            Self::ManyRooms => "many-rooms",
            Self::Storm => "storm",
            Self::Idle => "idle",
            Self::Limit => "limit",
            Self::Restart => "restart",
            Self::Bare => "bare",
            Self::Replay => "replay",
            Self::Cluster => "cluster",
            Self::Reconnect => "reconnect",
            Self::MixRead => "mix-read",
            Self::MixWrite => "mix-write",
            Self::Mix => "mix",
            Self::Lossy => "lossy",
        }
    }
}

/// A run, fully decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub scenario: Scenario,
    pub users: u32,
    pub rooms: u32,
    /// Messages per second, of all together.
    pub rate: f64,
    /// Length of the measured window, s.
    pub seconds: f64,
    pub warmup: f64,
    pub seed: u64,
    pub realistic: bool,
    /// Links under way at one time of a storm that counts handshakes.
    pub repeat: Option<u32>,
    pub corpus: Option<PathBuf>,
    /// Messages of the corpus that are replayed.
    pub messages: u32,
    /// The terminal client reads the replay back.
    pub read_back: bool,
    /// Server processes.
    pub nodes: u32,
    /// One node, too, is on PostgreSQL and Redis.
    pub postgres: bool,
    /// Users that read beside the load, where the scenario has some of its own.
    pub readers: u32,
    /// Share of packets lost each way, per cent.
    pub loss: f64,
    /// What the network adds to a round trip, ms.
    pub round_trip_ms: u32,
}

/// Every tenth user of a realistic load only receives.
const RECEIVE_ONLY: u32 = 10;
/// Reading users beside a realistic load.
const READERS: u32 = 10;

impl Shape {
    /// What a scenario is when nothing else is asked for.
    pub fn usual(scenario: Scenario) -> Self {
        let usual = Self {
            scenario,
            users: 1_000,
            rooms: 1,
            rate: 200.0,
            seconds: 30.0,
            warmup: 5.0,
            seed: 1,
            realistic: false,
            repeat: None,
            corpus: None,
            messages: 50_000,
            read_back: false,
            nodes: 1,
            postgres: false,
            readers: 0,
            loss: 0.0,
            round_trip_ms: 0,
        };
        let mix = |users, rooms, rate, readers| Self {
            users,
            rooms,
            rate,
            readers,
            ..usual.clone()
        };
        match scenario {
            Scenario::OneRoom | Scenario::Bare | Scenario::Storm => usual,
            Scenario::ManyRooms | Scenario::Restart => Self {
                rooms: 100,
                rate: 1_000.0,
                ..usual
            },
            Scenario::Idle => Self {
                users: 5_000,
                rooms: 50,
                rate: 0.0,
                ..usual
            },
            Scenario::Limit => Self {
                users: 100,
                ..usual
            },
            Scenario::Replay => Self {
                users: 100,
                rate: 500.0,
                ..usual
            },
            Scenario::Cluster | Scenario::Reconnect => Self {
                rooms: 100,
                rate: 1_000.0,
                nodes: 2,
                ..usual
            },
            Scenario::MixRead => mix(200, 20, 20.0, 200),
            Scenario::MixWrite => mix(800, 80, 800.0, 20),
            Scenario::Mix => mix(500, 50, 250.0, 100),
            Scenario::Lossy => Self {
                users: 200,
                rate: 20.0,
                loss: 2.0,
                ..usual
            },
        }
    }

    /// Whether it has these users, rooms and rate.
    pub fn is(&self, users: u32, rooms: u32, rate: f64) -> bool {
        (self.users, self.rooms) == (users, rooms) && (self.rate - rate).abs() < 1e-9
    }

    /// Users that read beside the load; they come after the others.
    pub fn readers(&self) -> u32 {
        let beside = if self.realistic { READERS } else { 0 };
        self.readers.max(beside)
    }

    /// Whether it has readers as its purpose.
    pub fn is_mix(&self) -> bool {
        use Scenario::{Mix, MixRead, MixWrite};
        matches!(self.scenario, MixRead | MixWrite | Mix)
    }

    /// Whether the server is on PostgreSQL and Redis.
    pub fn is_cluster(&self) -> bool {
        self.nodes > 1 || self.postgres
    }

    /// Whether a bad network lies before the server.
    pub fn is_far(&self) -> bool {
        self.loss > 0.0 || self.round_trip_ms > 0
    }

    /// Accounts that the run needs.
    pub fn accounts(&self) -> u32 {
        self.users + self.readers()
    }

    /// The room of a user.
    pub fn room_of(&self, user: u32) -> u32 {
        user % self.rooms
    }

    /// Who posts, and where.
    pub fn senders(&self) -> Vec<(u32, u32)> {
        (0..self.users)
            .filter(|user| !self.realistic || user % RECEIVE_ONLY != RECEIVE_ONLY - 1)
            .map(|user| (user, self.room_of(user)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realistic_load_has_readers_and_users_that_only_receive() {
        let shape = Shape {
            realistic: true,
            ..Shape::usual(Scenario::OneRoom)
        };
        assert_eq!(shape.senders().len(), 900);
        assert_eq!(shape.accounts(), 1_010);
    }

    #[test]
    fn a_mix_has_readers_of_its_own_and_one_node_alone_is_no_cluster() {
        let mix = Shape::usual(Scenario::MixRead);
        assert_eq!((mix.readers(), mix.accounts()), (200, 400));
        let cluster = Shape::usual(Scenario::Cluster);
        assert!(cluster.is_cluster());
        let alone = Shape {
            nodes: 1,
            ..cluster
        };
        assert!(!alone.is_cluster());
        assert!(
            Shape {
                postgres: true,
                ..alone
            }
            .is_cluster()
        );
    }
}
