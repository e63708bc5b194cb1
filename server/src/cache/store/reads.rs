//! Reads of what is cached. None of them decides whether somebody may read.

use std::collections::HashSet;
use std::sync::Arc;

use parlor_protocol::account::Person;
use parlor_protocol::limit::PAGE_MESSAGES;
use parlor_protocol::message::{Page, Place, Timeline};
use parlor_protocol::room::{Role, RoomListing};
use parlor_protocol::{RoomId, UserId};
use tokio::time::Instant;

use super::CachedStore;
use crate::cache::key::{Group, Key, Kind};
use crate::cache::layers::{Load, Loaded};
use crate::cache::redis::{Looked, SharedCache};
use crate::cache::value::{NewestPage, Value};
use crate::store::{Result, SessionFound, TokenHash};

/// Longest name that becomes a key, bytes: no room's folded name is longer.
const NAME_BYTES: usize = 512;
/// An entry of a session notes when the session was last seen as it was loaded, and falls behind.
/// Once it would be so old, ms, it is loaded anew: long before the shortest idle time (a day).
const SEEN_MS: u64 = 12 * 3_600 * 1_000;

impl CachedStore {
    pub(super) async fn read_is_empty(&self) -> Result<bool> {
        let load = || async {
            let empty = self.inner.is_empty().await?;
            Ok((!empty).then_some(Value::Yes))
        };
        let found = self.cache.get(Key::Populated, load).await?;
        Ok(found.is_none())
    }

    pub(super) async fn read_room_name(&self, folded: &str) -> Result<Option<RoomId>> {
        if folded.len() > NAME_BYTES {
            return self.inner.room_by_name(folded).await;
        }
        let load = || async { Ok(self.inner.room_by_name(folded).await?.map(Value::Room)) };
        let key = Key::RoomName(folded.to_owned());
        match self.cache.get(key, load).await? {
            Some(Value::Room(room)) => Ok(Some(room)),
            _ => Ok(None),
        }
    }

    pub(super) async fn read_members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<(Person, Role)>> {
        let load = || async {
            let members = self.inner.members(room, after, limit).await?;
            Ok(Some(Value::Members(Arc::new(members))))
        };
        let key = Key::Members { room, after, limit };
        match self.cache.get(key, load).await? {
            Some(Value::Members(members)) => Ok(members.to_vec()),
            _ => self.inner.members(room, after, limit).await,
        }
    }

    /// The page is the same for all; which rooms the reader is in is a list of its own.
    pub(super) async fn read_directory(
        &self,
        reader: UserId,
        after: &str,
        limit: u16,
    ) -> Result<Vec<RoomListing>> {
        if after.len() > NAME_BYTES {
            return self.inner.directory(reader, after, limit).await;
        }
        let page = || async {
            let mut rooms = self.inner.directory(reader, after, limit).await?;
            rooms.iter_mut().for_each(|room| room.joined = false);
            Ok(Some(Value::Directory(Arc::new(rooms))))
        };
        let joined = || async {
            let heads = self.inner.heads(reader).await?;
            let rooms: HashSet<RoomId> = heads.into_iter().map(|(head, _)| head.room).collect();
            Ok(Some(Value::Joined(Arc::new(rooms))))
        };
        let key = Key::Directory {
            after: after.to_owned(),
            limit,
        };
        let page = self.cache.get(key, page).await?;
        let joined = self.cache.get(Key::Joined(reader), joined).await?;
        let (Some(Value::Directory(page)), Some(Value::Joined(joined))) = (page, joined) else {
            return self.inner.directory(reader, after, limit).await;
        };
        let listing = |room: &RoomListing| RoomListing {
            joined: joined.contains(&room.room),
            ..room.clone()
        };
        Ok(page.iter().map(listing).collect())
    }

    // ---- people

    pub(super) async fn read_people(
        &self,
        ids: &[UserId],
        folded_names: &[String],
    ) -> Result<Vec<Person>> {
        let mut found = Vec::with_capacity(ids.len());
        let mut missing = Vec::new();
        let wanted: HashSet<UserId> = ids.iter().copied().collect();
        for id in wanted {
            match self.cache.here(&Key::Person(id)) {
                Some(Value::Person(person)) => found.push(Person::clone(&person)),
                _ => missing.push(id),
            }
        }
        if missing.is_empty() && folded_names.is_empty() {
            return Ok(found);
        }
        // The same question looks the same.
        missing.sort();
        let mut names = folded_names.to_vec();
        names.sort();
        let load = || self.load_people(&missing, &names);
        let question = Load::People {
            ids: missing.clone(),
            names: names.clone(),
        };
        let (mut loaded, joined) = self.cache.once(question, load).await?;
        let groups = missing.iter().map(|id| Group::User(*id));
        // Somebody may have come since the other's question began: to a name anybody may answer.
        if joined && !self.cache.still(&loaded, groups, names.is_empty()) {
            loaded = load().await?;
        }
        if let Some(Value::People(people)) = loaded.value {
            let here: HashSet<UserId> = found.iter().map(|person| person.id).collect();
            let new = people.iter().filter(|it| !here.contains(&it.id));
            found.extend(new.cloned());
        }
        Ok(found)
    }

    async fn load_people(&self, ids: &[UserId], names: &[String]) -> Result<Loaded> {
        let (since, began) = (self.cache.now(), Instant::now());
        let mut people = Vec::new();
        let mut missing = Vec::new();
        let mut versions = Vec::new();
        let wanted: Vec<(Group, Key)> = ids
            .iter()
            .map(|id| (Group::User(*id), Key::Person(*id)))
            .collect();
        let slots = match self.cache.redis() {
            Some(shared) if !wanted.is_empty() => shared.read(Kind::Users, &wanted).await,
            _ => None,
        };
        match slots {
            Some(slots) => {
                for (slot, id) in slots.into_iter().zip(ids) {
                    if let Some(Value::Person(person)) = slot.held {
                        self.cache.shared_hit(Kind::Users, began);
                        people.push(Person::clone(&person));
                    } else {
                        missing.push(*id);
                        versions.push((*id, slot.version));
                    }
                }
            }
            None => missing.extend_from_slice(ids),
        }
        if !(missing.is_empty() && names.is_empty()) {
            let loaded = self.inner.people(&missing, names).await?;
            self.cache.missed(Kind::Users, missing.len() as u64);
            self.share_people(&loaded, versions).await;
            // One may be asked for by name and by id.
            let here: HashSet<UserId> = people.iter().map(|person| person.id).collect();
            people.extend(loaded.into_iter().filter(|it| !here.contains(&it.id)));
        }
        for person in &people {
            let value = Value::Person(Arc::new(person.clone()));
            self.cache.keep(Key::Person(person.id), value, since);
        }
        let people = Value::People(Arc::new(people));
        Ok(self.cache.loaded(Some(people), since))
    }

    async fn share_people(&self, loaded: &[Person], versions: Vec<(UserId, Vec<u8>)>) {
        let Some(shared) = self.cache.redis() else {
            return;
        };
        let entry = |(id, version)| {
            let person = loaded.iter().find(|person| person.id == id)?;
            let value = Value::Person(Arc::new(person.clone()));
            Some((Group::User(id), Key::Person(id), version, value))
        };
        let entries: Vec<_> = versions.into_iter().filter_map(entry).collect();
        if !entries.is_empty() {
            shared.store(Kind::Users, entries).await;
        }
    }

    // ---- sessions

    pub(super) async fn read_session(&self, hash: &TokenHash) -> Result<Option<SessionFound>> {
        if let Some(shared) = self.cache.redis() {
            return self.read_shared_session(shared, hash).await;
        }
        let (began, key) = (Instant::now(), Key::Session(*hash));
        if let Some(Value::Session(found)) = self.cache.peek(&key)
            && crate::shard::now_ms() < found.session.seen_at_ms.saturating_add(SEEN_MS)
        {
            self.cache.hit(Kind::Sessions, began);
            return Ok(Some(SessionFound::clone(&found)));
        }
        let since = self.cache.now();
        let found = self.inner.session_by_token(hash).await?;
        self.cache.missed(Kind::Sessions, 1);
        // The first use of a new token voids the old one: nothing to keep.
        if let Some(found) = found.as_ref().filter(|it| !it.by_next) {
            let value = Value::Session(Arc::new(found.clone()));
            self.cache.keep(key, value, since);
        }
        Ok(found)
    }

    async fn read_shared_session(
        &self,
        shared: &SharedCache,
        hash: &TokenHash,
    ) -> Result<Option<SessionFound>> {
        let began = Instant::now();
        let lease = match shared.session(hash).await {
            Looked::Good(found) => {
                self.cache.shared_hit(Kind::Sessions, began);
                return Ok(Some(found));
            }
            Looked::Lapsed(lease) => Some(lease),
            Looked::Nothing => None,
        };
        let found = self.inner.session_by_token(hash).await?;
        self.cache.missed(Kind::Sessions, 1);
        // The first use of a new token voids the old one: nothing to keep.
        if let Some(found) = found.as_ref().filter(|it| !it.by_next) {
            shared.store_session(hash, found, lease).await;
        }
        Ok(found)
    }

    // ---- pages

    /// Good is a page that reaches the highest rev known of the room. Who asks has looked at their
    /// access first, and with it at the rev in the database.
    pub(in crate::cache) async fn read_newest(
        &self,
        room: RoomId,
        limit: u16,
        visible_from: u64,
    ) -> Result<Page> {
        let began = Instant::now();
        let limit = limit.clamp(1, PAGE_MESSAGES);
        let key = Key::Page(room);
        let Some(rev) = self.cache.known_rev(room) else {
            return self.bare_newest(room, limit, visible_from).await;
        };
        if let Some(Value::Page(newest)) = self.cache.peek(&key)
            && newest.page.as_of >= rev
            && let Some(page) = newest.part(limit, visible_from)
        {
            self.cache.hit(Kind::Pages, began);
            return Ok(page);
        }
        let load = || self.load_newest(room, limit, rev);
        let question = Load::Page { room, limit, rev };
        let (loaded, _) = self.cache.once(question, load).await?;
        if let Some(Value::Page(newest)) = loaded.value
            && let Some(page) = newest.part(limit, visible_from)
        {
            return Ok(page);
        }
        self.bare_newest(room, limit, visible_from).await
    }

    async fn bare_newest(&self, room: RoomId, limit: u16, visible_from: u64) -> Result<Page> {
        let page = self
            .inner
            .page(room, Timeline::ROOM, Place::NEWEST, 0, limit, visible_from)
            .await?;
        self.cache.missed(Kind::Pages, 1);
        if page.as_of > 0 {
            self.cache.rooms_reached([(room, page.as_of)]);
        }
        Ok(page)
    }

    async fn load_newest(&self, room: RoomId, limit: u16, rev: u64) -> Result<Loaded> {
        let (since, began) = (self.cache.now(), Instant::now());
        let key = Key::Page(room);
        if let Some(shared) = self.cache.redis()
            && let Some(value) = shared.page(room).await
            && let Value::Page(newest) = &value
            && newest.page.as_of >= rev
            && newest.limit >= limit
        {
            self.cache.shared_hit(Kind::Pages, began);
            self.cache.keep(key, value.clone(), since);
            return Ok(self.cache.loaded(Some(value), since));
        }
        let page = self.bare_newest(room, limit, 0).await?;
        if page.as_of == 0 {
            return Ok(self.cache.loaded(None, since));
        }
        let page = Arc::new(page);
        let reaches = page.as_of >= rev;
        let value = Value::Page(NewestPage { page, limit });
        // A replica may be a little behind: an answer, but nothing to keep or to leave for others.
        if !reaches {
            return Ok(self.cache.loaded(Some(value), since));
        }
        self.cache.keep(key, value.clone(), since);
        if let Some(shared) = self.cache.redis() {
            shared.store_page(room, &value).await;
        }
        Ok(self.cache.loaded(Some(value), since))
    }
}
