//! Restores: which revs of an earlier epoch are still part of a later one.

use std::collections::HashMap;

use parlor_protocol::RoomId;
use serde::{Deserialize, Serialize};

use super::text::as_text;

/// What a run did on purpose, and what it therefore owes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Every restore from a backup.
    pub restores: Vec<Restore>,
    /// Whether every client that has a view was given time to empty its outbox: then each
    /// message it invoked must be acknowledged or refused.
    pub outboxes_drained: bool,
}

/// A backup that was restored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Restore {
    /// The epoch made by the restore.
    pub new_epoch: u64,
    /// The epoch in which the backup was taken.
    pub of_epoch: u64,
    /// How far the backup goes. A room that is not named is not in it.
    pub heads: Vec<BackupHead>,
}

/// How far a backup goes in a room.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct BackupHead {
    /// The room.
    #[serde(with = "as_text")]
    pub room: RoomId,
    /// Its rev in the backup.
    pub rev: u64,
}

/// Restores by the epoch they made.
#[derive(Debug)]
pub(super) struct Lineage {
    steps: HashMap<u64, Step>,
}

#[derive(Debug)]
struct Step {
    of_epoch: u64,
    revs: HashMap<RoomId, u64>,
}

impl Lineage {
    pub(super) fn new(plan: &Plan) -> Lineage {
        let step = |restore: &Restore| Step {
            of_epoch: restore.of_epoch,
            revs: restore
                .heads
                .iter()
                .map(|head| (head.room, head.rev))
                .collect(),
        };
        let steps = plan.restores.iter();
        Lineage {
            steps: steps
                .map(|restore| (restore.new_epoch, step(restore)))
                .collect(),
        }
    }

    /// The highest rev of `room` given in `epoch` that is part of `later`:
    /// everything when they are the same, 0 when nothing is.
    pub(super) fn kept(&self, epoch: u64, later: u64, room: RoomId) -> u64 {
        let mut kept = u64::MAX;
        let mut at = later;
        // Every step is walked at most once: a plan that goes in circles ends, too.
        for _ in 0..=self.steps.len() {
            if at == epoch {
                return kept;
            }
            let Some(step) = self.steps.get(&at) else {
                return 0;
            };
            kept = kept.min(step.revs.get(&room).copied().unwrap_or(0));
            at = step.of_epoch;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([1; 16]);

    fn restore(of_epoch: u64, new_epoch: u64, rev: u64) -> Restore {
        Restore {
            new_epoch,
            of_epoch,
            heads: vec![BackupHead { room: ROOM, rev }],
        }
    }

    #[test]
    fn the_lowest_backup_on_the_way_counts() {
        let lineage = Lineage::new(&Plan {
            restores: vec![restore(1, 2, 50), restore(2, 3, 40), restore(2, 4, 70)],
            outboxes_drained: false,
        });
        assert_eq!(lineage.kept(3, 3, ROOM), u64::MAX);
        assert_eq!(lineage.kept(2, 3, ROOM), 40);
        assert_eq!(lineage.kept(1, 3, ROOM), 40);
        assert_eq!(lineage.kept(1, 4, ROOM), 50);
        // The third epoch was given up for the fourth.
        assert_eq!(lineage.kept(3, 4, ROOM), 0);
        assert_eq!(lineage.kept(1, 4, RoomId([2; 16])), 0);
    }
}
