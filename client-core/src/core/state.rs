//! What faces read and wish, behind one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use parlor_protocol::{RoomId, SendKey, UserId};

use super::screen::OnScreen;
use crate::account::Account;
use crate::api::{Change, LinkState, MessageView, Presence, PresenceView, Queue};
use crate::net::{Attention, Link};
use crate::notify::Shown;
use crate::store::{Acknowledged, OutboxRow, PersonRow, RoomRow};

/// People known at a time; beyond, whoever was asked about first is asked about again.
pub(super) const MAX_PEOPLE: usize = 20_000;
/// People whose names are wanted at a time; more wait for the next screen.
pub(super) const MAX_UNKNOWN: usize = 1_000;
/// Outcomes of messages kept in memory; older ones are in the store.
const MAX_OUTCOMES: usize = 256;
/// How long somebody counts as typing after the last digest that names them.
pub(super) const TYPING_FOR: Duration = Duration::from_secs(6);
/// How long a presence digest is good for.
pub(super) const PRESENCE_FOR: Duration = Duration::from_secs(60);

/// Everything in memory.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) account: Option<Account>,
    pub(crate) link: LinkState,
    /// Why dialling stopped, for scripts.
    pub(crate) stop_code: &'static str,
    /// When the next dial comes, while waiting.
    pub(crate) next_dial: Option<Instant>,
    /// The live link; requests go out on it.
    pub(crate) live: Option<Link>,
    /// How far the server's clock is ahead of this machine's, ms.
    pub(crate) clock_ahead_ms: i64,
    pub(crate) rooms: HashMap<RoomId, Room>,
    pub(crate) people: HashMap<UserId, PersonRow>,
    /// Folded names of people known: what `@` may refer to.
    pub(crate) names: HashSet<String>,
    /// Unsent messages by their place.
    pub(crate) outbox: BTreeMap<i64, OutboxRow>,
    /// Keys that were given up for others, for whoever waits under the old one.
    pub(crate) renamed: HashMap<SendKey, SendKey>,
    /// What became of messages lately, the newest last.
    pub(crate) outcomes: VecDeque<Acknowledged>,
    pub(crate) screens: Vec<Weak<Mutex<OnScreen>>>,
    pub(crate) readers: Vec<Weak<Queue>>,
    pub(crate) shown: Shown<RoomId>,
    /// The newest message of each room that a notification was raised for.
    pub(crate) notified: HashMap<RoomId, u64>,
    pub(crate) wishes: Wishes,
}

/// What faces want of the engine.
#[derive(Debug)]
pub(crate) struct Wishes {
    /// How many hold a room open.
    pub(crate) holds: HashMap<RoomId, usize>,
    /// Names to be asked for.
    pub(crate) unknown: BTreeSet<UserId>,
    /// Asked for and not known to the server either.
    pub(crate) nobody: HashSet<UserId>,
    /// Markers to be sent.
    pub(crate) marks: HashMap<RoomId, u64>,
    /// Rooms left on screen: their markers go now.
    pub(crate) left: HashSet<RoomId>,
    /// Rooms with drafts to be written.
    pub(crate) drafts: HashSet<RoomId>,
    pub(crate) attention: Attention,
    pub(crate) wake: bool,
    pub(crate) presence: Presence,
    /// Messages were added to the outbox or tried again.
    pub(crate) outbox_grew: bool,
    /// Messages that were taken out of it.
    pub(crate) discarded: Vec<SendKey>,
}

/// A room in memory.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) row: RoomRow,
    pub(crate) muted: bool,
    pub(crate) draft: String,
    pub(crate) typing: Vec<(UserId, Instant)>,
    pub(crate) presence: PresenceView,
    pub(crate) presence_at: Option<Instant>,
    /// When each person of it was named last.
    pub(crate) presence_told: HashMap<UserId, Instant>,
    /// When a typing signal of one's own was sent last.
    pub(crate) typed_at: Option<Instant>,
    /// It is open, and what the server holds is here.
    pub(crate) current: bool,
    /// There is nothing to wait for: it is current, or cannot be opened now.
    pub(crate) settled: bool,
}

impl Room {
    pub(crate) fn new(row: RoomRow) -> Self {
        Self {
            row,
            muted: false,
            draft: String::new(),
            typing: Vec::new(),
            presence: PresenceView::default(),
            presence_at: None,
            presence_told: HashMap::new(),
            typed_at: None,
            current: false,
            settled: false,
        }
    }
}

impl State {
    pub(crate) fn new(attention: Attention) -> Self {
        Self {
            account: None,
            link: LinkState::Idle,
            stop_code: "stopped",
            next_dial: None,
            live: None,
            clock_ahead_ms: 0,
            rooms: HashMap::new(),
            people: HashMap::new(),
            names: HashSet::new(),
            outbox: BTreeMap::new(),
            renamed: HashMap::new(),
            outcomes: VecDeque::new(),
            screens: Vec::new(),
            readers: Vec::new(),
            shown: Shown::new(),
            notified: HashMap::new(),
            wishes: Wishes {
                holds: HashMap::new(),
                unknown: BTreeSet::new(),
                nobody: HashSet::new(),
                marks: HashMap::new(),
                left: HashSet::new(),
                drafts: HashSet::new(),
                attention,
                wake: false,
                presence: Presence::Online,
                outbox_grew: false,
                discarded: Vec::new(),
            },
        }
    }

    /// The person, while their session has not ended.
    pub(crate) fn me(&self) -> Option<&Account> {
        self.account
            .as_ref()
            .filter(|account| account.ended.is_none())
    }

    /// Tells every face.
    pub(crate) fn tell(&mut self, change: Change) {
        self.readers.retain(|reader| match reader.upgrade() {
            Some(queue) => {
                queue.push(change.clone());
                true
            }
            None => false,
        });
    }

    /// The timelines of a room on screen, those dropped let go.
    pub(crate) fn screens_of(&mut self, room: RoomId) -> Vec<Arc<Mutex<OnScreen>>> {
        self.screens.retain(|screen| screen.strong_count() > 0);
        let alive = self.screens.iter().filter_map(Weak::upgrade);
        alive
            .filter(|screen| super::screen::lock(screen).room() == room)
            .collect()
    }

    pub(crate) fn all_screens(&mut self) -> Vec<Arc<Mutex<OnScreen>>> {
        self.screens.retain(|screen| screen.strong_count() > 0);
        self.screens.iter().filter_map(Weak::upgrade).collect()
    }

    /// Learns a person; whether anything about them is new.
    pub(crate) fn learn(&mut self, person: PersonRow) -> bool {
        self.wishes.unknown.remove(&person.user);
        if self.people.get(&person.user) == Some(&person) {
            return false;
        }
        if self.people.len() >= MAX_PEOPLE {
            let gone = self.people.keys().next().copied();
            gone.and_then(|user| self.people.remove(&user));
        }
        self.names.insert(person.name.to_lowercase());
        self.people.insert(person.user, person);
        true
    }

    /// What a person is called, and the wish to know it where nobody does.
    pub(crate) fn name_of(&mut self, user: UserId) -> Arc<str> {
        if let Some(person) = self.people.get(&user) {
            return Arc::from(super::render::display_name(person));
        }
        if self.wishes.unknown.len() < MAX_UNKNOWN && !self.wishes.nobody.contains(&user) {
            self.wishes.unknown.insert(user);
        }
        Arc::from("…")
    }

    /// Unsent messages of a room, oldest first.
    pub(crate) fn unsent_rows(&self, room: RoomId) -> impl Iterator<Item = &OutboxRow> {
        self.outbox.values().filter(move |row| row.room == room)
    }

    pub(crate) fn outbox_row(&self, key: SendKey) -> Option<&OutboxRow> {
        self.outbox.values().find(|row| row.key == key)
    }

    /// The server has a message.
    pub(crate) fn note_outcome(&mut self, done: Acknowledged) {
        self.outcomes.push_back(done);
        if self.outcomes.len() > MAX_OUTCOMES {
            self.outcomes.pop_front();
        }
    }

    /// The key that a message goes by now.
    pub(crate) fn key_now(&self, key: SendKey) -> SendKey {
        self.renamed.get(&key).copied().unwrap_or(key)
    }

    /// Unsent messages of a room as shown below its newest one.
    pub(crate) fn unsent_views(&mut self, room: RoomId) -> Vec<Arc<MessageView>> {
        let rows: Vec<OutboxRow> = self.unsent_rows(room).cloned().collect();
        rows.iter()
            .map(|row| Arc::new(super::render::unsent(self, row)))
            .collect()
    }

    /// Now by the server's clock, ms since the Unix epoch.
    pub(crate) fn server_now_ms(&self) -> u64 {
        now_ms().saturating_add_signed(self.clock_ahead_ms)
    }
}

/// Now by this machine's clock, ms since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
