//! What happens when, drawn from a seed.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What goes wrong, or is done, between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// kill -9, and started again.
    Kill,
    /// SIGTERM, and started again.
    Stop,
    /// A backup, while people talk.
    Backup,
    /// The last backup takes the place of the data, under a new epoch.
    Restore,
    /// A client ends in the midst of things and starts again on what it holds.
    Crash,
    /// Somebody is removed from a room, or brought back.
    Remove,
    /// Somebody leaves a public room, or comes back.
    Leave,
    /// The clients behind the relay get new addresses.
    Move,
}

/// How much, how long, how bad.
#[derive(Clone, Debug)]
pub struct Plan {
    /// People who write, and people who only read.
    pub writers: usize,
    pub readers: usize,
    /// Pause between two messages of the whole run.
    pub pause: Duration,
    /// Messages between two faults.
    pub stretch: std::ops::Range<u32>,
    pub faults: Vec<Fault>,
    /// Of packets, for the half of the clients that stand behind the relay.
    pub loss: f64,
    /// How long outboxes have to empty, and clients to hold everything, in the end.
    pub patience: Duration,
}

impl Plan {
    /// Everything once or twice, in an order drawn from the seed, and a restore at the end.
    pub fn whole(rng: &mut ChaCha8Rng) -> Self {
        use Fault::{Backup, Crash, Kill, Leave, Move, Remove, Restore, Stop};
        let mut faults = vec![
            Kill, Kill, Stop, Crash, Crash, Leave, Leave, Remove, Remove, Remove, Move,
        ];
        shuffle(&mut faults, rng);
        faults.extend([Backup, Remove, Kill, Leave, Restore, Kill]);
        Self {
            faults,
            ..Self::usual()
        }
    }

    /// Kills and crashes alone: what brings deliberate faults to light.
    pub fn kills(count: usize) -> Self {
        let faults = [Fault::Kill, Fault::Crash];
        Self {
            faults: faults.into_iter().cycle().take(count * 2).collect(),
            // What a fault keeps from converging is not waited for at length.
            patience: Duration::from_secs(15),
            ..Self::usual()
        }
    }

    fn usual() -> Self {
        Self {
            writers: 8,
            readers: 4,
            pause: Duration::from_millis(4),
            stretch: 40..100,
            faults: Vec::new(),
            loss: 0.02,
            patience: Duration::from_secs(60),
        }
    }
}

fn shuffle(faults: &mut [Fault], rng: &mut ChaCha8Rng) {
    for at in (1..faults.len()).rev() {
        faults.swap(at, rng.random_range(0..=at));
    }
}
