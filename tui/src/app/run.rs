//! The loop: input, news, finished work, the clock; then one draw for all of them.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures_util::StreamExt;
use parlor_client_core::api::{Attention, Changes, Core};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until};

use super::layer::Input;
use super::terminal::Screen;
use super::views::Notice;
use super::{App, MAX_DONE, Wish, outside, post};
use crate::theme::{Wish as ThemeWish, detect};

/// Time between two draws at least: 60 a second.
const FRAME: Duration = Duration::from_micros(16_667);
/// How often the clock on the state line is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Opens the app in this terminal and returns when the person leaves.
pub(crate) async fn run(core: Core, changes: Changes, theme: ThemeWish) -> io::Result<()> {
    let theme = detect(theme, |name| std::env::var(name).ok());
    let (done, finished) = mpsc::channel(MAX_DONE);
    let (posts, written) = mpsc::channel(post::MAX_POSTS);
    let poster = tokio::spawn(post::run(core.clone(), written, done.clone()));
    let screen = Screen::open()?;
    let app = App::new(core, theme, done, posts);
    let left = Loop {
        app,
        screen,
        changes,
        finished,
        drawn: None,
    };
    let outcome = left.turn().await;
    // What was typed before leaving reaches the outbox: the poster ends when its queue is empty.
    let _ = poster.await;
    outcome
}

struct Loop {
    app: App,
    screen: Screen,
    changes: Changes,
    finished: mpsc::Receiver<super::Done>,
    /// When the screen was drawn last.
    drawn: Option<Instant>,
}

impl Loop {
    async fn turn(mut self) -> io::Result<()> {
        let mut keys = EventStream::new();
        let mut tick = interval(TICK);
        let mut signals = Signals::new()?;
        loop {
            let due = self.drawn.map_or_else(Instant::now, |drawn| drawn + FRAME);
            tokio::select! {
                // Input first: nothing that arrives may delay what is typed.
                biased;
                event = keys.next() => match event {
                    Some(event) => self.event(event?),
                    None => return Ok(()),
                },
                () = signals.ended() => return Ok(()),
                () = sleep_until(due), if self.app.dirty => self.draw()?,
                change = self.changes.next() => self.changed(change),
                Some(work) = self.finished.recv() => {
                    self.app.dirty = true;
                    work(&mut self.app);
                }
                _ = tick.tick() => self.app.tick(),
            }
            match self.app.wish.take() {
                None => {}
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Redraw) => {
                    self.screen.redraw()?;
                    self.app.dirty = true;
                }
                Some(wish) => {
                    // Nobody may read the keys that are meant for somebody else.
                    drop(keys);
                    self.lend(wish)?;
                    keys = EventStream::new();
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                self.app.input(&Input::Key(key));
            }
            Event::Paste(text) => self.app.input(&Input::Paste(text)),
            Event::Mouse(mouse) => self.app.input(&Input::Mouse(mouse)),
            Event::FocusGained => self.watch(true),
            Event::FocusLost => self.watch(false),
            Event::Resize(..) => self.app.dirty = true,
            Event::Key(_) => {}
        }
    }

    fn watch(&mut self, watched: bool) {
        self.app.watched = watched;
        self.app.dirty |= watched;
        self.app.core.set_attention(match watched {
            true => Attention::Foreground,
            false => Attention::Background,
        });
    }

    /// This change and all that wait: one draw shows them.
    fn changed(&mut self, first: parlor_client_core::api::Change) {
        self.app.changed(first);
        while let Some(change) = self.changes.try_next() {
            let closed = change == parlor_client_core::api::Change::Closed;
            self.app.changed(change);
            if closed {
                return;
            }
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.app.ring) {
            self.screen.ring()?;
        }
        let app = &mut self.app;
        self.screen.terminal.draw(|frame| app.draw(frame))?;
        self.drawn = Some(Instant::now());
        Ok(())
    }

    fn lend(&mut self, wish: Wish) -> io::Result<()> {
        self.app.dirty = true;
        match wish {
            Wish::EditOutside(text) => match self.screen.lend(|| outside::edit(&text))? {
                Ok(edited) => self.app.talk.composer.set(&edited),
                Err(why) => self.app.views.notice = Some(Notice::bad(why)),
            },
            Wish::Suspend => {
                self.screen.lend(outside::suspend)?;
                self.app.core.wake();
            }
            Wish::Quit | Wish::Redraw => {}
        }
        Ok(())
    }
}

/// What ends a program from outside.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
        ]))
    }

    async fn ended(&mut self) {
        let [terminate, hangup, interrupt] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn ended(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
