//! One virtual user's link: dialled, then read until it ends.

use std::time::Instant;

use parlor_client_core::net::{Connected, Dial, Flight, Link, LinkEvent};
use parlor_protocol::Frame;
use parlor_protocol::hello::GoAway;
use tokio::sync::mpsc;

use crate::plan::UserIndex;

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
    let mut events = match Link::connect(&dial, flight).await {
        Ok(Connected { link, events, .. }) => {
            if !tell(Event::Up(link)).await {
                return;
            }
            events
        }
        Err(error) => {
            tell(Event::Down(error.to_string())).await;
            return;
        }
    };
    loop {
        let event = match events.next().await {
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
