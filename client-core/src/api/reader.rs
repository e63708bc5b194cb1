//! Messages one after another, for scripts.

use std::collections::VecDeque;
use std::sync::Arc;

use parlor_protocol::RoomId;

use super::change::Changes;
use super::error::{AskError, ReadError};
use super::view::MessageView;
use crate::core::{Hold, Inner};
use crate::log::SeqRange;

/// Messages read at a time.
const PAGE: u64 = 100;

/// Reads a room's messages in seq order: from the store where they are held, else from the server,
/// page by page.
#[derive(Debug)]
pub struct Reader {
    inner: Arc<Inner>,
    room: RoomId,
    /// `None`: not known before the first reading.
    next: Option<u64>,
    left: Option<u64>,
    follow: bool,
    ready: VecDeque<Arc<MessageView>>,
    changes: Changes,
    settled: bool,
    _hold: Hold,
}

impl Reader {
    pub(super) fn new(
        inner: Arc<Inner>,
        room: RoomId,
        from: Option<u64>,
        count: Option<u64>,
        follow: bool,
    ) -> Self {
        let (changes, queue) = Changes::new();
        inner.state().readers.push(Arc::downgrade(&queue));
        let hold = Hold::new(inner.clone(), room);
        Self {
            inner,
            room,
            next: from,
            left: count,
            follow,
            ready: VecDeque::new(),
            changes,
            settled: false,
            _hold: hold,
        }
    }

    /// The next message; `None` at the end, unless it follows: then it waits for the next one.
    /// Long texts are whole. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Arc<MessageView>>, ReadError> {
        if !self.settled {
            // Where the room ends is known once it is open.
            self.inner.settle(self.room).await;
            self.settled = true;
        }
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            if self.left == Some(0) && !self.follow {
                return Ok(None);
            }
            if self.read_on().await? {
                continue;
            }
            if !self.follow {
                return Ok(None);
            }
            self.wait_for_more().await?;
        }
    }

    /// Reads the next page; `false` where there is none.
    async fn read_on(&mut self) -> Result<bool, ReadError> {
        let (floor, head) = self.bounds().ok_or(AskError::Refused(not_found()))?;
        let newest = || (head + 1).saturating_sub(self.left.unwrap_or(0)).max(floor);
        let first = self.next.unwrap_or_else(newest).max(floor);
        self.next = Some(first);
        let rows = self
            .left
            .filter(|_| !self.follow)
            .unwrap_or(u64::MAX)
            .min(PAGE);
        let last = head.min(first.saturating_add(rows - 1));
        let Some(range) = SeqRange::new(first, last) else {
            return Ok(false);
        };
        let loaded = self.inner.load(self.room, range).await?;
        if let (Some(error), true) = (loaded.error, loaded.rows.is_empty()) {
            return Err(error.into());
        }
        for row in loaded.rows {
            // A gap is not passed over: what lies behind it is read again after it is filled.
            if self.next != Some(row.seq) && !loaded.absent.is_empty() {
                break;
            }
            let view = self.inner.whole_view(self.room, &row).await?;
            self.next = Some(row.seq + 1);
            self.left = self.left.map(|left| left.saturating_sub(1));
            self.ready.push_back(Arc::new(view));
        }
        if self.ready.is_empty() {
            // Nothing is there any more: retention took it.
            self.next = Some(last + 1);
        }
        Ok(true)
    }

    fn bounds(&self) -> Option<(u64, u64)> {
        let state = self.inner.state();
        let known = state.rooms.get(&self.room)?;
        Some((known.row.first_seq(), known.row.head))
    }

    async fn wait_for_more(&mut self) -> Result<(), ReadError> {
        loop {
            let more = self
                .bounds()
                .is_none_or(|(_, head)| self.next.is_none_or(|next| head >= next));
            if more {
                return Ok(());
            }
            if self.changes.next().await == super::Change::Closed {
                return Err(AskError::Closed.into());
            }
        }
    }
}

fn not_found() -> parlor_protocol::Refusal {
    parlor_protocol::Refusal::new(parlor_protocol::Code::NOT_FOUND)
}
