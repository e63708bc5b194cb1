//! A server's side of one room, and a client's store of it, as plain data.

use std::collections::BTreeMap;

use parlor_protocol::message::{Message, MessageState, Page, Timeline};
use parlor_protocol::room::{Role, RoomKind, RoomSummary};
use parlor_protocol::sync::{Entry, RoomBatch, RoomChanges, RoomEntry, RoomOpened};
use parlor_protocol::{Extensions, RoomId, SendKey, UserId};

pub(super) const ROOM: RoomId = RoomId([1; 16]);

/// Where a room stands on the server: each message with the rev that changed it last.
#[derive(Clone, Default)]
pub(super) struct Server {
    pub(super) rev: u64,
    pub(super) messages: BTreeMap<u64, (u64, String)>,
    /// Changes behind which it answers `reset`.
    pub(super) reset_above: u64,
}

pub(super) fn message(seq: u64, text: &str) -> Message {
    Message {
        timeline: Timeline::ROOM,
        seq,
        author: UserId([2; 16]),
        at_ms: seq,
        send_key: SendKey([3; 16]),
        state: MessageState::PLAIN,
        text: text.to_owned(),
        long: None,
        ext: Extensions::NONE,
    }
}

impl Server {
    pub(super) fn head(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Posts a message, or edits the one that `which` points at; the batch of it.
    pub(super) fn change(&mut self, which: Option<u64>) -> RoomBatch {
        let seq = match which {
            Some(which) if self.head() > 0 => which % self.head() + 1,
            _ => self.head() + 1,
        };
        self.rev += 1;
        let text = format!("state of rev {}", self.rev);
        self.messages.insert(seq, (self.rev, text.clone()));
        RoomBatch {
            room: ROOM,
            before: self.rev - 1,
            rev: self.rev,
            entries: vec![Entry::message(self.rev, &message(seq, &text))],
            ext: Extensions::NONE,
        }
    }

    /// At most five entries an answer, so that catching up takes several.
    pub(super) fn changes(&self, since: u64) -> RoomChanges {
        let reset = self.rev.saturating_sub(since) > self.reset_above || since > self.rev;
        let mut changed: Vec<(u64, u64, &str)> = self
            .messages
            .iter()
            .filter(|(_, (rev, _))| *rev > since)
            .map(|(seq, (rev, text))| (*rev, *seq, &text[..]))
            .collect();
        changed.sort_unstable();
        let whole = changed.len() <= 5;
        changed.truncate(if reset { 0 } else { 5 });
        let through = match changed.last() {
            Some((rev, ..)) if !whole => *rev,
            _ => self.rev,
        };
        RoomChanges {
            room: ROOM,
            since,
            through,
            rev: self.rev,
            head: self.head(),
            floor: 1,
            reset,
            entries: changed
                .into_iter()
                .map(|(rev, seq, text)| Entry::message(rev, &message(seq, text)))
                .collect(),
            ext: Extensions::NONE,
        }
    }

    /// The whole room as one page.
    pub(super) fn page(&self) -> Page {
        Page {
            room: ROOM,
            timeline: Timeline::ROOM,
            floor: 1,
            head: self.head(),
            as_of: self.rev,
            messages: self
                .messages
                .iter()
                .map(|(seq, (_, text))| message(*seq, text))
                .collect(),
            ext: Extensions::NONE,
        }
    }

    pub(super) fn open(&self, since: Option<u64>) -> RoomOpened {
        let mut changes = self.changes(since.unwrap_or(0));
        let page = (since.is_none() || changes.reset).then(|| self.page());
        if page.is_some() {
            changes = RoomChanges {
                reset: true,
                through: self.rev,
                entries: Vec::new(),
                ..changes
            };
        }
        RoomOpened {
            summary: self.summary(),
            changes,
            page,
            ext: Extensions::NONE,
        }
    }

    fn summary(&self) -> RoomSummary {
        RoomSummary {
            room: ROOM,
            kind: RoomKind::PUBLIC,
            name: "tea".to_owned(),
            topic: String::new(),
            direct_with: None,
            role: Role::MEMBER,
            members: 2,
            head: self.head(),
            floor: 1,
            rev: self.rev,
            visible_from: 1,
            read: 0,
            unread_gone: 0,
            ext: Extensions::NONE,
        }
    }
}

/// What a client holds: a row keeps the newest state it has seen.
#[derive(Default)]
pub(super) struct Held {
    pub(super) rev: u64,
    pub(super) rows: BTreeMap<u64, (u64, String)>,
}

impl Held {
    pub(super) fn apply(&mut self, through: u64, entries: &[Entry]) {
        for entry in entries {
            if let Ok(RoomEntry::Message(message)) = entry.open_room() {
                self.write(message, entry.rev);
            }
        }
        self.rev = self.rev.max(through);
    }

    pub(super) fn reset(&mut self, through: u64, page: Page) {
        self.rows.clear();
        self.rev = through;
        for message in page.messages {
            self.write(message, page.as_of);
        }
    }

    fn write(&mut self, message: Message, rev: u64) {
        let row = self.rows.entry(message.seq).or_default();
        if rev >= row.0 {
            *row = (rev, message.text);
        }
    }

    pub(super) fn texts(&self) -> Vec<(u64, &str)> {
        self.rows
            .iter()
            .map(|(seq, (_, text))| (*seq, &text[..]))
            .collect()
    }
}
