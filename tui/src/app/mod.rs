//! The app on screen.
//!
//! Architecture invariant: the loop waits for input, for news and for its clock, never for the
//! network or the disk. What takes time runs in a task and comes back as a piece of work for the
//! loop. Layers decide what keys mean and draw from plain views; they touch no core.

mod action;
mod chord;
mod command;
mod composer;
mod entrance;
mod help;
mod layer;
mod members;
mod membership;
mod outside;
mod panes;
mod perform;
mod popup;
mod post;
mod refresh;
mod rooms;
mod run;
mod screen;
mod state_line;
mod switcher;
mod talk;
mod terminal;
mod timeline;
mod views;

#[cfg(test)]
mod testing;

use std::time::Instant;

use jiff::Zoned;
use parlor_client_core::api::{Core, RoomId, Timeline};
use ratatui::layout::Rect;
use tokio::sync::mpsc;

use crate::theme::Theme;
use layer::{Answer, Canvas, Input, Layer, Stage};
use talk::Talk;
use timeline::Shape;
use views::Views;

pub(crate) use run::run;

/// A piece of work that a task hands back to the loop.
type Done = Box<dyn FnOnce(&mut App) + Send>;

/// Finished tasks whose result waits for the loop; beyond, tasks wait (the loop does not).
const MAX_DONE: usize = 64;
/// Time within which a second Ctrl-C leaves, s.
const LEAVE_WITHIN_S: u64 = 3;

/// The state of the app: the stack of layers, and what they see.
struct App {
    core: Core,
    theme: Theme,
    talk: Talk,
    /// Above the talk, topmost last.
    layers: Vec<Box<dyn Layer>>,
    views: Views,
    timeline: Option<Timeline>,
    /// How the timeline's rows were measured.
    measured: Option<(Shape, u32)>,
    /// Read up to here, as told to the core.
    marked: Option<(RoomId, u64)>,
    /// Whether the terminal has the focus: what nobody sees is not read.
    watched: bool,
    /// The first of two Ctrl-C.
    leaving: Option<Instant>,
    done: mpsc::Sender<Done>,
    posts: mpsc::Sender<post::Post>,
    /// What the loop is to do with the terminal.
    wish: Option<Wish>,
    ring: bool,
    dirty: bool,
}

/// What only the loop, which owns the terminal, can do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    Redraw,
    Suspend,
    EditOutside(String),
}

impl App {
    fn new(
        core: Core,
        theme: Theme,
        done: mpsc::Sender<Done>,
        posts: mpsc::Sender<post::Post>,
    ) -> Self {
        let views = Views {
            account: core.account(),
            link: core.link(),
            rooms: core.rooms(),
            open: None,
            now: Zoned::now(),
            notice: None,
        };
        let mut app = Self {
            core,
            theme,
            talk: Talk::default(),
            layers: Vec::new(),
            views,
            timeline: None,
            measured: None,
            marked: None,
            watched: true,
            leaving: None,
            done,
            posts,
            wish: None,
            ring: false,
            dirty: true,
        };
        app.account_changed();
        app.show_some_room();
        app
    }

    /// Gives the input to the layers from the top down, then does what they asked for.
    fn input(&mut self, input: &Input) {
        self.dirty = true;
        if matches!(input, Input::Key(_) | Input::Paste(_)) {
            self.views.notice = None;
        }
        let mut actions = Vec::new();
        let answer = self.offer(input, &mut actions);
        if answer == Answer::Ignored {
            if let Input::Key(key) = input {
                self.last_resort(&chord::chord(key));
            }
        } else if matches!(input, Input::Key(_)) {
            self.leaving = None;
        }
        for action in actions {
            self.perform(action);
        }
    }

    fn offer(&mut self, input: &Input, actions: &mut Vec<action::Action>) -> Answer {
        let mut stage = Stage {
            views: &self.views,
            actions,
        };
        for at in (0..self.layers.len()).rev() {
            match self.layers[at].input(input, &mut stage) {
                Answer::Ignored => {}
                Answer::Consumed => return Answer::Consumed,
                Answer::Close => {
                    self.layers.remove(at);
                    return Answer::Consumed;
                }
            }
        }
        self.talk.input(input, &mut stage)
    }

    /// Keys that every layer let through.
    fn last_resort(&mut self, name: &str) {
        match name {
            "C-c" => self.leave_or_warn(),
            "C-l" => self.wish = Some(Wish::Redraw),
            "C-z" => self.wish = Some(Wish::Suspend),
            "other" => self.perform(action::Action::Open(action::Overlay::Help)),
            _ => {}
        }
    }

    fn leave_or_warn(&mut self) {
        let again = self
            .leaving
            .is_some_and(|first| first.elapsed().as_secs() < LEAVE_WITHIN_S);
        if again {
            self.wish = Some(Wish::Quit);
            return;
        }
        self.leaving = Some(Instant::now());
        self.views.notice = Some(views::Notice::good(
            "Ctrl-C again leaves. Nothing is lost: unsent messages go out next time.",
        ));
    }

    /// Draws everything; ratatui sends only the cells that changed.
    fn draw(&mut self, frame: &mut ratatui::Frame<'_>) {
        let area = frame.area();
        self.prepare(area);
        let mut canvas = Canvas {
            buffer: frame.buffer_mut(),
            theme: &self.theme,
            views: &self.views,
            cursor: None,
        };
        draw_layers(&self.talk, &self.layers, area, &mut canvas);
        if let Some(cursor) = canvas.cursor {
            frame.set_cursor_position(cursor);
        }
        self.dirty = false;
    }

    /// Hands the screen's size to the timeline and reads what is visible.
    fn prepare(&mut self, area: Rect) {
        self.talk.resize(area);
        let pane = self.talk.panes(&self.views).timeline;
        let (Some(timeline), Some(open)) = (&self.timeline, &mut self.views.open) else {
            return;
        };
        let shape = Shape::new(pane.width, area.width);
        let height = u32::from(pane.height);
        match self.measured {
            Some((known, lines)) if known == shape => {
                if lines != height {
                    timeline.set_height(height);
                }
            }
            _ => timeline.measure_anew(screen::layout(height)),
        }
        self.measured = Some((shape, height));
        open.screen = timeline.screen(|message, around| timeline::height(message, around, shape));
        self.mark_read();
    }

    /// What is seen is read.
    fn mark_read(&mut self) {
        let (Some(timeline), true) = (&self.timeline, self.watched && self.layers.is_empty())
        else {
            return;
        };
        let Some(seq) = timeline.newest_visible() else {
            return;
        };
        let room = timeline.room();
        if self
            .marked
            .is_none_or(|(known, at)| known != room || at < seq)
        {
            self.marked = Some((room, seq));
            self.core.mark_read(room, seq);
        }
    }
}

/// The talk, and what floats above it.
fn draw_layers(talk: &Talk, layers: &[Box<dyn Layer>], area: Rect, canvas: &mut Canvas<'_>) {
    talk.draw(canvas);
    for layer in layers {
        canvas.cursor = None;
        layer.draw(area, canvas);
    }
}
