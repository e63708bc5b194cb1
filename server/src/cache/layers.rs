//! The layers over each other: this process, Redis, the database; and what sweeps them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parlor_protocol::{RoomId, SessionId, UserId};
use tokio::time::Instant;

use super::key::{Group, Key, Kind};
use super::lru::{Bounds, Lru};
use super::redis::SharedCache;
use super::revs::Revs;
use super::single::Single;
use super::value::Value;
use super::version::{Moment, Versions};
use crate::config;
use crate::ops::Metrics;
use crate::store::{Result, StoreError};

/// Loads of others that one waits for in vain, because something changed meanwhile, before one
/// loads alone.
const JOINS: u32 = 2;

/// What a node keeps of what it reads.
#[derive(Debug)]
pub struct Cache {
    kept: Mutex<Lru<Key, Held>>,
    revs: Mutex<Revs>,
    versions: Versions,
    loads: Single<Load, Result<Loaded, StoreError>>,
    shared: Option<SharedCache>,
    /// Changes of other nodes may pass unheard: what is kept here for long is not shown.
    deaf: AtomicBool,
    settings: config::Cache,
    metrics: Arc<Metrics>,
    began: Instant,
}

#[derive(Clone, Debug)]
struct Held {
    value: Value,
    since: Moment,
}

/// What a load gave, and from when it is.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) value: Option<Value>,
    since: Moment,
}

/// Loads that are the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Load {
    Entry(Key),
    /// For who knows the room to have come so far.
    Page {
        room: RoomId,
        limit: u16,
        rev: u64,
    },
    People {
        ids: Vec<UserId>,
        names: Vec<String>,
    },
}

impl Cache {
    /// For a lone node: what is kept in its memory is all there is.
    pub fn new(settings: config::Cache, metrics: Arc<Metrics>) -> Self {
        Self::over(None, settings, metrics)
    }

    /// For a node of a cluster. Until its bus works it shows nothing from its own memory that other
    /// nodes may have changed.
    pub fn shared(shared: SharedCache, settings: config::Cache, metrics: Arc<Metrics>) -> Self {
        Self::over(Some(shared), settings, metrics)
    }

    fn over(shared: Option<SharedCache>, settings: config::Cache, metrics: Arc<Metrics>) -> Self {
        let bounds = Bounds {
            entries: NonZeroUsize::new(settings.entries as usize).unwrap_or(NonZeroUsize::MIN),
            bytes: settings.mib as usize * 1024 * 1024,
        };
        Self {
            kept: Mutex::new(Lru::new(bounds)),
            revs: Mutex::default(),
            versions: Versions::default(),
            loads: Single::default(),
            deaf: AtomicBool::new(shared.is_some()),
            shared,
            settings,
            metrics,
            began: Instant::now(),
        }
    }

    // ---- what changed: after the commit, before it is acknowledged

    /// Members or details of a room.
    pub async fn room_changed(&self, room: RoomId) {
        self.changed(&[Group::Room(room), Group::Rooms]).await;
    }

    /// A person's profile or rights; `rooms`: those that they are in.
    pub async fn user_changed(&self, user: UserId, rooms: &[RoomId]) {
        let mut groups = vec![Group::User(user), Group::Sessions(user)];
        groups.extend(rooms.iter().map(|room| Group::Room(*room)));
        self.changed(&groups).await;
    }

    /// One session ended, or its tokens were changed.
    pub async fn session_ended(&self, session: SessionId) {
        self.changed(&[Group::Session(session)]).await;
    }

    /// All sessions of a person, but perhaps one.
    pub async fn sessions_ended(&self, user: UserId) {
        self.changed(&[Group::Sessions(user)]).await;
    }

    /// Somebody came into a room, or went.
    pub async fn member_changed(&self, room: RoomId, user: UserId) {
        self.changed(&[Group::Room(room), Group::Rooms, Group::Joined(user)])
            .await;
    }

    /// Anything may have changed: what is kept in this process is not shown any more.
    pub fn doubt(&self) {
        self.versions.doubt();
        self.kept().clear();
        self.revs().clear();
        self.show_sizes();
    }

    pub(super) async fn changed(&self, groups: &[Group]) {
        self.changed_here(groups.iter().copied());
        if let Some(shared) = &self.shared {
            shared.changed(groups).await;
        }
    }

    pub(super) fn changed_here(&self, groups: impl IntoIterator<Item = Group>) {
        for group in groups {
            self.versions.changed(group);
        }
    }

    pub(super) fn set_deaf(&self, deaf: bool) {
        self.deaf
            .store(deaf && self.shared.is_some(), Ordering::SeqCst);
    }

    // ---- the revs of rooms

    pub(super) fn rooms_reached(&self, rooms: impl IntoIterator<Item = (RoomId, u64)>) {
        let mut revs = self.revs();
        for (room, rev) in rooms {
            revs.raise(room, rev);
        }
    }

    pub(super) fn forget_revs(&self, rooms: impl IntoIterator<Item = RoomId>) {
        let mut revs = self.revs();
        for room in rooms {
            revs.forget(room);
        }
    }

    pub(super) fn known_rev(&self, room: RoomId) -> Option<u64> {
        self.revs().known(room)
    }

    // ---- reading

    /// From the nearest layer; loads of the same entry run once.
    pub(super) async fn get<F>(&self, key: Key, load: impl Fn() -> F) -> Result<Option<Value>>
    where
        F: Future<Output = Result<Option<Value>>>,
    {
        if let Some(value) = self.here(&key) {
            return Ok(Some(value));
        }
        for _ in 0..JOINS {
            let entry = || self.load(&key, &load);
            let (loaded, joined) = self.once(Load::Entry(key.clone()), entry).await?;
            match loaded.value {
                value if !joined => return Ok(value),
                Some(value) if self.versions.holds(loaded.since, value.groups(&key)) => {
                    return Ok(Some(value));
                }
                // It began before something that this asker may know of.
                _ => {}
            }
        }
        self.load(&key, &load).await.map(|loaded| loaded.value)
    }

    /// Runs a load together with all that ask for the same meanwhile; whether another one ran it.
    pub(super) async fn once<F>(&self, load: Load, run: impl Fn() -> F) -> Result<(Loaded, bool)>
    where
        F: Future<Output = Result<Loaded>>,
    {
        let (loaded, joined) = self.loads.run(load, run).await;
        if joined {
            self.metrics.cache_coalesced.add(1);
        }
        Ok((loaded?, joined))
    }

    /// What is kept in this process and still true; counted as a hit.
    pub(super) fn here(&self, key: &Key) -> Option<Value> {
        let began = Instant::now();
        let value = self.peek(key)?;
        self.hit(key.kind(), began);
        Some(value)
    }

    /// The same, not counted.
    pub(super) fn peek(&self, key: &Key) -> Option<Value> {
        // A page is held against the database's rev and needs no hearing.
        if key.kind() != Kind::Pages && self.deaf.load(Ordering::SeqCst) {
            return None;
        }
        let now_ms = self.now_ms();
        let held = self.kept().get(key, now_ms)?;
        let holds = self.versions.holds(held.since, held.value.groups(key));
        holds.then_some(held.value)
    }

    /// Keeps what was loaded since then.
    pub(super) fn keep(&self, key: Key, value: Value, since: Moment) {
        let mut life_ms = key.kind().life_ms(&self.settings);
        // The bus brings only what this node has taken channels for, and lists go beyond that.
        if self.shared.is_some() && key.kind() != Kind::Pages {
            life_ms = life_ms.min(u64::from(self.settings.own_memory_s) * 1_000);
        }
        let until_ms = self.now_ms() + life_ms;
        let bytes = value.bytes(&key);
        self.kept().put(key, Held { value, since }, bytes, until_ms);
        self.show_sizes();
    }

    /// Taken before a load.
    pub(super) fn now(&self) -> Moment {
        self.versions.now()
    }

    pub(super) fn loaded(&self, value: Option<Value>, since: Moment) -> Loaded {
        Loaded { value, since }
    }

    /// Whether what another one loaded shows all changes of the groups up to now; without `named`
    /// ones only if nothing at all has changed.
    pub(super) fn still(
        &self,
        loaded: &Loaded,
        groups: impl IntoIterator<Item = Group>,
        named: bool,
    ) -> bool {
        match named {
            true => self.versions.holds(loaded.since, groups),
            false => self.now() == loaded.since,
        }
    }

    pub(super) fn redis(&self) -> Option<&SharedCache> {
        self.shared.as_ref()
    }

    async fn load<F>(&self, key: &Key, load: &impl Fn() -> F) -> Result<Loaded>
    where
        F: Future<Output = Result<Option<Value>>>,
    {
        let (since, began) = (self.now(), Instant::now());
        let mut version = None;
        if let (Some(shared), Some(group)) = (&self.shared, key.shared_group()) {
            let slots = shared.read(key.kind(), &[(group, key.clone())]).await;
            if let Some(slot) = slots.and_then(|mut slots| slots.pop()) {
                if let Some(value) = slot.held {
                    self.shared_hit(key.kind(), began);
                    self.keep(key.clone(), value.clone(), since);
                    return Ok(self.loaded(Some(value), since));
                }
                version = Some((shared, group, slot.version));
            }
        }
        let value = load().await?;
        self.missed(key.kind(), 1);
        if let Some(value) = &value {
            self.keep(key.clone(), value.clone(), since);
            if let Some((shared, group, version)) = version {
                let entry = (group, key.clone(), version, value.clone());
                shared.store(key.kind(), vec![entry]).await;
            }
        }
        Ok(self.loaded(value, since))
    }

    // ---- figures

    pub(super) fn hit(&self, kind: Kind, began: Instant) {
        self.metrics.cache_hits.of(kind).add(1);
        self.metrics.cache_duration.observe(began.elapsed());
    }

    pub(super) fn shared_hit(&self, kind: Kind, began: Instant) {
        self.metrics.cache_shared_hits.of(kind).add(1);
        self.hit(kind, began);
    }

    pub(super) fn missed(&self, kind: Kind, count: u64) {
        self.metrics.cache_misses.of(kind).add(count);
    }

    fn show_sizes(&self) {
        let (entries, bytes) = {
            let kept = self.kept();
            (kept.len(), kept.bytes())
        };
        self.metrics.cache_entries.set(entries as i64);
        self.metrics.cache_bytes.set(bytes as i64);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn kept(&self) -> MutexGuard<'_, Lru<Key, Held>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revs(&self) -> MutexGuard<'_, Revs> {
        self.revs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
