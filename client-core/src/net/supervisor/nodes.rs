//! Which of an installation's nodes to dial. A rule without I/O.

use std::time::{Duration, Instant};

use parlor_protocol::hello::Node;
use parlor_protocol::limit::NODES;
use parlor_protocol::link::ServerAddress;
use rand::Rng;

/// Places tried in one dial, one beside the other: two nodes and the address that the person gave.
const PLACES: usize = 3;
/// A node that let a link or a dial die is not the first choice for so long: a restart is over by
/// then, and what is known of its load is old.
const AVOIDED_FOR: Duration = Duration::from_secs(30);

/// The nodes of one installation, as far as the client knows them.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    known: Vec<Known>,
    /// Listed once and no more, the newest first. A list holds who took links when it was made: the
    /// others of a cluster that is being restarted come back, and nobody says so to a link that lives.
    former: Vec<Known>,
    /// The installation has had more than one node: only then is a node dialled that the person did
    /// not name. What a lone server believes to be its address may be wrong.
    several: bool,
    /// At the other end of the link, or of the last one.
    here: Option<ServerAddress>,
    /// Where the server asked to go, until there is another link.
    asked: Vec<Known>,
    avoided: Vec<(ServerAddress, Instant)>,
}

#[derive(Clone, Debug)]
struct Known {
    address: ServerAddress,
    load: u8,
}

impl Nodes {
    /// As an earlier run of the program knew them, how full they are unknown.
    pub(super) fn remembered(addresses: &[ServerAddress]) -> Self {
        let known = addresses.iter().take(NODES).map(|address| Known {
            address: address.clone(),
            load: 0,
        });
        Self {
            known: known.collect(),
            several: addresses.len() > 1,
            ..Self::default()
        }
    }

    /// A link is up. The node that it leads to names itself first.
    pub(super) fn welcomed(&mut self, nodes: &[Node]) {
        let listed = known(nodes);
        let before = [&mut self.asked, &mut self.known, &mut self.former];
        let before: Vec<Known> = before.into_iter().flat_map(std::mem::take).collect();
        for node in before {
            let is_it = |other: &Known| other.address == node.address;
            if !listed.iter().chain(&self.former).any(is_it) && self.former.len() < NODES {
                self.former.push(node);
            }
        }
        self.known = listed;
        self.several |= self.known.len() > 1;
        self.here = self.known.first().map(|it| it.address.clone());
        self.trust();
    }

    /// The link is silent, or has ended: its node is not the first to be dialled.
    pub(super) fn doubt(&mut self, now: Instant) {
        if let Some(here) = self.here.clone() {
            self.avoid(here, now);
        }
    }

    /// The link was heard again.
    pub(super) fn trust(&mut self) {
        let here = self.here.clone();
        self.avoided
            .retain(|(address, _)| Some(address) != here.as_ref());
    }

    /// A dial that began with this place failed.
    pub(super) fn failed(&mut self, address: ServerAddress, now: Instant) {
        self.avoid(address, now);
    }

    /// The server asked to leave for one of these. Whether there is anywhere to go.
    pub(super) fn go_away(&mut self, nodes: &[Node], now: Instant) -> bool {
        self.doubt(now);
        self.asked = known(nodes);
        let elsewhere = |it: &Known| Some(&it.address) != self.here.as_ref();
        let former = self.several && self.former.iter().any(elsewhere);
        !self.asked.is_empty() || self.known.iter().any(elsewhere) || former
    }

    /// What to dial, in this order, each one beside those before it that have not answered: the
    /// better of two nodes, another one, and `home`, the address that the person gave. Nodes that are
    /// listed no more stand in for those that are missing or avoided. `home` comes first where nothing else is known, and at every second try: what servers said may be out of
    /// date.
    pub(super) fn plan<R: Rng + ?Sized>(
        &self,
        home: &ServerAddress,
        failures: u32,
        now: Instant,
        rng: &mut R,
    ) -> Vec<ServerAddress> {
        let (from, former) = match (self.asked.is_empty(), self.several) {
            (false, _) => (self.asked.clone(), Vec::new()),
            (true, true) => (self.known.clone(), self.former.clone()),
            (true, false) => (Vec::new(), Vec::new()),
        };
        let home_first = failures % 2 == 1;
        let part = |nodes: Vec<Known>| -> (Vec<_>, Vec<_>) {
            nodes
                .into_iter()
                .filter(|it| it.address != *home || !home_first)
                .partition(|it| !self.is_avoided(&it.address, now))
        };
        let (good, doubtful) = part(from);
        let (former, lost) = part(former);
        let mut ranks = [good, former, doubtful, lost];
        let mut plan = Vec::with_capacity(PLACES);
        if home_first {
            plan.push(home.clone());
        }
        while let Some(next) = ranks.iter_mut().find_map(|rank| best_of_two(rank, rng)) {
            // One place is home's.
            let taken = plan.len() + usize::from(!plan.contains(home) && next.address != *home);
            if taken < PLACES {
                plan.push(next.address);
            }
        }
        if !plan.contains(home) {
            plan.push(home.clone());
        }
        plan
    }

    fn avoid(&mut self, address: ServerAddress, now: Instant) {
        self.avoided
            .retain(|(other, until)| *other != address && *until > now);
        // More than there are nodes are never worth avoiding.
        if self.avoided.len() < NODES {
            self.avoided.push((address, now + AVOIDED_FOR));
        }
    }

    fn is_avoided(&self, address: &ServerAddress, now: Instant) -> bool {
        self.avoided
            .iter()
            .any(|(other, until)| other == address && *until > now)
    }
}

/// What cannot be an address is nobody's.
fn known(nodes: &[Node]) -> Vec<Known> {
    let known = nodes.iter().take(NODES).filter_map(|node| {
        Some(Known {
            address: node.address.parse().ok()?,
            load: node.load,
        })
    });
    known.collect()
}

/// Takes the less loaded of two drawn at random, so that a thousand clients that leave one node do
/// not all go to the same other.
fn best_of_two<R: Rng + ?Sized>(from: &mut Vec<Known>, rng: &mut R) -> Option<Known> {
    if from.len() < 2 {
        return from.pop();
    }
    let first = rng.random_range(0..from.len());
    let second = (first + rng.random_range(1..from.len())) % from.len();
    let better = match from[second].load < from[first].load {
        true => second,
        false => first,
    };
    Some(from.swap_remove(better))
}

#[cfg(test)]
mod tests;
