//! News from the core: what to read again.

use parlor_client_core::api::{AccountView, Change, MemberView, RoomId};

use super::action::{Action, Overlay};
use super::talk::Talk;
use super::views::{Notice, OpenRoom};
use super::{App, Wish, screen};

/// Members that the pane lists; the header counts the rest.
const MAX_MEMBERS: u16 = 200;

impl App {
    pub(super) fn changed(&mut self, change: Change) {
        self.dirty = true;
        match change {
            Change::Account => self.account_changed(),
            Change::Link => self.views.link = self.core.link(),
            Change::Rooms => self.rooms_changed(),
            Change::Members(room) => self.load_members(room),
            Change::Typing(room) | Change::Presence(room) => self.signals_changed(room),
            Change::RoomGone(room) => self.room_gone(room),
            Change::Notice(notice) => {
                self.views.notice =
                    Some(Notice::bad(format!("{} {}", notice.message, notice.help)));
            }
            Change::Notify(notification) => {
                self.ring |= !self.watched || self.views.open_id() != Some(notification.room);
            }
            Change::Resync => self.read_all(),
            Change::Closed => self.wish = Some(Wish::Quit),
            // The screen is read at each draw.
            Change::Timeline(_) | Change::Sessions | Change::Withdraw(..) => {}
        }
    }

    /// What moves without news: the clock, the wait until the next dial.
    pub(super) fn tick(&mut self) {
        let link = self.core.link();
        let now = jiff::Zoned::now();
        self.dirty |= link != self.views.link || now.date() != self.views.now.date();
        self.views.link = link;
        self.views.now = now;
    }

    pub(super) fn account_changed(&mut self) {
        self.views.account = self.core.account();
        let inside = matches!(self.views.account, AccountView::Active(_));
        let entrance = self.layers.iter().any(|layer| layer.is_entrance());
        if inside {
            self.layers.retain(|layer| !layer.is_entrance());
            self.rooms_changed();
        } else if !entrance {
            self.perform(Action::Open(Overlay::Entrance));
        }
    }

    fn rooms_changed(&mut self) {
        self.views.rooms = self.core.rooms();
        let room = self.views.open_id().and_then(|room| self.core.room(room));
        match (&mut self.views.open, room) {
            (Some(open), Some(room)) => open.room = room,
            (Some(_), None) => self.close_room(),
            (None, _) => self.show_some_room(),
        }
    }

    fn signals_changed(&mut self, room: RoomId) {
        if let Some(open) = self.views.open.as_mut().filter(|open| open.room.id == room) {
            open.typing = self.core.typing(room);
            open.presence = self.core.presence(room);
        }
    }

    fn read_all(&mut self) {
        self.account_changed();
        self.views.link = self.core.link();
        self.rooms_changed();
        if let Some(room) = self.views.open_id() {
            self.signals_changed(room);
            self.load_members(room);
        }
    }

    /// Opens a room on screen.
    pub(super) fn show(&mut self, room: RoomId) {
        if self.views.open_id() == Some(room) {
            self.talk.focus = super::talk::Focus::Composer;
            return;
        }
        let Some(view) = self.core.room(room) else {
            self.views.notice = Some(Notice::bad("that room is not among yours any more"));
            return;
        };
        self.leave_typing();
        let timeline = self.core.timeline(room, screen::layout(1));
        timeline.set_unread_line();
        // From the first unread message on, where there is more than a screen of them.
        self.timeline = Some(timeline);
        self.measured = None;
        self.views.open = Some(OpenRoom {
            room: view,
            screen: screen::blank(),
            members: Vec::new(),
            typing: self.core.typing(room),
            presence: self.core.presence(room),
        });
        self.talk.room_shown(room, &self.core.draft(room));
        self.load_members(room);
    }

    pub(super) fn show_some_room(&mut self) {
        if self.views.open.is_none()
            && let Some(room) = Talk::next_room(&self.views)
        {
            self.show(room);
        }
    }

    fn room_gone(&mut self, room: RoomId) {
        if self.views.open_id() == Some(room) {
            self.close_room();
        }
        self.rooms_changed();
    }

    fn close_room(&mut self) {
        self.timeline = None;
        self.views.open = None;
        self.talk.room_gone();
        self.show_some_room();
    }

    fn leave_typing(&self) {
        if let Some(room) = self.views.open_id() {
            self.core.set_typing(room, false);
        }
    }

    fn load_members(&mut self, room: RoomId) {
        if self.views.open_id() != Some(room) {
            return;
        }
        let core = self.core.clone();
        self.spawn(async move {
            let page = core.members(room, None, MAX_MEMBERS).await;
            move |app: &mut App| {
                // Without an answer the list stays as it is; news of the link bring the next try.
                if let Ok(page) = page {
                    app.members_loaded(room, page.rows);
                }
            }
        });
    }

    fn members_loaded(&mut self, room: RoomId, members: Vec<MemberView>) {
        if let Some(open) = self.views.open.as_mut().filter(|open| open.room.id == room) {
            open.members = members;
        }
    }
}
