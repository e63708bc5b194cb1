//! What a room's rules say is to be done.

use std::time::{Duration, Instant};

use parlor_protocol::message::{Page, Timeline};
use parlor_protocol::room::{Role, RoomSummary};
use parlor_protocol::sync::{
    CloseRoom, DetailsEntry, Entry, GetChanges, MemberEntry, OpenRoom, RoomEntry,
};
use parlor_protocol::{Extensions, RoomId};

use super::Engine;
use super::answer::Answer;
use crate::api::{Change, Notification};
use crate::core::render::{self, Named};
use crate::core::screen::lock;
use crate::core::state::State;
use crate::net::Attention;
use crate::notify::{self, Decision, Incoming, Level, Setting};
use crate::store::{MessageRow, PersonRow, RoomDetails, RoomRow, RoomWrite, StoreError};
use crate::sync::{RoomStep, RoomSync};

/// Newest messages taken when nothing of a room is held: a tall screen and one above it.
const FIRST_PAGE: u16 = 100;
/// Older messages raise no notification: whoever was away looks at the list instead.
const NOTIFY_WITHIN_MS: u64 = 2 * 60 * 1000;
/// A room whose content could not be written is begun anew after this.
const MEND_AFTER: Duration = Duration::from_secs(5);

impl Engine {
    /// Does what the room's rules say, in their order.
    pub(super) async fn room_steps(&mut self, room: RoomId) {
        while let Some(step) = self.rooms.get_mut(&room).and_then(RoomSync::poll) {
            match step {
                RoomStep::Open { since } => {
                    let question = OpenRoom {
                        room,
                        since,
                        page: FIRST_PAGE,
                        ext: Extensions::NONE,
                    };
                    self.ask(&question, move |number, result| {
                        Answer::Opened(number, room, Box::new(result))
                    });
                }
                RoomStep::Close => {
                    if let Some(link) = &self.link {
                        // Not closed, the room costs some bytes more; its answer says nothing.
                        let _ = link.fire(&CloseRoom {
                            room,
                            ext: Extensions::NONE,
                        });
                    }
                }
                RoomStep::AskChanges { since } => {
                    let question = GetChanges {
                        room,
                        since,
                        ext: Extensions::NONE,
                    };
                    self.ask(&question, move |number, result| {
                        Answer::Changes(number, room, Box::new(result))
                    });
                }
                RoomStep::Summary(summary) => self.on_summary(summary).await,
                RoomStep::Apply { through, entries } => self.apply(room, through, entries).await,
                RoomStep::Reset { through, page } => self.reset(room, through, page).await,
                RoomStep::Impossible => {
                    self.start_over().await;
                    return;
                }
            }
        }
        let current = self.rooms.get(&room).is_some_and(RoomSync::is_current);
        let settled = self.rooms.get(&room).is_none_or(RoomSync::is_settled);
        if let Some(known) = self.inner.state().rooms.get_mut(&room) {
            known.current = current;
            known.settled = settled;
        }
        self.inner.settled.notify_waiters();
    }

    pub(super) async fn on_summary(&mut self, summary: RoomSummary) {
        let (room, read) = (summary.room, summary.read);
        let row = RoomRow::from(summary);
        if let Err(error) = self
            .inner
            .content
            .put_rooms(std::slice::from_ref(&row))
            .await
        {
            self.tell_store(&error);
        }
        self.markers.known(room, read);
        let mut state = self.inner.state();
        merge(&mut state, row);
        show_bounds(&mut state, room);
        state.tell(Change::Rooms);
    }

    async fn apply(&mut self, room: RoomId, through: u64, entries: Vec<Entry>) {
        let read = self.read_entries(room, through, &entries);
        match self.inner.content.apply(room, &read.write).await {
            Ok(true) => {}
            // The list does not have it yet: what comes with the list is asked for.
            Ok(false) => return,
            Err(error) => return self.mend(room, error).await,
        }
        if !read.people.is_empty() {
            self.inner.learn(read.people).await;
        }
        {
            let mut state = self.inner.state();
            note_write(&mut state, room, &read.write);
            show_bounds(&mut state, room);
            if read.members_changed {
                self.inner.forget_lists();
                state.tell(Change::Members(room));
            }
            for row in &read.write.messages {
                notify(&mut state, room, row);
            }
            state.tell(Change::Timeline(room));
            state.tell(Change::Rooms);
        }
        self.inner.show_rows(room, read.write.messages).await;
    }

    fn read_entries(&self, room: RoomId, through: u64, entries: &[Entry]) -> Read {
        let mut read = Read {
            write: RoomWrite {
                through,
                ..RoomWrite::default()
            },
            ..Read::default()
        };
        let state = self.inner.state();
        let me = state.me().map(|me| me.user);
        for entry in entries {
            match entry.open_room() {
                Ok(RoomEntry::Message(message)) if message.timeline == Timeline::ROOM => {
                    let row = MessageRow::new(message, entry.rev);
                    if Some(row.author) != me && render::row_names_me(&state, &row) != Named::No {
                        read.write.mention = read.write.mention.max(row.seq);
                    }
                    read.write.messages.push(row);
                }
                Ok(RoomEntry::Member(member)) => {
                    let MemberEntry {
                        user,
                        role,
                        name,
                        display_name,
                        ext: _,
                    } = member;
                    read.members_changed = true;
                    if Some(user) == me && role != Role::NONE {
                        read.write.role = Some(role.0);
                    }
                    read.people.push(PersonRow {
                        user,
                        name,
                        display_name,
                    });
                }
                Ok(RoomEntry::Details(details)) => {
                    let DetailsEntry {
                        name,
                        topic,
                        floor,
                        members,
                        ext: _,
                    } = details;
                    read.write.details = Some(RoomDetails {
                        rev: entry.rev,
                        name,
                        topic,
                        floor,
                        members,
                    });
                }
                // Threads and later kinds have no place yet.
                Ok(RoomEntry::Message(_) | RoomEntry::Unknown(_)) => {}
                Err(error) => {
                    tracing::warn!(%room, rev = entry.rev, %error, "an entry cannot be read")
                }
            }
        }
        read
    }

    async fn reset(&mut self, room: RoomId, through: u64, page: Option<Page>) {
        if let Err(error) = self.inner.content.reset(room, through).await {
            return self.mend(room, error).await;
        }
        let kept = match &page {
            Some(page) => self.inner.keep_page(room, page).await.map(drop),
            None => Ok(()),
        };
        if let Err(crate::api::AskError::Store(error)) = kept {
            return self.mend(room, error).await;
        }
        let rows: Vec<MessageRow> = page.map_or_else(Vec::new, |page| {
            let as_of = page.as_of;
            page.messages
                .into_iter()
                .map(|message| MessageRow::new(message, as_of))
                .collect()
        });
        {
            let mut state = self.inner.state();
            let mention = rows
                .iter()
                .filter(|row| is_mention(&state, row))
                .map(|row| row.seq)
                .max();
            if let Some(known) = state.rooms.get_mut(&room) {
                known.row.held = Some(through);
                known.row.mention = known.row.mention.max(mention.unwrap_or(0));
                known.row.active_at_ms =
                    rows.last().map_or(known.row.active_at_ms, |row| row.at_ms);
                let (floor, head) = (known.row.first_seq(), known.row.head);
                for screen in state.screens_of(room) {
                    lock(&screen).renew(floor, head);
                }
            }
            // A direct room comes with its first message.
            for row in &rows {
                notify(&mut state, room, row);
            }
            state.tell(Change::Timeline(room));
            state.tell(Change::Rooms);
        }
        self.inner.show_rows(room, rows).await;
    }

    /// The store did not take a change, so what it holds of the room may lack something: begin
    /// again from what it does hold.
    async fn mend(&mut self, room: RoomId, error: StoreError) {
        self.tell_store(&error);
        if let StoreError::Damaged { .. } = error {
            if let Err(error) = self.inner.content.make_anew().await {
                self.tell_store(&error);
            }
            return self.start_over().await;
        }
        let held = self
            .inner
            .state()
            .rooms
            .get(&room)
            .and_then(|known| known.row.held);
        let mut sync = RoomSync::new(held);
        if self.rooms.get(&room).is_some_and(RoomSync::is_wanted) {
            sync.want();
        }
        if self.link.is_some() {
            sync.link_up();
            sync.open_failed(Some(MEND_AFTER), Instant::now());
        }
        while sync.poll().is_some() {}
        self.rooms.insert(room, sync);
    }

    /// Nothing that is held counts any more: another life of the data, or a damaged store.
    pub(super) async fn start_over(&mut self) {
        let me = self.inner.state().me().map(|me| me.user);
        let epoch = self
            .inner
            .content
            .meta()
            .await
            .ok()
            .and_then(|meta| meta.epoch);
        if let Err(error) = self.inner.content.drop_all().await {
            self.tell_store(&error);
        }
        if let (Some(me), Some(epoch)) = (me, epoch)
            && let Err(error) = self.inner.content.claim(me, epoch).await
        {
            self.tell_store(&error);
        }
        self.entry.forget_sync();
        self.forget_content();
        if self.link.is_some() {
            self.user.link_up(false);
        }
        // The steps are done by the next tick: this may have been called by one of them.
    }

    /// Forgets content in memory; rooms on screen stay wanted.
    pub(super) fn forget_content(&mut self) {
        self.user.clear();
        self.inner.forget_lists();
        self.entry.hold(0, None);
        let mut state = self.inner.state();
        let held = state.wishes.holds.clone();
        self.rooms.retain(|room, sync| {
            sync.clear();
            held.contains_key(room)
        });
        for sync in self.rooms.values_mut() {
            sync.start_over();
        }
        state.rooms.clear();
        state.notified.clear();
        for screen in state.all_screens() {
            lock(&screen).reset(1, 0);
        }
        state.tell(Change::Resync);
    }
}

#[derive(Default)]
struct Read {
    write: RoomWrite,
    people: Vec<PersonRow>,
    members_changed: bool,
}

fn is_mention(state: &State, row: &MessageRow) -> bool {
    state.me().is_some_and(|me| me.user != row.author)
        && render::row_names_me(state, row) != Named::No
}

/// As the store merges it: what is held stays, marker and head only grow.
pub(super) fn merge(state: &mut State, row: RoomRow) {
    let room = row.room;
    let Some(known) = state.rooms.get_mut(&room) else {
        state.rooms.insert(room, crate::core::state::Room::new(row));
        return;
    };
    let before = known.row.clone();
    let newer = row.rev >= before.rev;
    let (read, unread_gone) = match row.read >= before.read {
        true => (row.read, row.unread_gone),
        false => (before.read, before.unread_gone),
    };
    known.row = RoomRow {
        name: if newer { row.name } else { before.name },
        topic: if newer { row.topic } else { before.topic },
        members: if newer { row.members } else { before.members },
        rev: row.rev.max(before.rev),
        head: row.head.max(before.head),
        floor: row.floor.max(before.floor),
        held: before.held,
        read,
        unread_gone,
        mention: before.mention,
        active_at_ms: before.active_at_ms,
        opened_at_ms: before.opened_at_ms,
        ..row
    };
}

pub(super) fn note_write(state: &mut State, room: RoomId, write: &RoomWrite) {
    let Some(known) = state.rooms.get_mut(&room) else {
        return;
    };
    let row = &mut known.row;
    row.held = Some(row.held.unwrap_or(0).max(write.through));
    if let Some(newest) = write.messages.iter().max_by_key(|message| message.seq) {
        row.head = row.head.max(newest.seq);
        row.active_at_ms = row.active_at_ms.max(newest.at_ms);
    }
    row.mention = row.mention.max(write.mention);
    row.role = write.role.unwrap_or(row.role);
    if let Some(details) = write
        .details
        .as_ref()
        .filter(|details| details.rev >= row.rev)
    {
        row.name.clone_from(&details.name);
        row.topic.clone_from(&details.topic);
        row.floor = row.floor.max(details.floor);
        row.members = details.members;
        row.rev = details.rev;
    }
    // Whoever spoke has stopped typing.
    for message in &write.messages {
        known.typing.retain(|(user, _)| *user != message.author);
    }
}

pub(super) fn show_bounds(state: &mut State, room: RoomId) {
    let Some(known) = state.rooms.get(&room) else {
        return;
    };
    let (floor, head) = (known.row.first_seq(), known.row.head);
    for screen in state.screens_of(room) {
        lock(&screen).set_bounds(floor, head);
    }
}

/// Raises a notification for a new message that deserves one.
fn notify(state: &mut State, room: RoomId, row: &MessageRow) {
    let fresh = row.at_ms.saturating_add(NOTIFY_WITHIN_MS) > state.server_now_ms()
        && state
            .notified
            .get(&room)
            .is_none_or(|notified| *notified < row.seq);
    let Some(known) = state.rooms.get(&room).filter(|_| fresh) else {
        return;
    };
    let named = render::row_names_me(state, row);
    let incoming = Incoming {
        seq: row.seq,
        own: state.me().is_some_and(|me| me.user == row.author),
        names_me: named == Named::Me,
        names_room: named == Named::Room,
        blocked: false,
    };
    let direct = known.row.direct_with.is_some();
    let mut setting = Setting {
        direct,
        level: if direct { Level::All } else { Level::Mentions },
        muted: known.muted,
        read_marker: known.row.read,
        watched: false,
    };
    setting.watched = state.wishes.attention == Attention::Foreground
        && state
            .screens_of(room)
            .iter()
            .any(|screen| lock(screen).is_at_end());
    let Decision::Notify(reason) = notify::decide(incoming, setting, false) else {
        return;
    };
    state.notified.insert(room, row.seq);
    let message = std::sync::Arc::new(render::message(state, room, row, None));
    let title = render::room(state, room)
        .map(|view| view.title)
        .unwrap_or_default();
    if let Some((room, seq)) = state.shown.raised(room, row.seq) {
        state.tell(Change::Withdraw(room, crate::api::MessageId::Seq(seq)));
    }
    state.tell(Change::Notify(Notification {
        room,
        title,
        message,
        reason,
    }));
}
