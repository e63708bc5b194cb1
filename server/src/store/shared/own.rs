//! What is one person's own: the list of rooms and the read markers, as one reply.

use parlor_protocol::limit::{PAGE_TEXT_BYTES, ROOMS_PER_USER};
use parlor_protocol::message::Timeline;
use parlor_protocol::room::{Head, Role};
use parlor_protocol::sync::{Entry, Marker, UserChanges};
use parlor_protocol::{Extensions, RoomId, UserId};

use super::columns::Columns;
use super::rows;
use crate::store::{Result, UserAppended};

/// Entries of one reply, and bytes of them: with the heads of all rooms beside them they fit a frame.
const ENTRIES: usize = ROOMS_PER_USER;
const ENTRY_BYTES: usize = PAGE_TEXT_BYTES;
/// Rows that are read for one reply: the last one tells that more follow.
pub(in crate::store) const ROWS: u64 = ENTRIES as u64 + 1;

/// What the asker holds of what is at `rev`. Whoever holds nothing, or more than there is, gets the
/// list of rooms from its start.
pub(in crate::store) fn held(since: Option<u64>, rev: u64) -> Option<u64> {
    since.filter(|since| *since <= rev)
}

/// The reply of entries in any order.
pub(in crate::store) fn reply(
    since: Option<u64>,
    rev: u64,
    mut entries: Vec<Entry>,
    heads: Vec<(Head, bool)>,
) -> UserChanges {
    entries.sort_by_key(|entry| entry.rev);
    UserChanges {
        since: since.unwrap_or(0),
        through: cut(&mut entries).unwrap_or(rev),
        rev,
        reset: held(since, rev).is_none(),
        entries,
        heads: heads.into_iter().map(|(head, _)| head).collect(),
        ext: Extensions::NONE,
    }
}

/// Leaves what one reply holds; `Some`: the rev of the last one kept, where others follow.
fn cut(entries: &mut Vec<Entry>) -> Option<u64> {
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|entry| {
        bytes += entry.body.len();
        bytes <= ENTRY_BYTES
    });
    // One fits always: an entry is smaller than a frame.
    let keep = fitting.count().clamp(1, ENTRIES);
    let more = keep < entries.len();
    entries.truncate(keep);
    entries.last().filter(|_| more).map(|last| last.rev)
}

/// Rev, then a summary; without a role in it the person has left.
pub(in crate::store) fn room_entry(row: &impl Columns) -> Result<Entry> {
    let rev = row.number(0)?;
    let summary = rows::summary(row, 1)?;
    Ok(if summary.role == Role::NONE {
        Entry::user_room_gone(rev, summary.room)
    } else {
        Entry::user_room(rev, &summary)
    })
}

/// Rev, room, timeline, seq, tombstones after it.
pub(in crate::store) fn marker_entry(row: &impl Columns) -> Result<Entry> {
    let marker = marker(
        row.room(1)?,
        Timeline(row.number(2)?),
        row.number(3)?,
        row.number(4)?,
    );
    Ok(Entry::user_marker(row.number(0)?, &marker))
}

fn marker(room: RoomId, timeline: Timeline, seq: u64, unread_gone: u64) -> Marker {
    Marker {
        room,
        timeline,
        seq,
        unread_gone,
        ext: Extensions::NONE,
    }
}

/// A read marker's new place.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Moved {
    pub(in crate::store) user: UserId,
    pub(in crate::store) room: RoomId,
    pub(in crate::store) timeline: Timeline,
    pub(in crate::store) seq: u64,
    /// The person's, at which it moved.
    pub(in crate::store) rev: u64,
    /// Tombstones after it.
    pub(in crate::store) gone: u64,
}

impl Moved {
    /// What the person's links are told.
    pub(in crate::store) fn told(self) -> (UserAppended, Marker) {
        let marker = marker(self.room, self.timeline, self.seq, self.gone);
        let appended = UserAppended {
            user: self.user,
            before: self.rev - 1,
            rev: self.rev,
            entries: vec![Entry::user_marker(self.rev, &marker)],
        };
        (appended, marker)
    }
}
