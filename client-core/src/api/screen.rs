//! A timeline on screen.

use std::sync::Arc;

use jiff::civil::Date;
use parlor_protocol::RoomId;

use super::options::Layout;
use super::view::MessageView;
use crate::timeline::{Align, Scrollbar};

/// The visible part of one room's timeline. All calls answer from memory at once; rows that are not
/// here yet stand as placeholders, are fetched (store, then server), and `Change::Timeline` follows.
///
/// Dropping it lets its rows go and closes the room when it was the last of it.
#[derive(Debug)]
pub struct Timeline {
    pub(crate) _seam: RoomId,
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
    /// What is to be drawn now. `measure` tells the height of a row in the face's unit for a row
    /// not measured since it, its surroundings or the width changed; it is called for rows on
    /// screen only.
    pub fn screen(&self, _measure: impl FnMut(&MessageView, Surroundings) -> u32) -> ScreenView {
        todo!()
    }

    pub fn room(&self) -> RoomId {
        todo!()
    }

    /// The box has another height.
    pub fn set_height(&self, _height: u32) {
        todo!()
    }

    /// Width, type or density changed: every row is to be measured again.
    pub fn measure_anew(&self, _layout: Layout) {
        todo!()
    }

    /// Moves by so many units, downwards when positive.
    pub fn scroll(&self, _units: i64) {
        todo!()
    }

    pub fn page_up(&self) {
        todo!()
    }

    pub fn page_down(&self) {
        todo!()
    }

    pub fn jump_to(&self, _seq: u64, _align: Align) {
        todo!()
    }

    pub fn jump_to_start(&self) {
        todo!()
    }

    /// Shows the newest row and stays with it.
    pub fn jump_to_end(&self) {
        todo!()
    }

    /// Shows the first unread message at the top; `false` where none is unread.
    pub fn jump_to_unread(&self) -> bool {
        todo!()
    }

    /// The scrollbar was dragged so that so many rows lie above the screen.
    pub fn drag_to(&self, _rows: f64) {
        todo!()
    }

    /// Keeps the unread line where the marker stands now: call when the person comes to the room.
    pub fn set_unread_line(&self) {
        todo!()
    }

    /// Newest message that is wholly or partly on screen: what `mark_read` is called with.
    pub fn newest_visible(&self) -> Option<u64> {
        todo!()
    }

    /// A message, if it is in memory.
    pub fn message(&self, _seq: u64) -> Option<Arc<MessageView>> {
        todo!()
    }
}
