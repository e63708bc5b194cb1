//! One virtual user's link: dialled, then read until it ends.

use std::pin::pin;
use std::time::{Duration, Instant};

use parlor_client_core::net::probe::{FOREGROUND_QUIET, PROMPT_ANSWER};
use parlor_client_core::net::{Connected, Dial, Flight, Link, LinkEvent};
use parlor_protocol::Frame;
use parlor_protocol::hello::GoAway;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::plan::UserIndex;

/// Silence after which a virtual user, too, gives a link up: as a client that somebody looks at.
const SILENT: Duration = FOREGROUND_QUIET.saturating_add(PROMPT_ANSWER);
/// How often it looks; thousands of users share one thread.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a link tells, and which life of the user's link tells it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) user: UserIndex,
    pub(super) life: u32,
    pub(super) at: Instant,
    pub(super) event: Event,
}

#[derive(Debug)]
pub(super) enum Event {
    Up(Link),
    Push(Frame),
    Reply(u32, Frame),
    Signal(Frame),
    GoAway(Box<GoAway>),
    Down(String),
    /// The server fell silent: a client dials elsewhere at once.
    Silent,
}

/// Dials and reads. Ends when the link does, or when nobody listens any more.
pub(super) async fn run(
    user: UserIndex,
    life: u32,
    dial: Dial,
    flight: Flight,
    to: mpsc::Sender<Told>,
) {
    let tell = async |event| {
        let at = Instant::now();
        let told = Told {
            user,
            life,
            at,
            event,
        };
        to.send(told).await.is_ok()
    };
    let (link, mut events) = match Link::connect(&dial, flight).await {
        Ok(Connected { link, events, .. }) => {
            if !tell(Event::Up(link.clone())).await {
                return;
            }
            (link, events)
        }
        Err(error) => {
            tell(Event::Down(error.to_string())).await;
            return;
        }
    };
    let (mut datagrams, mut heard_at) = (link.heard(), Instant::now());
    let mut look = pin!(sleep(LOOK_EVERY));
    loop {
        let event = tokio::select! {
            biased;
            event = events.next() => event,
            () = look.as_mut() => {
                let now = Instant::now();
                let heard = link.heard();
                if heard != datagrams {
                    (datagrams, heard_at) = (heard, now);
                } else if now - heard_at >= SILENT {
                    link.close();
                    tell(Event::Silent).await;
                    return;
                }
                // Given up when its time is over, not at the next look.
                let next = (now + LOOK_EVERY).min(heard_at + SILENT);
                look.as_mut().reset(next.into());
                continue;
            }
        };
        heard_at = Instant::now();
        let event = match event {
            LinkEvent::Push(frame) => Event::Push(frame),
            LinkEvent::Reply { request, frame } => Event::Reply(request, frame),
            LinkEvent::Signal(frame) => Event::Signal(frame),
            LinkEvent::GoAway(go_away) => Event::GoAway(go_away),
            LinkEvent::Closed(reason) => {
                tell(Event::Down(reason.to_string())).await;
                return;
            }
        };
        if !tell(event).await {
            return;
        }
    }
}
