//! Reads from replicas: pages and changes of rooms whose rev this node knows. A replica's answer is
//! taken only where it has reached that rev; else the primary is asked, as if there were no replica.
//! Who may read what is always asked of the primary.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use parlor_protocol::RoomId;
use parlor_protocol::message::Page;
use parlor_protocol::sync::RoomChanges;
use sqlx::PgPool;

use super::settings::PostgresSettings;
use super::{changes, open, page};
use crate::store::shared::page::Asked;
use crate::store::{Appended, ReplicaReads, Result};

/// Rooms whose revs are known; each takes about 80 bytes. The others are read from the primary.
const ROOMS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// Longest wait for a replica: the primary is there.
const WITHIN: Duration = Duration::from_millis(500);
/// How long a replica that failed is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(5);

pub(super) struct Replicas {
    replicas: Vec<Replica>,
    next: AtomicUsize,
    /// The newest rev of each room that this node has heard of.
    revs: Mutex<LruCache<RoomId, u64>>,
    answered: AtomicU64,
    behind: AtomicU64,
    failed: AtomicU64,
}

struct Replica {
    pool: PgPool,
    /// Not asked before.
    not_before: Mutex<Option<Instant>>,
}

impl Replicas {
    pub(super) fn open(settings: &PostgresSettings) -> Result<Self> {
        let replica = |url: &String| {
            let mut own = settings.clone();
            own.url.clone_from(url);
            own.acquire_within = WITHIN;
            let options = open::options(&own)?;
            Ok(Replica {
                pool: open::pool(&own, &options, own.for_others()),
                not_before: Mutex::default(),
            })
        };
        Ok(Self {
            replicas: settings
                .replicas
                .iter()
                .map(replica)
                .collect::<Result<_>>()?,
            next: AtomicUsize::new(0),
            revs: Mutex::new(LruCache::new(ROOMS)),
            answered: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    pub(super) fn pools(&self) -> impl Iterator<Item = &PgPool> {
        self.replicas.iter().map(|replica| &replica.pool)
    }

    pub(super) fn reads(&self) -> ReplicaReads {
        ReplicaReads {
            answered: self.answered.load(Ordering::Relaxed),
            behind: self.behind.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// The room is at this rev at least.
    pub(super) fn note(&self, room: RoomId, rev: u64) {
        if self.replicas.is_empty() {
            return;
        }
        let mut revs = self.revs.lock().unwrap_or_else(PoisonError::into_inner);
        let known = revs.get_or_insert_mut(room, || rev);
        *known = rev.max(*known);
    }

    pub(super) fn note_appended(&self, appended: &Appended) {
        for room in &appended.rooms {
            self.note(room.room, room.rev);
        }
    }

    /// The page, where a replica has it as new as this node knows it.
    pub(super) async fn page(&self, asked: Asked) -> Option<Page> {
        let rev = self.known(asked.room)?;
        let read = |pool| page::page(pool, asked);
        self.ask(read, |page| page.as_of >= rev).await
    }

    /// The same of changes after `since`.
    pub(super) async fn changes(
        &self,
        room: RoomId,
        since: u64,
        visible_from: u64,
    ) -> Option<RoomChanges> {
        let rev = self.known(room)?.max(since);
        let read = |pool| changes::changes(pool, room, since, visible_from);
        self.ask(read, |changes| changes.rev >= rev).await
    }

    fn known(&self, room: RoomId) -> Option<u64> {
        if self.replicas.is_empty() {
            return None;
        }
        let mut revs = self.revs.lock().unwrap_or_else(PoisonError::into_inner);
        revs.get(&room).copied()
    }

    /// Asks the next replica that is not left alone.
    async fn ask<'a, T, F: Future<Output = Result<T>>>(
        &'a self,
        read: impl FnOnce(&'a PgPool) -> F,
        is_new: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let replica = self.pick(Instant::now())?;
        match tokio::time::timeout(WITHIN, read(&replica.pool)).await {
            Ok(Ok(answer)) if is_new(&answer) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                return Some(answer);
            }
            Ok(Ok(_)) => {
                self.behind.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Err(_)) | Err(_) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                replica.leave_alone(Instant::now());
            }
        }
        None
    }

    fn pick(&self, now: Instant) -> Option<&Replica> {
        let count = self.replicas.len();
        let begin = self.next.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .map(|step| begin.wrapping_add(step) % count)
            .filter_map(|place| self.replicas.get(place))
            .find(|replica| replica.is_asked(now))
    }
}

impl Replica {
    fn is_asked(&self, now: Instant) -> bool {
        let not_before = self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        not_before.is_none_or(|not_before| now >= not_before)
    }

    fn leave_alone(&self, now: Instant) {
        let mut not_before = self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(now + LEFT_ALONE);
    }
}
