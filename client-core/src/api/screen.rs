//! A timeline on screen.

use std::sync::{Arc, Mutex};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use parlor_protocol::RoomId;

use super::options::Layout;
use super::view::MessageView;
use crate::core::{Hold, Inner, MAX_PASSES, OnScreen, lock};
use crate::timeline::{Align, Scrollbar};

/// The visible part of one room's timeline. All calls answer from memory at once; rows that are not
/// here yet stand as placeholders, are fetched (store, then server), and `Change::Timeline` follows.
///
/// Dropping it lets its rows go and closes the room when it was the last of it.
#[derive(Debug)]
pub struct Timeline {
    inner: Arc<Inner>,
    screen: Arc<Mutex<OnScreen>>,
    room: RoomId,
    _hold: Hold,
}

/// What is to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct ScreenView {
    /// From top to bottom without a gap.
    pub rows: Vec<RowView>,
    /// Unsent messages below the newest one, oldest first, as far as they are on screen.
    pub unsent: Vec<UnsentView>,
    pub scrollbar: Scrollbar,
    /// The end is on screen and stays there.
    pub at_end: bool,
    /// Messages that came below what has been on screen.
    pub new_below: u64,
    /// The room has no message that the reader may see, and none is on its way here.
    pub empty: bool,
}

/// A row on screen, wholly or in part.
#[derive(Clone, Debug, PartialEq)]
pub struct RowView {
    pub seq: u64,
    /// Its top in units below the screen's top; negative when cut off there.
    pub y: i64,
    /// Its height as measured, or as estimated for a placeholder; never 0.
    pub height: u32,
    pub surroundings: Surroundings,
    /// `None`: a placeholder of `height`.
    pub message: Option<Arc<MessageView>>,
}

/// An unsent message below the newest one.
#[derive(Clone, Debug, PartialEq)]
pub struct UnsentView {
    pub y: i64,
    pub height: u32,
    pub surroundings: Surroundings,
    pub message: Arc<MessageView>,
}

/// What stands above a message because of its neighbours. Part of the row, and of its height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// A day begins here, in the reader's zone: a day line stands above.
    pub day: Option<Date>,
    /// The unread line stands above.
    pub first_unread: bool,
    /// Same author as the row above, within five minutes, nothing between: no name line.
    pub continues: bool,
}

impl Timeline {
    pub(super) fn new(inner: Arc<Inner>, room: RoomId, layout: Layout) -> Self {
        let screen = {
            let mut state = inner.state();
            let (floor, head, read) = match state.rooms.get(&room) {
                Some(known) => (known.row.first_seq(), known.row.head, known.row.read),
                None => (1, 0, 0),
            };
            let mut screen = OnScreen::new(room, layout, floor, head, TimeZone::system());
            screen.set_unread_line(read);
            let screen = Arc::new(Mutex::new(screen));
            state.screens.push(Arc::downgrade(&screen));
            screen
        };
        let hold = Hold::new(inner.clone(), room);
        let timeline = Self {
            inner,
            screen,
            room,
            _hold: hold,
        };
        timeline.fetch();
        timeline
    }

    /// What is to be drawn now. `measure` tells the height of a row in the face's unit for a row
    /// not measured since it, its surroundings or the width changed; it is called for rows on
    /// screen only.
    pub fn screen(&self, mut measure: impl FnMut(&MessageView, Surroundings) -> u32) -> ScreenView {
        let unsent = self.inner.view(|state| state.unsent_views(self.room));
        // No lock is held while the face measures: it may ask the core whatever it likes.
        let around = lock(&self.screen).unsent_around(&unsent);
        let tail: Vec<_> = unsent
            .iter()
            .zip(around)
            .map(|(view, (around, known))| {
                let height = known.unwrap_or_else(|| measure(view, around)).max(1);
                (view.id, around, height)
            })
            .collect();
        lock(&self.screen).unsent_measured(&tail);
        for _ in 0..MAX_PASSES {
            let wanted = lock(&self.screen).unmeasured();
            if wanted.is_empty() {
                break;
            }
            let heights = wanted
                .iter()
                .map(|(seq, view, around)| (*seq, measure(view, *around).max(1)));
            let heights = heights.collect();
            lock(&self.screen).measured(heights);
        }
        let view = lock(&self.screen).view(&unsent, &tail);
        self.fetch();
        view
    }

    pub fn room(&self) -> RoomId {
        self.room
    }

    /// The box has another height.
    pub fn set_height(&self, height: u32) {
        lock(&self.screen).viewport().set_height(height);
    }

    /// Width, type or density changed: every row is to be measured again.
    pub fn measure_anew(&self, layout: Layout) {
        lock(&self.screen).measure_anew(layout);
    }

    /// Moves by so many units, downwards when positive.
    pub fn scroll(&self, units: i64) {
        lock(&self.screen).viewport().scroll(units);
    }

    pub fn page_up(&self) {
        lock(&self.screen).viewport().page_up();
    }

    pub fn page_down(&self) {
        lock(&self.screen).viewport().page_down();
    }

    pub fn jump_to(&self, seq: u64, align: Align) {
        lock(&self.screen).viewport().jump_to(seq, align);
    }

    pub fn jump_to_start(&self) {
        lock(&self.screen).viewport().jump_to_start();
    }

    /// Shows the newest row and stays with it.
    pub fn jump_to_end(&self) {
        lock(&self.screen).viewport().jump_to_end();
    }

    /// Shows the first unread message at the top; `false` where none is unread.
    pub fn jump_to_unread(&self) -> bool {
        lock(&self.screen).jump_to_unread()
    }

    /// The scrollbar was dragged so that so many rows lie above the screen.
    pub fn drag_to(&self, rows: f64) {
        lock(&self.screen).viewport().drag_to(rows);
    }

    /// Puts the unread line where the marker stands now: call when the person comes to the room.
    pub fn set_unread_line(&self) {
        let read = self
            .inner
            .state()
            .rooms
            .get(&self.room)
            .map(|known| known.row.read);
        if let Some(read) = read {
            lock(&self.screen).set_unread_line(read);
        }
    }

    /// Newest message that is wholly or partly on screen: what `mark_read` is called with.
    pub fn newest_visible(&self) -> Option<u64> {
        lock(&self.screen).newest_visible()
    }

    /// A message, if it is in memory.
    pub fn message(&self, seq: u64) -> Option<Arc<MessageView>> {
        lock(&self.screen).message(seq)
    }

    /// Loads what the screen lacks, in the background.
    fn fetch(&self) {
        let (fetches, tries) = {
            let mut screen = lock(&self.screen);
            (screen.take_fetches(), screen.tries())
        };
        for range in fetches {
            self.inner.load_for(&self.screen, self.room, range, tries);
        }
    }
}
