//! What happens when, drawn from a seed.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::relay::Path;

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
    /// Private rooms beside the public one, which has everybody in it.
    pub rooms: usize,
    /// Private rooms that a person is in; the owner is in all.
    pub rooms_each: usize,
    /// For one message into the public room so many go into each private one of the writer.
    pub private_share: usize,
    /// Pause between two messages of the whole run.
    pub pause: Duration,
    /// Messages between two faults.
    pub stretch: std::ops::Range<u32>,
    pub faults: Vec<Fault>,
    /// What happens to the packets of the half of the clients that stand behind the relay.
    pub network: Path,
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

    /// kill -9 and SIGTERM in the middle of a load of the shape of the generator's `many-rooms`:
    /// everybody in one of `rooms`, a fifth only receiving. Where the time of coming back is to
    /// count, `stretch` messages between two faults must take longer than the client's back-off
    /// remembers, which is 10 s; a room of more than 2,000 changes cannot be read for the checker.
    pub fn many_rooms(clients: usize, rooms: usize, stretch: u32, rng: &mut ChaCha8Rng) -> Self {
        let mut faults = vec![Fault::Kill, Fault::Stop];
        shuffle(&mut faults, rng);
        let readers = clients / 5;
        Self {
            writers: clients - readers,
            readers,
            rooms,
            rooms_each: 1,
            private_share: 30,
            pause: Duration::from_millis(2),
            stretch: stretch..stretch + stretch / 4,
            faults,
            network: Path::default(),
            ..Self::usual()
        }
    }

    fn usual() -> Self {
        Self {
            writers: 8,
            readers: 4,
            rooms: 2,
            rooms_each: 2,
            private_share: 1,
            pause: Duration::from_millis(4),
            stretch: 40..100,
            faults: Vec::new(),
            network: Path {
                delay: Duration::from_millis(2),
                jitter: Duration::from_millis(3),
                loss: 0.02,
                reorder: 0.02,
                duplicate: 0.02,
                ..Path::default()
            },
            patience: Duration::from_secs(60),
        }
    }
}

pub(super) fn shuffle<F>(faults: &mut [F], rng: &mut ChaCha8Rng) {
    for at in (1..faults.len()).rev() {
        faults.swap(at, rng.random_range(0..=at));
    }
}
