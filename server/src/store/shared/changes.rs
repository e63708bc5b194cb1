//! "What did I miss?": the reply, filled from rows in the order of their revs.

use parlor_protocol::limit::{CHANGES_ENTRIES, PAGE_TEXT_BYTES, RESET_ABOVE_CHANGES};
use parlor_protocol::room::Role;
use parlor_protocol::sync::{DetailsEntry, Entry, MemberEntry, RoomChanges};
use parlor_protocol::{Extensions, RoomId};

use super::columns::{Columns, damaged};
use super::rows;
use crate::store::Result;

/// Bytes of entries of one reply, so that it fits a frame with room to spare.
pub(in crate::store) const ENTRY_BYTES: usize = PAGE_TEXT_BYTES;
/// Rows that are read for one reply: the last one tells that more follow.
pub(in crate::store) const ROWS: u64 = CHANGES_ENTRIES as u64 + 1;

/// The reply as it grows row by row.
pub(in crate::store) struct ChangesReply {
    changes: RoomChanges,
    bytes: usize,
    /// More follow than fit.
    full: bool,
}

impl ChangesReply {
    pub(in crate::store) fn new(room: RoomId, since: u64) -> Self {
        let changes = RoomChanges {
            room,
            since,
            through: since,
            rev: 0,
            head: 0,
            floor: 1,
            reset: false,
            entries: Vec::new(),
            ext: Extensions::NONE,
        };
        Self {
            changes,
            bytes: 0,
            full: false,
        }
    }

    /// Takes a row: columns 0–4 are the room's, 5–6 the change's, 7–15 the message's, 16–19 the
    /// person's, 20 the room's topic. `false`: no more is wanted.
    pub(in crate::store) fn take(&mut self, row: &impl Columns) -> Result<bool> {
        let changes = &mut self.changes;
        (changes.rev, changes.head, changes.floor) =
            (row.number(0)?, row.number(1)?, row.number(2)?);
        let Some(entry) = entry(row)? else {
            return Ok(false);
        };
        let last = changes.entries.last().map(|last| last.rev);
        // The rows come in this order; sorting them here would read every text first.
        if last.is_some_and(|last| last >= entry.rev) {
            return Err(damaged("the order of changes"));
        }
        self.bytes += entry.body.len();
        let full = changes.entries.len() == CHANGES_ENTRIES || self.bytes > ENTRY_BYTES;
        if full && let Some(last) = last {
            (changes.through, self.full) = (last, true);
            return Ok(false);
        }
        changes.entries.push(entry);
        Ok(true)
    }

    pub(in crate::store) fn finish(self) -> RoomChanges {
        let mut changes = self.changes;
        if !self.full {
            changes.reset =
                changes.since > changes.rev || changes.rev - changes.since > RESET_ABOVE_CHANGES;
            changes.through = changes.rev;
        }
        changes
    }
}

/// The changed thing of a row in its newest state; `None` where nothing changed.
fn entry(row: &impl Columns) -> Result<Option<Entry>> {
    let Some(rev) = row.optional_number(5)? else {
        return Ok(None);
    };
    Ok(Some(match row.byte(6)? {
        1 => Entry::message(rev, &rows::message(row, 7)?),
        2 => Entry::member(
            rev,
            &MemberEntry {
                user: row.user(16)?,
                role: Role(row.byte(17)?),
                name: row.text(18)?,
                display_name: row.text(19)?,
                ext: Extensions::NONE,
            },
        ),
        3 => Entry::details(
            rev,
            &DetailsEntry {
                name: row.text(4)?,
                topic: row.text(20)?,
                floor: row.number(2)?,
                members: row.count(3)?,
                ext: Extensions::NONE,
            },
        ),
        _ => return Err(damaged("the kind of a change")),
    }))
}
