//! Changes: the database first, then the cache, then whoever asked is told.
//!
//! A handler's future may be dropped at any await, and the database would go on without it: so a
//! change and its sweep run together in a task of their own, which nobody cancels.

use std::collections::HashSet;
use std::sync::Arc;

use parlor_protocol::sync::entry;
use parlor_protocol::{RoomId, SessionId, UserId};

use super::CachedStore;
use crate::cache::key::Group;
use crate::cache::layers::Cache;
use crate::store::{
    Appended, Change, ReaderChange, Result, RoomAppended, RoomCommand, Store, StoreError, TokenHash,
};

impl CachedStore {
    /// A post raises its room's rev here and sweeps nothing; other changes sweep what shows them.
    /// The committer is never cancelled, so this needs no task.
    pub(super) async fn write_rooms(&self, commands: Vec<RoomCommand>) -> Result<Appended> {
        let named: Vec<(RoomId, bool)> = commands.iter().map(named).collect();
        let appended = match self.inner.append(commands).await {
            Ok(appended) => appended,
            Err(error) => {
                self.doubt_rooms(&named).await;
                return Err(error);
            }
        };
        let reached = appended.rooms.iter().map(|it| (it.room, it.rev));
        self.cache.rooms_reached(reached);
        let groups: HashSet<Group> = appended.rooms.iter().flat_map(swept).collect();
        if !groups.is_empty() {
            let groups: Vec<Group> = groups.into_iter().collect();
            self.cache.changed(&groups).await;
        }
        Ok(appended)
    }

    /// What became of these commands is unknown.
    async fn doubt_rooms(&self, named: &[(RoomId, bool)]) {
        self.cache.forget_revs(named.iter().map(|(room, _)| *room));
        if named.iter().all(|(_, post)| *post) {
            return;
        }
        // Who came or went may have been several people, by their own doing and by others'.
        self.cache.doubt();
        let changed = named.iter().filter(|(_, post)| !post);
        let mut groups: Vec<Group> = changed.map(|(room, _)| Group::Room(*room)).collect();
        groups.push(Group::Rooms);
        self.cache.changed(&groups).await;
    }

    pub(super) async fn write_user<F>(
        &self,
        user: UserId,
        write: impl FnOnce(Arc<dyn Store>) -> F + Send + 'static,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send,
    {
        self.whole(move |store, cache| async move {
            let written = write(store.clone()).await;
            // Lists of members show the person too.
            let rooms: Vec<RoomId> = match store.heads(user).await {
                Ok(heads) => heads.into_iter().map(|(head, _)| head.room).collect(),
                Err(_) => {
                    cache.doubt();
                    Vec::new()
                }
            };
            cache.user_changed(user, &rooms).await;
            written
        })
        .await
    }

    pub(super) async fn write_token(
        &self,
        session: SessionId,
        next: TokenHash,
        now_ms: u64,
    ) -> Result<()> {
        self.whole(move |store, cache| async move {
            let written = store.accept_token(session, &next, now_ms).await;
            cache.session_ended(session).await;
            written
        })
        .await
    }

    pub(super) async fn write_end(&self, user: UserId, session: SessionId) -> Result<bool> {
        self.whole(move |store, cache| async move {
            let ended = store.end_session(user, session).await;
            cache.session_ended(session).await;
            ended
        })
        .await
    }

    pub(super) async fn write_ends(
        &self,
        user: UserId,
        but: Option<SessionId>,
    ) -> Result<Vec<SessionId>> {
        self.whole(move |store, cache| async move {
            let ended = store.end_sessions(user, but).await;
            cache.sessions_ended(user).await;
            ended
        })
        .await
    }

    /// People and rooms go for good.
    pub(super) async fn write_erase(&self, limit: u32) -> Result<u64> {
        self.whole(move |store, cache| async move {
            let erased = store.erase_load(limit).await;
            cache.doubt();
            cache.changed(&[Group::Rooms, Group::Names]).await;
            erased
        })
        .await
    }

    /// Runs to its end, whether or not anybody waits for it.
    async fn whole<T, F>(&self, change: impl FnOnce(Arc<dyn Store>, Arc<Cache>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let change = change(self.inner.clone(), self.cache.clone());
        match tokio::spawn(change).await {
            Ok(done) => done,
            Err(error) => Err(StoreError::Away(format!("a change broke off: {error}"))),
        }
    }
}

/// The room of a command, and whether it is a post.
fn named(command: &RoomCommand) -> (RoomId, bool) {
    let post = matches!(command.change, Change::Post { .. });
    (command.room, post)
}

/// What a batch changes beside the room's messages.
fn swept(batch: &RoomAppended) -> Vec<Group> {
    let RoomAppended {
        room,
        before: _,
        rev: _,
        head: _,
        direct: _,
        entries,
        readers,
    } = batch;
    if entries.iter().all(|it| it.kind == entry::MESSAGE) {
        return Vec::new();
    }
    let mut groups = vec![Group::Room(*room), Group::Rooms];
    match readers {
        ReaderChange::None => {}
        ReaderChange::Joined(people) => groups.extend(people.iter().copied().map(Group::Joined)),
        ReaderChange::Left(user) => groups.push(Group::Joined(*user)),
    }
    groups
}
