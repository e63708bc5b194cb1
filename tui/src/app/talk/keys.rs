//! What keys, pastes and the mouse do to the panes.

use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use parlor_client_core::api::RoomId;
use parlor_client_core::text::sanitize_line;
use ratatui::layout::{Position, Rect};

use super::{Focus, PROMPT_COLUMNS, Talk};
use crate::app::action::{Action, Overlay, Scroll};
use crate::app::chord::chord;
use crate::app::command::{COMMANDS, Command, Meaning, ROLES, understand};
use crate::app::composer::Outcome;
use crate::app::layer::{Answer, Input, Stage};
use crate::app::views::{Notice, Views};

/// Lines that one notch of the wheel moves.
const WHEEL_LINES: i64 = 3;

impl Talk {
    pub(crate) fn input(&mut self, input: &Input, stage: &mut Stage<'_>) -> Answer {
        match input {
            Input::Paste(text) => {
                self.focus = Focus::Composer;
                self.composer.paste(text);
                self.written(stage);
                Answer::Consumed
            }
            Input::Mouse(mouse) => self.mouse(mouse, stage),
            Input::Key(key) => self.key(key, stage),
        }
    }

    fn key(&mut self, key: &KeyEvent, stage: &mut Stage<'_>) -> Answer {
        let name = chord(key);
        if self.everywhere(&name, stage) {
            return Answer::Consumed;
        }
        let consumed = match self.focus {
            Focus::Composer => return self.compose(key, &name, stage),
            Focus::Timeline => self.timeline_key(&name, stage),
            Focus::Rooms => self.rooms_key(&name, stage),
            Focus::Members => self.members_key(&name, stage.views),
        };
        match consumed || self.beside_composer(&name, stage) {
            true => Answer::Consumed,
            false => Answer::Ignored,
        }
    }

    /// Keys that mean the same in every pane.
    fn everywhere(&mut self, name: &str, stage: &mut Stage<'_>) -> bool {
        match name {
            "C-k" => stage.actions.push(Action::Open(Overlay::Switcher)),
            "pageup" => stage.actions.push(Action::Scroll(Scroll::PageUp)),
            "pagedown" => stage.actions.push(Action::Scroll(Scroll::PageDown)),
            "A-up" => show(step(stage.views, -1), stage),
            "A-down" => show(step(stage.views, 1), stage),
            "tab" if self.complete(stage) => {}
            "tab" => self.turn(stage.views, 1),
            "S-tab" => self.turn(stage.views, -1),
            _ => return false,
        }
        true
    }

    /// Keys of all panes that are not written into.
    fn beside_composer(&mut self, name: &str, stage: &mut Stage<'_>) -> bool {
        match name {
            "i" | "enter" | "esc" => self.focus = Focus::Composer,
            "?" => stage.actions.push(Action::Open(Overlay::Help)),
            "m" => self.toggle_members(),
            "n" => show(next_unread(stage.views), stage),
            "/" => {
                self.focus = Focus::Composer;
                if self.composer.is_empty() {
                    self.composer.paste("/");
                }
            }
            _ => return false,
        }
        true
    }

    fn timeline_key(&mut self, name: &str, stage: &mut Stage<'_>) -> bool {
        let room = stage.views.open_id();
        let scroll = match name {
            "j" | "down" => Scroll::Lines(1),
            "k" | "up" => Scroll::Lines(-1),
            "C-d" => Scroll::Lines(10),
            "C-u" => Scroll::Lines(-10),
            " " => Scroll::PageDown,
            "g" | "home" => Scroll::Start,
            "G" | "end" => Scroll::End,
            "u" => Scroll::Unread,
            "h" | "left" => {
                self.focus = Focus::Rooms;
                return true;
            }
            "l" | "right" if self.members_shown() => {
                self.focus = Focus::Members;
                return true;
            }
            "o" => {
                stage.actions.push(Action::LoadTexts);
                return true;
            }
            "r" => {
                stage.actions.extend(room.map(Action::Retry));
                return true;
            }
            "x" => {
                stage.actions.extend(room.map(Action::TakeBack));
                return true;
            }
            _ => return false,
        };
        stage.actions.push(Action::Scroll(scroll));
        true
    }

    fn rooms_key(&mut self, name: &str, stage: &mut Stage<'_>) -> bool {
        let rooms = &stage.views.rooms;
        let all = isize::try_from(rooms.len()).unwrap_or(isize::MAX);
        match name {
            "j" | "down" => self.list.step(rooms, 1),
            "k" | "up" => self.list.step(rooms, -1),
            "g" | "home" => self.list.step(rooms, -all),
            "G" | "end" => self.list.step(rooms, all),
            "enter" => show(self.list.selected(), stage),
            "l" | "right" => {
                show(self.list.selected(), stage);
                self.focus = Focus::Timeline;
            }
            _ => return false,
        }
        true
    }

    fn members_key(&mut self, name: &str, views: &Views) -> bool {
        match name {
            "j" | "down" => self.scroll_members(1, views),
            "k" | "up" => self.scroll_members(-1, views),
            "g" | "home" => self.members_scroll = 0,
            "h" | "left" | "esc" => self.focus = Focus::Timeline,
            _ => return false,
        }
        true
    }

    /// The last member stays on screen.
    fn scroll_members(&mut self, by: isize, views: &Views) {
        let members = views.open.as_ref().map_or(0, |open| open.members.len());
        let to = self.members_scroll.saturating_add_signed(by);
        self.members_scroll = to.min(members.saturating_sub(1));
    }

    fn compose(&mut self, key: &KeyEvent, name: &str, stage: &mut Stage<'_>) -> Answer {
        if name == "esc" {
            self.focus = Focus::Timeline;
            return Answer::Consumed;
        }
        let width = self.area.width.saturating_sub(PROMPT_COLUMNS);
        match self.composer.key(key, width) {
            Outcome::Ignored => return Answer::Ignored,
            Outcome::Moved => {}
            Outcome::Changed => self.written(stage),
            Outcome::Submitted(text) => self.submitted(text, stage),
            Outcome::EditOutside => {
                let text = self.composer.text.as_str().to_owned();
                stage.actions.push(Action::EditOutside(text));
            }
        }
        Answer::Consumed
    }

    /// The text is another one: the draft is kept, and the others see somebody typing.
    fn written(&mut self, stage: &mut Stage<'_>) {
        let Some(room) = stage.views.open_id() else {
            return;
        };
        let text = self.composer.text.as_str();
        let talking = !text.is_empty() && !text.starts_with('/');
        let text = text.to_owned();
        stage.actions.push(Action::Draft { room, text });
        stage.actions.push(Action::Typing { room, on: talking });
    }

    fn submitted(&mut self, text: String, stage: &mut Stage<'_>) {
        let room = stage.views.open_id();
        let wrong = |text: &str| Action::Tell(Notice::bad(text));
        match (understand(&text), room) {
            (Meaning::Do(Command::Members), _) => self.toggle_members(),
            (Meaning::Do(command), room) => stage.actions.push(Action::Do { room, command }),
            (Meaning::Say(text), Some(room)) => {
                stage.actions.push(Action::Send { room, text });
                stage.actions.push(Action::Scroll(Scroll::End));
            }
            (Meaning::Say(_), None) => {
                self.composer.set(&text);
                stage.actions.push(wrong(
                    "no room is open: /join one first, or Ctrl-K to choose one",
                ));
                return;
            }
            (Meaning::Wrong(why), _) => {
                self.composer.set(&text);
                stage.actions.push(wrong(&why));
                return;
            }
        }
        self.written(stage);
    }

    /// Completes a command, a role or a name before the cursor; `false` where there is nothing to complete.
    fn complete(&mut self, stage: &Stage<'_>) -> bool {
        let text = &self.composer.text;
        let start = text.word_start();
        let word = text.as_str()[start..text.cursor()].to_owned();
        if self.focus != Focus::Composer || word.is_empty() {
            return false;
        }
        let found = match word.strip_prefix('@') {
            Some(begun) => person(stage.views, begun),
            None if start == 0 && word.starts_with('/') => {
                let mut names = COMMANDS.iter().map(|command| command.name);
                names
                    .find(|name| name.starts_with(&word))
                    .map(str::to_owned)
            }
            None if text.as_str().starts_with("/role ") => {
                let mut roles = ROLES.iter().map(|(name, _)| *name);
                roles
                    .find(|name| name.starts_with(&word))
                    .map(str::to_owned)
            }
            None => None,
        };
        match found {
            Some(with) => {
                self.composer.text.complete(start, &format!("{with} "));
                true
            }
            None => false,
        }
    }

    fn mouse(&mut self, mouse: &MouseEvent, stage: &mut Stage<'_>) -> Answer {
        let at = Position::new(mouse.column, mouse.row);
        let panes = self.panes(stage.views);
        let over = |pane: Option<Rect>| pane.is_some_and(|pane| pane.contains(at));
        let lines = match mouse.kind {
            MouseEventKind::ScrollUp => -WHEEL_LINES,
            MouseEventKind::ScrollDown => WHEEL_LINES,
            MouseEventKind::Down(MouseButton::Left) => {
                self.click(at, panes, stage);
                return Answer::Consumed;
            }
            _ => return Answer::Ignored,
        };
        if over(panes.rooms) {
            self.list.step(&stage.views.rooms, lines.signum() as isize);
        } else if over(panes.members) {
            self.scroll_members(lines as isize, stage.views);
        } else {
            stage.actions.push(Action::Scroll(Scroll::Lines(lines)));
        }
        Answer::Consumed
    }

    fn click(&mut self, at: Position, panes: crate::app::panes::Panes, stage: &mut Stage<'_>) {
        if let Some(rooms) = panes.rooms.filter(|rooms| rooms.contains(at)) {
            let rooms_at = &stage.views.rooms;
            show(
                self.list.at_line(rooms_at, at.y - rooms.y, rooms.height),
                stage,
            );
        } else if panes.timeline.contains(at) {
            self.focus = Focus::Timeline;
        } else if panes.composer.contains(at) {
            self.focus = Focus::Composer;
        } else if panes.members.is_some_and(|members| members.contains(at)) {
            self.focus = Focus::Members;
        }
    }

    /// The focus goes to the next pane, or the one before.
    fn turn(&mut self, views: &Views, by: isize) {
        let mut panes = vec![Focus::Composer, Focus::Rooms, Focus::Timeline];
        if self.members_shown() && views.open.is_some() {
            panes.push(Focus::Members);
        }
        let at = panes
            .iter()
            .position(|pane| *pane == self.focus)
            .unwrap_or(0);
        let count = panes.len() as isize;
        self.focus = panes[(at as isize + by).rem_euclid(count) as usize];
        if self.focus == Focus::Rooms && self.list.selected().is_none() {
            self.list.step(&views.rooms, 0);
        }
    }
}

fn show(room: Option<RoomId>, stage: &mut Stage<'_>) {
    stage.actions.extend(room.map(Action::Show));
}

/// The room so many places further, round and round.
fn step(views: &Views, by: isize) -> Option<RoomId> {
    let rooms = &views.rooms;
    let open = views.open_id();
    let at = rooms
        .iter()
        .position(|room| Some(room.id) == open)
        .unwrap_or(0);
    let to = (at as isize + by).rem_euclid(rooms.len().max(1) as isize);
    rooms.get(to as usize).map(|room| room.id)
}

/// The next room with something unread: mentions first.
fn next_unread(views: &Views) -> Option<RoomId> {
    let open = views.open_id();
    let others = || {
        views
            .rooms
            .iter()
            .filter(|room| Some(room.id) != open && room.unread > 0)
    };
    let mentioned = others().find(|room| room.mentioned);
    mentioned.or_else(|| others().next()).map(|room| room.id)
}

/// `@name` of the first member whose name begins so.
fn person(views: &Views, begun: &str) -> Option<String> {
    let begun = begun.to_lowercase();
    let members = &views.open.as_ref()?.members;
    let mut names = members.iter().map(|member| &member.name);
    let name = names.find(|name| name.to_lowercase().starts_with(&begun))?;
    Some(format!("@{}", sanitize_line(name, 64)))
}
