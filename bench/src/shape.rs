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
        }
    }

    /// Whether it has these users, rooms and rate.
    pub fn is(&self, users: u32, rooms: u32, rate: f64) -> bool {
        (self.users, self.rooms) == (users, rooms) && (self.rate - rate).abs() < 1e-9
    }

    /// Users that read beside the load; they come after the others.
    pub fn readers(&self) -> u32 {
        if self.realistic { READERS } else { 0 }
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
}
