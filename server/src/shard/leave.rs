//! How links leave a node: all of them when it drains, a few when it is fuller than its share.

use std::time::{Duration, Instant};

use parlor_protocol::hello::{GoAway, Node};
use parlor_protocol::{Code, Extensions, frame};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::state::State;
use super::{Core, Lane, ToShard};
use crate::guard::backoff::random;

/// Window in which clients of a lone node come back, ms: it may be up again once it has wound down.
/// Who counts from the message instead of the link's end, and so comes earlier, is not answered and
/// finds the next server by a later packet of the same dial.
const RETRY_MIN_MS: u32 = 600;
const RETRY_MAX_MS: u32 = 1_600;
/// Time for links of a lone node to leave by themselves: all is over within a second.
const LONE_WITHIN: Duration = Duration::from_millis(750);
/// Links that go to other nodes in a second: handshakes and entries that these take beside what they
/// do already.
const LINKS_PER_S: f64 = 250.0;
/// Shortest and longest time over which links are spread, whatever their number.
const SPREAD_LEAST: Duration = Duration::from_millis(500);
const SPREAD_MOST: Duration = Duration::from_secs(20);
/// Time for the last ones to have a new link and to take leave: a dial, an entry, replies under way.
const LAST_ONES: Duration = Duration::from_secs(8);
/// The shard takes the message and answers within so long beyond the farewell's own time.
const SLACK: Duration = Duration::from_secs(2);
/// A link that did not go is left alone for so long: its client does not move, or could not.
const ASKED_AGAIN: Duration = Duration::from_secs(300);

/// How all links of a node are sent away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Where to; empty: back here, once the node runs again.
    pub nodes: Vec<Node>,
    pub retry_min_ms: u32,
    pub retry_max_ms: u32,
    /// When those who are still here are cut off.
    pub within: Duration,
}

impl Farewell {
    /// From a node that knows no other.
    pub fn lone() -> Self {
        Self {
            nodes: Vec::new(),
            retry_min_ms: RETRY_MIN_MS,
            retry_max_ms: RETRY_MAX_MS,
            within: LONE_WITHIN,
        }
    }

    /// So many links, to other nodes if there are any.
    pub fn to(nodes: Vec<Node>, links: u32) -> Self {
        if nodes.is_empty() {
            return Self::lone();
        }
        let spread = Duration::from_secs_f64(f64::from(links) / LINKS_PER_S);
        let spread = spread.clamp(SPREAD_LEAST, SPREAD_MOST);
        Self {
            nodes,
            retry_min_ms: 0,
            retry_max_ms: ms(spread),
            within: spread + LAST_ONES,
        }
    }
}

impl Core {
    /// Takes no new links, sends all links to other nodes if there are any, and waits until they have
    /// gone, within bounds. Whether they had somewhere to go.
    pub async fn drain(&self) -> bool {
        self.nodes.drain();
        let links = u32::try_from(self.metrics.links.get()).unwrap_or(0);
        let farewell = Farewell::to(self.nodes.others().to_vec(), links);
        let (elsewhere, within) = (!farewell.nodes.is_empty(), farewell.within + SLACK);
        let (done, drained) = oneshot::channel();
        let drain = async {
            self.shard.send(ToShard::Drain { farewell, done }).await;
            // A shard that has ended has no links.
            let _ = drained.await;
        };
        // What has not gone by then goes with the process.
        let _ = timeout(within, drain).await;
        elsewhere
    }
}

/// Tells all links to go and answers when they have gone or the time is up.
pub(super) fn drain(state: &mut State, farewell: Farewell, done: oneshot::Sender<()>) {
    let Farewell {
        nodes,
        retry_min_ms,
        retry_max_ms,
        within,
    } = farewell;
    state.draining = true;
    state.elsewhere = !nodes.is_empty();
    let go_away = GoAway {
        retry_min_ms,
        retry_max_ms,
        nodes,
        reason: "The server is shutting down.".to_owned(),
        ext: Extensions::NONE,
    };
    let links: Vec<u32> = state.links.iter().map(|(at, _)| at as u32).collect();
    state.send_away(&links, &go_away);
    let connections: Vec<_> = state
        .links
        .iter()
        .map(|(_, link)| link.connection.clone())
        .collect();
    spawn_local(async move {
        let all_gone = async {
            for connection in &connections {
                connection.closed().await;
            }
        };
        if timeout(within, all_gone).await.is_err() {
            for connection in &connections {
                connection.close(Code::GOING_AWAY, Code::GOING_AWAY.text());
            }
        }
        let _ = done.send(());
    });
}

impl State {
    /// Asks some links, drawn at random, to go to one of these nodes. Who stays is not cut off.
    pub(super) fn move_away(&mut self, count: u32, nodes: Vec<Node>, within: Duration) {
        let now = Instant::now();
        let left_alone = |at: Instant| now.saturating_duration_since(at) < ASKED_AGAIN;
        let mut here: Vec<u32> = self
            .links
            .iter()
            .filter(|(_, link)| link.entered && !link.asked_away.is_some_and(left_alone))
            .map(|(at, _)| at as u32)
            .collect();
        let count = here.len().min(count as usize);
        for place in 0..count {
            let left = here.len() - place;
            let drawn = (random() * left as f64) as usize;
            here.swap(place, place + drawn.min(left - 1));
        }
        here.truncate(count);
        let go_away = GoAway {
            retry_min_ms: 0,
            retry_max_ms: ms(within),
            nodes,
            reason: "Another node has more room.".to_owned(),
            ext: Extensions::NONE,
        };
        self.send_away(&here, &go_away);
        for at in here {
            if let Some(link) = self.links.get_mut(at as usize) {
                link.asked_away = Some(now);
            }
        }
    }

    fn send_away(&mut self, links: &[u32], go_away: &GoAway) {
        let frame = frame::encode(0, go_away);
        for at in links {
            if let Some(link) = self.links.get_mut(*at as usize) {
                link.reply(Lane::Control, frame.clone());
            }
            self.mark(*at);
        }
    }
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_links_there_are_the_longer_they_are_spread_and_never_for_long() {
        let node = Node {
            address: "b.example.org:7443".to_owned(),
            load: 0,
        };
        let spread = |links| Farewell::to(vec![node.clone()], links).retry_max_ms;
        assert_eq!(
            [spread(0), spread(1_000), spread(1 << 30)],
            [500, 4_000, 20_000]
        );
        assert_eq!(Farewell::to(Vec::new(), 1_000), Farewell::lone());
    }
}
