//! Everything a shard holds, and how a step on it ends. Single-threaded: no locks, and nothing here
//! waits. What links have of rooms stands in `rooms`, writing in `write`, signals in `signals`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use parlor_protocol::UserId;
use parlor_protocol::limit::LINK_TOKEN_BYTES;
use parlor_protocol::tcp::LinkToken;
use slab::Slab;
use tokio::sync::Notify;

use super::delivering::Delivering;
use super::door::Door;
use super::elsewhere::Own;
use super::flusher::Flusher;
use super::hub::Hub;
use super::link::{Link, Writable};
use super::loopback::Loopback;
use super::others::Others;
use super::presence::Presences;
use super::{LinkRef, SharedCore};
use crate::cluster::Peers;
use crate::guard::bulk::Bulk;
use crate::guard::rate::{self, Rates};
use crate::net::{Connection, Gather};

pub(crate) struct Shard {
    pub(crate) core: SharedCore,
    pub(super) writable: Arc<Writable>,
    /// A slot of the flusher has links.
    pub(super) slots: Notify,
    /// A signal waits for its time.
    pub(super) signals: Notify,
    /// Something is missing in a room, or a reading has ended.
    pub(super) gaps: Notify,
    /// Memory of bulk transfers; beside the state, since transfers give it back wherever they end.
    pub(crate) bulk: RefCell<Bulk>,
    pub(super) state: RefCell<State>,
}

pub(crate) struct State {
    pub(super) links: Slab<Link>,
    pub(crate) hub: Hub,
    pub(super) flusher: Flusher,
    pub(super) delivering: Delivering,
    /// Where the delivery's probes end.
    pub(super) loopback: Loopback,
    pub(super) presences: Presences,
    pub(crate) rates: Rates,
    pub(super) gather: Gather,
    users: HashMap<UserId, Vec<u32>>,
    /// How far the own entries of people here were followed.
    pub(super) own: Own,
    /// Who is in which room at other nodes.
    pub(super) others: Others,
    /// When other nodes are asked of a room again, ms, by slot.
    pub(super) asked: HashMap<u32, u64>,
    /// Rooms of which they are asked with what they are told next.
    pub(super) asking: BTreeSet<u32>,
    /// The other nodes, if there are any.
    pub(super) peers: Option<Arc<Peers>>,
    /// Links by where they came from.
    addresses: HashMap<rate::Who, u32>,
    /// Links over TCP, by what their bulk transfers name them.
    pub(super) tokens: HashMap<LinkToken, LinkRef>,
    /// TLS handshakes over TCP.
    pub(super) door: Door,
    generation: u32,
    /// Counts openings of rooms, to tell which is oldest.
    pub(super) opened: u32,
    /// Links that have heads to send within the second.
    pub(super) heads: Vec<LinkRef>,
    /// Rooms in which something is missing, by slot; at most as many as there are.
    pub(super) gaps: BTreeSet<u32>,
    /// Gaps that are being read.
    pub(super) readings: usize,
    pub(super) half_open: u32,
    pub(super) draining: bool,
    /// … and there are other nodes to go to.
    pub(super) elsewhere: bool,
    pub(super) outbound_bytes: usize,
}

impl Shard {
    pub(super) fn new(core: SharedCore) -> Rc<Self> {
        let outbound_bytes = core.config.link.outbound_kib as usize * 1024;
        let state = State {
            links: Slab::new(),
            hub: Hub::default(),
            flusher: Flusher::default(),
            delivering: Delivering::default(),
            loopback: Loopback::default(),
            presences: Presences::default(),
            rates: Rates::new(core.config.limits.clone()),
            gather: Gather::default(),
            users: HashMap::new(),
            own: Own::default(),
            others: Others::default(),
            asked: HashMap::new(),
            asking: BTreeSet::new(),
            peers: core.peers.clone(),
            addresses: HashMap::new(),
            tokens: HashMap::new(),
            door: Door::new(
                core.config.link.half_open as usize,
                core.config.limits.addresses,
            ),
            generation: 0,
            opened: 0,
            heads: Vec::new(),
            gaps: BTreeSet::new(),
            readings: 0,
            half_open: 0,
            draining: false,
            elsewhere: false,
            outbound_bytes,
        };
        Rc::new(Self {
            core,
            writable: Arc::default(),
            slots: Notify::new(),
            signals: Notify::new(),
            gaps: Notify::new(),
            bulk: RefCell::default(),
            state: RefCell::new(state),
        })
    }

    /// Runs one step on the state, then sends and writes what has become due.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let waited = state.flusher.is_waiting();
        let (typed, first) = (
            state.presences.is_typing(),
            state.presences.pacer.first_ms(),
        );
        let result = step(&mut state);
        if state.presences.is_fresh() {
            state.send_signals(self.core.steady_ms());
            let next = state.presences.pacer.first_ms();
            let sooner = next.is_some_and(|next| first.is_none_or(|first| next < first));
            if sooner || (!typed && state.presences.is_typing()) {
                self.signals.notify_one();
            }
        }
        state.flush_now(self);
        if !waited && state.flusher.is_waiting() {
            self.slots.notify_one();
        }
        self.core.metrics.links.set(state.links.len() as i64);
        result
    }
}

impl State {
    pub(super) fn add(&mut self, connection: Connection, shard: &Shard) -> LinkRef {
        self.generation = self.generation.wrapping_add(1);
        let mut link = Link::new(self.generation, connection, Instant::now());
        *self.addresses.entry(link.counted_at).or_default() += 1;
        let is_tcp = link.connection.is_tcp();
        shard.core.metrics.links_by_transport.of(is_tcp).add(1);
        link.token = is_tcp.then(new_link_token).flatten();
        let token = link.token;
        let index = self.links.insert(link);
        let at = LinkRef {
            index: index as u32,
            generation: self.generation,
        };
        if let Some(token) = token {
            self.tokens.insert(token, at);
        }
        at
    }

    pub(crate) fn link(&mut self, at: LinkRef) -> Option<&mut Link> {
        self.links
            .get_mut(at.index as usize)
            .filter(|link| link.generation == at.generation)
    }

    /// Forgets a link everywhere.
    pub(super) fn remove(&mut self, at: LinkRef, shard: &Shard) {
        if self.link(at).is_none() {
            return;
        }
        let mut link = self.links.remove(at.index as usize);
        let is_tcp = link.connection.is_tcp();
        shard.core.metrics.links_by_transport.of(is_tcp).add(-1);
        if let Some(count) = self.addresses.get_mut(&link.counted_at) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&link.counted_at);
            }
        }
        if let Some(token) = link.token {
            self.tokens.remove(&token);
        }
        let user = link.who.as_ref().map(|who| who.user);
        for joined in &link.rooms {
            self.hub_leave(*joined, at.index, user);
        }
        if let Some(user) = user {
            let last = self.users.get_mut(&user).is_none_or(|links| {
                links.retain(|other| *other != at.index);
                links.is_empty()
            });
            if last {
                self.person_went(user, &shard.core);
            }
        }
        if link.entered {
            shard.core.metrics.entered.add(-1);
            super::upkeep::note_seen(&mut link, &shard.core, shard.core.now_ms());
        }
    }

    pub(super) fn links_of(&self, user: UserId) -> &[u32] {
        self.users.get(&user).map_or(&[], Vec::as_slice)
    }

    /// Links that came from where this one comes from.
    pub(super) fn links_from(&self, address: rate::Who) -> u32 {
        self.addresses.get(&address).copied().unwrap_or(0)
    }

    pub(super) fn identify(&mut self, at: LinkRef, user: UserId) {
        let links = self.users.entry(user).or_default();
        if links.is_empty()
            && let Some(peers) = &self.peers
        {
            peers.person_came(user);
        }
        links.push(at.index);
    }

    /// The last link of a person has gone.
    fn person_went(&mut self, user: UserId, core: &super::Core) {
        if self.users.remove(&user).is_some()
            && let Some(peers) = &self.peers
        {
            peers.person_went(user);
        }
        self.own.forget(user);
        self.presences.went(user);
        core.set_online(user, false);
    }

    /// The entry failed after all.
    pub(super) fn unidentify(&mut self, at: LinkRef, core: &super::Core) {
        let Some(who) = self.link(at).and_then(|link| link.who.take()) else {
            return;
        };
        self.leave_all(at.index, who.user);
        if let Some(links) = self.users.get_mut(&who.user) {
            links.retain(|other| *other != at.index);
            // Their other link may have gone while this one was being decided.
            if links.is_empty() {
                self.person_went(who.user, core);
            }
        }
    }
}

/// Without one, for want of random bytes, the link has no bulk transfers.
fn new_link_token() -> Option<LinkToken> {
    let mut bytes = [0; LINK_TOKEN_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(LinkToken(bytes))
}
