//! What happens to packets on the way.

use std::time::Duration;

/// Which way a packet travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a client to the server.
    Up,
    /// From the server to a client.
    Down,
}

/// What both directions do to packets. The default leaves them alone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Plan {
    /// Client to server.
    pub up: Path,
    /// Server to client.
    pub down: Path,
}

/// What one direction does to packets. Probabilities are from 0 to 1, per packet.
/// Bandwidth is not limited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// Time every packet takes.
    pub delay: Duration,
    /// Up to this much more, drawn per packet; it never changes the order.
    pub jitter: Duration,
    /// Probability that a packet vanishes.
    pub loss: f64,
    /// Probability that a packet is held back while later ones pass.
    pub reorder: f64,
    /// How long a packet is held back beyond its delay.
    pub reorder_hold: Duration,
    /// Probability that a packet arrives twice.
    pub duplicate: f64,
}

impl Default for Path {
    fn default() -> Path {
        Path {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            reorder: 0.0,
            // Several packets of a busy link pass in this time.
            reorder_hold: Duration::from_millis(5),
            duplicate: 0.0,
        }
    }
}

/// A plan that can't be carried out.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the {direction:?} path's {field} is {value}: give a probability from 0 to 1")]
pub struct BadPlan {
    /// The direction with the mistake.
    pub direction: Direction,
    /// The field with the mistake.
    pub field: &'static str,
    /// What it holds.
    pub value: f64,
}

impl Plan {
    /// The same for both directions.
    #[must_use]
    pub fn both(path: Path) -> Plan {
        Plan {
            up: path,
            down: path,
        }
    }

    /// Both directions lose this share of packets and do nothing else.
    #[must_use]
    pub fn losing(loss: f64) -> Plan {
        Plan::both(Path {
            loss,
            ..Path::default()
        })
    }

    /// The path of one direction.
    #[must_use]
    pub fn path(&self, direction: Direction) -> &Path {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    /// Says what is wrong with the plan, if anything.
    ///
    /// # Errors
    /// [`BadPlan`] names the first field that is no probability.
    pub fn check(&self) -> Result<(), BadPlan> {
        for direction in [Direction::Up, Direction::Down] {
            let path = self.path(direction);
            let fields = [
                ("loss", path.loss),
                ("reorder", path.reorder),
                ("duplicate", path.duplicate),
            ];
            for (field, value) in fields {
                if !(0.0..=1.0).contains(&value) {
                    return Err(BadPlan {
                        direction,
                        field,
                        value,
                    });
                }
            }
        }
        Ok(())
    }
}
