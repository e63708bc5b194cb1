//! A page that was read in another moment than the room is held in.

use std::collections::BTreeMap;

use parlor_protocol::message::{Message, Page};
use parlor_protocol::sync::{RoomChanges, RoomEntry};

/// A page on its way into the store.
#[derive(Debug, PartialEq)]
pub struct PageInFlight {
    page: Page,
    /// Changes absorbed so far; bounded, since a room that changes faster than it can be asked
    /// about is better asked for the page again.
    rounds: u8,
}

/// What to do with the page.
#[derive(Debug, PartialEq)]
pub enum PageFit {
    /// Write it: its messages are at least as new as the room is held.
    Fits(Page),
    /// Ask what changed since this rev and give it to [`PageInFlight::absorb`].
    AskChanges { since: u64, page: PageInFlight },
    /// Ask for the page again.
    Refetch,
}

/// Answers absorbed into one page.
const MAX_ROUNDS: u8 = 4;

impl PageInFlight {
    pub fn new(page: Page) -> Self {
        Self { page, rounds: 0 }
    }

    /// Judges it against the rev held now.
    pub fn fit(self, held: Option<u64>) -> PageFit {
        let as_of = self.page.as_of;
        if held.is_none_or(|held| as_of >= held) {
            PageFit::Fits(self.page)
        } else if self.rounds >= MAX_ROUNDS {
            PageFit::Refetch
        } else {
            PageFit::AskChanges {
                since: as_of,
                page: self,
            }
        }
    }

    /// The page as it is now.
    pub fn into_page(self) -> Page {
        self.page
    }

    /// Brings the page to `changes.through`. `false`: too much changed, ask for the page again.
    #[must_use = "a page that changed too much must be asked for again"]
    pub fn absorb(&mut self, changes: &RoomChanges) -> bool {
        self.rounds += 1;
        if changes.reset || changes.through < self.page.as_of {
            return false;
        }
        let mut newer: BTreeMap<u64, Message> = BTreeMap::new();
        for entry in &changes.entries {
            if let Ok(RoomEntry::Message(message)) = entry.open_room()
                && message.timeline == self.page.timeline
            {
                newer.insert(message.seq, message);
            }
        }
        for message in &mut self.page.messages {
            if let Some(newer) = newer.remove(&message.seq) {
                *message = newer;
            }
        }
        self.page.as_of = changes.through;
        self.page.floor = self.page.floor.max(changes.floor);
        true
    }
}
