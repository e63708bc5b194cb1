//! Pages of the directory and of members, kept for a while: shown again at once, loaded anew behind
//! it, and there when the network is not.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use parlor_protocol::{RoomId, UserId};

use super::inner::Inner;
use crate::api::{AskError, Change, DirectoryCursor, DirectoryView, MemberView, PageView};
use crate::cache::{AgedLru, Ages, Lookup};

/// Pages kept: some rooms' members and what was looked through of the directory.
const PAGES: NonZeroUsize = NonZeroUsize::new(64).expect("it is not zero");
/// A page is as good as new for a moment, and better than none for a day.
const AGES: Ages = Ages {
    fresh: Duration::from_secs(2),
    usable: Duration::from_secs(24 * 3600),
};

/// Which page: beginning where, of how many rows.
type DirectoryPage = (DirectoryCursor, u16);
/// Which page: of which room, after whom, of how many rows.
type MembersPage = (RoomId, Option<UserId>, u16);

/// Pages of lists that were asked for lately.
#[derive(Debug)]
pub(crate) struct Lists {
    directory: Mutex<AgedLru<DirectoryPage, DirectoryView>>,
    members: Mutex<AgedLru<MembersPage, PageView<MemberView>>>,
    /// How often all was forgotten: a page that was asked for before is not kept.
    forgotten: AtomicU64,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            directory: Mutex::new(AgedLru::new(PAGES, AGES)),
            members: Mutex::new(AgedLru::new(PAGES, AGES)),
            forgotten: AtomicU64::new(0),
        }
    }
}

impl Lists {
    fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }
}

/// What was kept of a page, and whether to load it anew.
fn kept<K: std::hash::Hash + Eq, V: Clone>(
    pages: &Mutex<AgedLru<K, V>>,
    key: &K,
) -> Option<(V, bool)> {
    match lock(pages).get(key, Instant::now()) {
        Lookup::Fresh(page) => Some((page.clone(), false)),
        Lookup::Stale { value, revalidate } => Some((value.clone(), revalidate)),
        Lookup::Missing => None,
    }
}

fn lock<T>(pages: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// A page of the directory. One that was shown before comes at once; when it turns out to have
    /// changed, `Change::Rooms` follows.
    pub(crate) async fn directory(
        self: &Arc<Self>,
        at: &DirectoryCursor,
        limit: u16,
    ) -> Result<DirectoryView, AskError> {
        let key = (at.clone(), limit);
        let Some((page, reload)) = kept(&self.lists.directory, &key) else {
            return self.load_directory(key).await;
        };
        if reload {
            let (inner, before) = (self.clone(), page.clone());
            self.runtime.spawn(async move {
                match inner.load_directory(key.clone()).await {
                    Ok(after) if after != before => inner.state().tell(Change::Rooms),
                    Ok(_) => {}
                    Err(_) => lock(&inner.lists.directory).reload_failed(&key),
                }
            });
        }
        Ok(page)
    }

    async fn load_directory(
        self: &Arc<Self>,
        key: DirectoryPage,
    ) -> Result<DirectoryView, AskError> {
        let forgotten = self.lists.forgotten();
        let page = self.ask_directory(&key.0, key.1).await?;
        let mut pages = lock(&self.lists.directory);
        if self.lists.forgotten() == forgotten {
            pages.put(key, page.clone(), Instant::now());
        }
        Ok(page)
    }

    /// A page of members, in the same way; `Change::Members` follows.
    pub(crate) async fn members(
        self: &Arc<Self>,
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<PageView<MemberView>, AskError> {
        let key = (room, after, limit);
        let Some((page, reload)) = kept(&self.lists.members, &key) else {
            return self.load_members(key).await;
        };
        if reload {
            let (inner, before) = (self.clone(), page.clone());
            self.runtime.spawn(async move {
                match inner.load_members(key).await {
                    Ok(after) if after != before => inner.state().tell(Change::Members(room)),
                    Ok(_) => {}
                    // No longer for these eyes: better none than the old one.
                    Err(AskError::Refused(refusal)) if !refusal.code.is_transient() => {
                        lock(&inner.lists.members).invalidate(&key);
                        inner.state().tell(Change::Members(room));
                    }
                    Err(_) => lock(&inner.lists.members).reload_failed(&key),
                }
            });
        }
        Ok(page)
    }

    async fn load_members(
        self: &Arc<Self>,
        key: MembersPage,
    ) -> Result<PageView<MemberView>, AskError> {
        let forgotten = self.lists.forgotten();
        let page = self.ask_members(key.0, key.1, key.2).await?;
        let mut pages = lock(&self.lists.members);
        if self.lists.forgotten() == forgotten {
            pages.put(key, page.clone(), Instant::now());
        }
        Ok(page)
    }

    /// Lists have changed, or are somebody else's.
    pub(crate) fn forget_lists(&self) {
        self.lists.forgotten.fetch_add(1, Ordering::SeqCst);
        lock(&self.lists.directory).clear();
        lock(&self.lists.members).clear();
    }
}
