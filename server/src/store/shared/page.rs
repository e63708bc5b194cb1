//! Pages: row = seq, so every place of a timeline is a range of seqs, worked out by each database in
//! the statement that reads it. Here: which range is meant, and how much of it fits a reply.

use std::collections::VecDeque;

use parlor_protocol::limit::{PAGE_MESSAGES, PAGE_TEXT_BYTES};
use parlor_protocol::message::{Message, Page, Place, Timeline};
use parlor_protocol::{Extensions, RoomId};

use super::columns::{Columns, int};
use super::rows;
use crate::store::Result;

/// Far outside of any timeline, and far from the end of the databases' numbers.
const SEQ_MAX: u64 = 1 << 53;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Asked {
    pub(in crate::store) room: RoomId,
    pub(in crate::store) timeline: Timeline,
    pub(in crate::store) place: Place,
    pub(in crate::store) seq: u64,
    pub(in crate::store) limit: u16,
    pub(in crate::store) visible_from: u64,
}

/// Which statement answers, and its parameters.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Range {
    pub(in crate::store) kind: Kind,
    pub(in crate::store) seq: i64,
    pub(in crate::store) limit: i64,
    pub(in crate::store) visible_from: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// The last ones, newest first.
    Newest,
    /// Those before the seq, newest first.
    Before,
    /// Those from the seq on.
    From,
    Around,
}

impl Asked {
    pub(in crate::store) fn range(&self) -> Range {
        let (kind, seq) = match self.place {
            Place::BEFORE => (Kind::Before, self.seq),
            Place::AFTER => (Kind::From, self.seq.saturating_add(1)),
            Place::FROM => (Kind::From, self.seq),
            Place::AROUND => (Kind::Around, self.seq),
            _ => (Kind::Newest, 0),
        };
        Range {
            kind,
            seq: int(seq.min(SEQ_MAX)),
            limit: i64::from(self.limit.clamp(1, PAGE_MESSAGES)),
            visible_from: int(self.visible_from.min(SEQ_MAX)),
        }
    }
}

/// The reply as it grows row by row, within the bytes of one page and without a gap.
pub(in crate::store) struct PageReply {
    page: Page,
    messages: VecDeque<Message>,
    bytes: usize,
    /// The seq that must be among them.
    around: Option<u64>,
    backwards: bool,
}

impl PageReply {
    pub(in crate::store) fn new(asked: &Asked) -> Self {
        let kind = asked.range().kind;
        Self {
            page: Page {
                room: asked.room,
                timeline: asked.timeline,
                floor: 1,
                head: 0,
                as_of: 0,
                messages: Vec::new(),
                ext: Extensions::NONE,
            },
            messages: VecDeque::new(),
            bytes: 0,
            around: (kind == Kind::Around).then_some(asked.seq.min(SEQ_MAX)),
            backwards: matches!(kind, Kind::Newest | Kind::Before),
        }
    }

    /// Takes a row: floor, head, rev, the message if there is one. `false`: no more is wanted.
    pub(in crate::store) fn take(&mut self, row: &impl Columns) -> Result<bool> {
        let page = &mut self.page;
        (page.floor, page.head, page.as_of) = (row.number(0)?, row.number(1)?, row.number(2)?);
        if row.integer(3)?.is_none() {
            return Ok(false);
        }
        let message = rows::message(row, 3)?;
        Ok(self.keep(message))
    }

    pub(in crate::store) fn finish(self) -> Page {
        let mut page = self.page;
        page.messages = self.messages.into();
        if self.backwards {
            page.messages.reverse();
        }
        page
    }

    /// Keeps the next one; `false` when the page is full. Around a seq, what lies furthest before
    /// it makes room.
    fn keep(&mut self, message: Message) -> bool {
        self.bytes += message.text.len();
        let past = self.around.is_none_or(|seq| message.seq > seq);
        if self.bytes > PAGE_TEXT_BYTES && past && !self.messages.is_empty() {
            return false;
        }
        self.messages.push_back(message);
        while self.bytes > PAGE_TEXT_BYTES && self.messages.len() > 1 {
            self.bytes -= self.messages.pop_front().map_or(0, |gone| gone.text.len());
        }
        true
    }
}

/// Whether somebody who sees a room from `visible_from` on sees this: a thread is as visible as
/// its root.
pub(in crate::store) fn is_visible(timeline: Timeline, seq: u64, visible_from: u64) -> bool {
    let place = if timeline == Timeline::ROOM {
        seq
    } else {
        timeline.0
    };
    place >= visible_from
}
