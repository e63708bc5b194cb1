//! What changed, as a set that merges: bounded, and nothing is lost that a reading does not show.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use parlor_protocol::RoomId;
use tokio::sync::Notify;

use super::view::{MessageId, MessageView};
use crate::notify::Reason;

/// Different changes that wait for a slow face; beyond, they become one [`Change::Resync`].
pub const MAX_CHANGES: usize = 512;
/// Notices that wait for a slow face; beyond, the oldest goes.
pub const MAX_NOTICES: usize = 64;

/// What a face is to read again.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `account()`.
    Account,
    /// `link()`.
    Link,
    /// `rooms()`: order, names, unread counts.
    Rooms,
    /// The screen of a timeline of this room.
    Timeline(RoomId),
    /// `members(room)`.
    Members(RoomId),
    /// `typing(room)`.
    Typing(RoomId),
    /// `presence(room)`.
    Presence(RoomId),
    /// The person is no member of this room any more; its content is gone.
    RoomGone(RoomId),
    /// One's own list of sessions.
    Sessions,
    /// Something to tell the person, once.
    Notice(Notice),
    /// A message that deserves a notification.
    Notify(Notification),
    /// A notification to take back: it was read, here or elsewhere.
    Withdraw(RoomId, MessageId),
    /// Everything: the face was slow, or the content was loaded anew.
    Resync,
    /// The core was closed. Comes last, and again whenever asked.
    Closed,
}

/// Something to tell the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Stable, for scripts: `storage_full`.
    pub code: &'static str,
    pub message: String,
    pub help: String,
}

/// A message that deserves a notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    pub room: RoomId,
    pub title: String,
    pub message: Arc<MessageView>,
    pub reason: Reason,
}

/// The changes of one reader. Dropped, it costs nothing more.
#[derive(Debug)]
pub struct Changes {
    queue: Arc<Queue>,
}

/// One reader's changes that it has not taken.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    changes: VecDeque<Change>,
    notices: usize,
    closed: bool,
}

impl Changes {
    pub(crate) fn new() -> (Self, Arc<Queue>) {
        let queue = Arc::new(Queue::default());
        (
            Self {
                queue: queue.clone(),
            },
            queue,
        )
    }

    /// The next change, waiting for it. Cancel-safe.
    pub async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.try_next() {
                return change;
            }
            // One reader: a change pushed in between leaves its permit behind.
            self.queue.arrived.notified().await;
        }
    }

    /// The next change, if there is one now: to draw once for many.
    pub fn try_next(&mut self) -> Option<Change> {
        self.queue.take()
    }
}

impl Queue {
    /// Adds a change unless the same waits already.
    pub(crate) fn push(&self, change: Change) {
        self.lock().push(change);
        self.arrived.notify_one();
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Change> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, change: Change) {
        if self.closed || self.changes.contains(&change) {
            return;
        }
        if tells(&change) {
            self.notices += 1;
            if self.notices > MAX_NOTICES {
                self.forget_oldest_notice();
            }
        } else if self.changes.len() - self.notices >= MAX_CHANGES {
            self.changes.retain(tells);
            self.changes.push_front(Change::Resync);
            return;
        }
        self.changes.push_back(change);
    }

    fn take(&mut self) -> Option<Change> {
        match self.changes.pop_front() {
            Some(change) => {
                self.notices -= usize::from(tells(&change));
                Some(change)
            }
            None => self.closed.then_some(Change::Closed),
        }
    }

    fn forget_oldest_notice(&mut self) {
        if let Some(at) = self.changes.iter().position(tells) {
            self.changes.remove(at);
            self.notices -= 1;
        }
    }
}

/// Whether it says something that cannot be read again.
fn tells(change: &Change) -> bool {
    matches!(
        change,
        Change::Notice(_) | Change::Notify(_) | Change::Withdraw(..)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn the_same_change_waits_once_and_a_closed_core_says_so_for_ever() {
        let (mut changes, queue) = Changes::new();
        queue.push(Change::Rooms);
        queue.push(Change::Link);
        queue.push(Change::Rooms);
        assert_eq!(changes.next().await, Change::Rooms);
        assert_eq!(changes.next().await, Change::Link);
        queue.close();
        queue.push(Change::Rooms);
        assert_eq!(changes.next().await, Change::Closed);
        assert_eq!(changes.next().await, Change::Closed);
    }

    #[tokio::test]
    async fn a_face_too_slow_reads_everything_again_and_loses_no_notice() {
        let (mut changes, queue) = Changes::new();
        let notice = Change::Notice(Notice {
            code: "storage_full",
            message: String::new(),
            help: String::new(),
        });
        queue.push(notice.clone());
        for _ in 0..MAX_CHANGES + 1 {
            queue.push(Change::Timeline(RoomId::new()));
        }
        assert_eq!(changes.next().await, Change::Resync);
        assert_eq!(changes.next().await, notice);
        assert_eq!(changes.try_next(), None);
    }

    #[test]
    fn notices_are_bounded_and_the_oldest_goes() {
        let (mut changes, queue) = Changes::new();
        let withdraw = |seq| Change::Withdraw(RoomId([0; 16]), MessageId::Seq(seq));
        for seq in 0..=MAX_NOTICES as u64 {
            queue.push(withdraw(seq));
        }
        assert_eq!(changes.try_next(), Some(withdraw(1)));
        let rest = std::iter::from_fn(|| changes.try_next()).count();
        assert_eq!(rest, MAX_NOTICES - 1);
    }
}
