//! Draws the fate of each packet from a seed.

use std::array;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::plan::{Direction, Path};

/// What happens to one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It vanishes.
    Lost,
    /// It arrives.
    Passed(Passage),
}

/// How a packet arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Time on the way.
    pub after: Duration,
    /// Later packets may pass it.
    pub held_back: bool,
    /// Time on the way of a second copy, if there is one.
    pub copy_after: Option<Duration>,
}

/// Decides packet by packet for one direction.
///
/// Every packet uses up the same number of draws, so the fate of packet n depends on
/// the seed, on n and on the path at that time, not on the paths before it.
#[derive(Debug, Clone)]
pub struct Decider {
    rng: ChaCha8Rng,
}

impl Decider {
    /// A decider of its own stream of numbers for each direction of one seed.
    #[must_use]
    pub fn new(seed: u64, direction: Direction) -> Decider {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(match direction {
            Direction::Up => 0,
            Direction::Down => 1,
        });
        Decider { rng }
    }

    /// The fate of the next packet.
    pub fn decide(&mut self, path: &Path) -> Fate {
        let [loss, reorder, duplicate, jitter, copy_jitter]: [f64; 5] =
            array::from_fn(|_| self.rng.random());
        if loss < path.loss {
            return Fate::Lost;
        }
        let held_back = reorder < path.reorder;
        let hold = if held_back {
            path.reorder_hold
        } else {
            Duration::ZERO
        };
        let copied = duplicate < path.duplicate;
        Fate::Passed(Passage {
            after: path.delay + path.jitter.mul_f64(jitter) + hold,
            held_back,
            copy_after: copied.then(|| path.delay + path.jitter.mul_f64(copy_jitter)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 20_000;

    fn fates(seed: u64, direction: Direction, path: &Path) -> Vec<Fate> {
        let mut decider = Decider::new(seed, direction);
        (0..PACKETS).map(|_| decider.decide(path)).collect()
    }

    fn rough() -> Path {
        Path {
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(10),
            loss: 0.05,
            reorder: 0.1,
            duplicate: 0.02,
            ..Path::default()
        }
    }

    #[test]
    fn a_seed_gives_the_same_fates_again_and_directions_differ() {
        let up = fates(7, Direction::Up, &rough());
        assert_eq!(up, fates(7, Direction::Up, &rough()));
        assert_ne!(up, fates(7, Direction::Down, &rough()));
        assert_ne!(up, fates(8, Direction::Up, &rough()));
    }

    #[test]
    fn shares_come_out_as_asked() {
        let fates = fates(1, Direction::Up, &rough());
        let share = |wanted: fn(&Fate) -> bool| {
            fates.iter().filter(|fate| wanted(fate)).count() as f64 / PACKETS as f64
        };
        let near = |share: f64, asked: f64| (share - asked).abs() < 0.01;
        assert!(near(share(|fate| *fate == Fate::Lost), 0.05));
        let held = |fate: &Fate| matches!(fate, Fate::Passed(passage) if passage.held_back);
        assert!(near(share(held), 0.095));
        let copied =
            |fate: &Fate| matches!(fate, Fate::Passed(passage) if passage.copy_after.is_some());
        assert!(near(share(copied), 0.019));
    }

    #[test]
    fn times_stay_within_the_path() {
        let path = rough();
        for fate in fates(3, Direction::Down, &path) {
            let Fate::Passed(passage) = fate else {
                continue;
            };
            let hold = if passage.held_back {
                path.reorder_hold
            } else {
                Duration::ZERO
            };
            assert!(passage.after >= path.delay + hold);
            assert!(passage.after <= path.delay + path.jitter + hold);
        }
    }

    #[test]
    fn a_change_of_plan_leaves_later_draws_alone() {
        let mut steady = Decider::new(5, Direction::Up);
        let mut changed = Decider::new(5, Direction::Up);
        for _ in 0..100 {
            steady.decide(&Path::default());
            changed.decide(&rough());
        }
        assert_eq!(steady.decide(&rough()), changed.decide(&rough()));
    }
}
