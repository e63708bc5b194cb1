//! Counts the nodes that live, from outside: for tools that are no node.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::sleep;

use super::record::{NodeRecord, NodeState, RecordKey};
use super::redis::{self, RollError};
use super::registry::BEAT_EVERY;
use super::{ClusterFile, Kept};
use crate::redis::Commands;

/// Between the two looks: whoever lives has said something meanwhile.
const SECOND_LOOK: Duration = BEAT_EVERY.saturating_add(Duration::from_millis(500));

/// How many nodes say in Redis that they live. Takes a beat's time and little more, unless nobody
/// has said anything for long.
pub async fn living(cluster: &ClusterFile, commands: &Commands) -> Result<u32, RollError> {
    let key = RecordKey::derive(cluster.secret.bytes());
    let first = records(redis::kept(commands, &cluster.prefix).await?, &key);
    if first.is_empty() {
        return Ok(0);
    }
    sleep(SECOND_LOOK).await;
    let second = records(redis::kept(commands, &cluster.prefix).await?, &key);
    Ok(alive(&first, &second))
}

fn records(kept: Kept, key: &RecordKey) -> Vec<NodeRecord> {
    let opened = kept.into_iter();
    opened
        .filter_map(|(_, sealed)| key.open(&sealed).ok())
        .collect()
}

/// Alive is who said something between two looks, but that it goes.
fn alive(first: &[NodeRecord], second: &[NodeRecord]) -> u32 {
    let said: HashMap<u64, (u64, u64)> = first
        .iter()
        .map(|it| (it.number, (it.start, it.beat)))
        .collect();
    let lives = |it: &&NodeRecord| {
        let new = said.get(&it.number) != Some(&(it.start, it.beat));
        new && it.state != NodeState::Gone
    };
    u32::try_from(second.iter().filter(lives).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn alive_is_who_said_something_meanwhile() {
        let later = |number| NodeRecord {
            beat: 2,
            ..record(number)
        };
        let gone = NodeRecord {
            state: NodeState::Gone,
            ..later(3)
        };
        let first = [record(1), record(2), record(3)];
        // One beats, one is silent, one has left, one came.
        let second = [later(1), record(2), gone, record(4)];
        assert_eq!(alive(&first, &second), 2);
        assert_eq!(alive(&first, &first), 0);
    }
}
