//! Requests of one link that wait for their replies.

use std::time::Instant;

use crate::plan::PostIndex;

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Post(PostIndex),
    /// A room, by its place among the user's own.
    Open(usize),
    Changes(usize),
    Page(usize),
    /// A read of a reading user.
    Read(&'static str),
    /// A reply that is only counted when it is an error.
    Courtesy,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    request: u32,
    asked: Asked,
    at: Instant,
}

/// At most `REQUESTS_IN_FLIGHT` of them: the asker checks before it asks.
#[derive(Debug)]
pub(super) struct Requests {
    next: u32,
    waiting: Vec<Waiting>,
}

/// Where this link's numbers begin: above those of its handshake.
const FIRST: u32 = 16;

impl Default for Requests {
    fn default() -> Self {
        Self {
            next: FIRST,
            waiting: Vec::new(),
        }
    }
}

impl Requests {
    /// A number for a new request.
    pub(super) fn ask(&mut self, asked: Asked, at: Instant) -> u32 {
        let request = self.next;
        self.next = self.next.checked_add(1).unwrap_or(FIRST);
        self.waiting.push(Waiting { request, asked, at });
        request
    }

    /// What a reply answers, and when that was asked.
    pub(super) fn answered(&mut self, request: u32) -> Option<(Asked, Instant)> {
        let at = self.waiting.iter().position(|it| it.request == request)?;
        let waiting = self.waiting.remove(at);
        Some((waiting.asked, waiting.at))
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
