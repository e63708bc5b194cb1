//! The layer at the bottom of the stack: rooms, timeline, members, composer, and who has the focus.

mod draw;
mod keys;

#[cfg(test)]
mod tests;

use parlor_client_core::api::RoomId;
use ratatui::layout::Rect;

use super::composer::Composer;
use super::panes::{MEMBERS_FROM, Panes, Wants};
use super::rooms::RoomList;
use super::state_line;
use super::views::Views;

/// Columns of the composer's prompt.
const PROMPT_COLUMNS: u16 = 2;

/// Which pane takes the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Focus {
    Rooms,
    Timeline,
    Members,
    #[default]
    Composer,
}

#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) focus: Focus,
    pub(crate) composer: Composer,
    list: RoomList,
    /// Shown or put away by the person; `None`: as the width has it.
    members: Option<bool>,
    members_scroll: usize,
    /// The whole screen, as of the last draw.
    area: Rect,
}

impl Talk {
    pub(crate) fn panes(&self, views: &Views) -> Panes {
        let width = self.area.width.saturating_sub(PROMPT_COLUMNS);
        let wants = Wants {
            focus: self.focus,
            members: self.members_shown() && views.open.is_some(),
            composer: self.composer.height(width),
            notice: views.notice.as_ref().map_or(0, |notice| {
                state_line::notice_lines(notice, self.area.width).len()
            }),
        };
        Panes::new(self.area, wants)
    }

    pub(crate) fn resize(&mut self, area: Rect) {
        self.area = area;
    }

    pub(crate) fn members_shown(&self) -> bool {
        let wide = self.area.width >= MEMBERS_FROM;
        self.focus == Focus::Members || self.members.unwrap_or(wide)
    }

    pub(crate) fn toggle_members(&mut self) {
        self.members = Some(!self.members_shown());
        if self.members == Some(false) && self.focus == Focus::Members {
            self.focus = Focus::Timeline;
        }
    }

    /// Another room is on screen.
    pub(crate) fn room_shown(&mut self, room: RoomId, draft: &str) {
        self.list.select(Some(room));
        self.composer.set(draft);
        self.members_scroll = 0;
        self.focus = Focus::Composer;
    }

    /// No room is on screen any more.
    pub(crate) fn room_gone(&mut self) {
        self.composer.set("");
        self.focus = Focus::Composer;
    }

    /// Where to go when no room is on screen: where something waits, else where most was said.
    pub(crate) fn next_room(views: &Views) -> Option<RoomId> {
        let rooms = views.rooms.iter();
        rooms
            .max_by_key(|room| (room.mentioned, room.unread, room.head))
            .map(|room| room.id)
    }
}
