//! A person's link as a test holds it: a task reads it, what it brings waits in order.

use std::time::Duration;

use parlor_client_core::net::{CloseReason, Connected, Link, LinkEvent, RequestError};
use parlor_protocol::account::{ListSessions, Session, Sessions};
use parlor_protocol::frame::Frame;
use parlor_protocol::hello::{Entered, GoAway, Welcome};
use parlor_protocol::message::{Message, Page, Place, Posted};
use parlor_protocol::room::RoomDone;
use parlor_protocol::sync::{RoomBatch, RoomEntry, RoomOpened, UserBatch, UserChanges, UserEntry};
use parlor_protocol::{Body, Code, Refusal, RoomId, UserId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::ask;

/// How long a test waits for something that is to come: far above what it takes, since nothing
/// here measures.
pub const COMES_WITHIN: Duration = Duration::from_secs(20);
/// Events that wait for the test; a test that lets more pile up has forgotten to read.
const EVENTS: usize = 65_536;

/// A link in use.
#[derive(Debug)]
pub struct Device {
    pub link: Link,
    pub welcome: Welcome,
    pub entered: Entered,
    events: mpsc::Receiver<LinkEvent>,
    reader: JoinHandle<()>,
}

impl Device {
    pub fn new(connected: Connected) -> Self {
        let Connected {
            link,
            mut events,
            welcome,
            entered,
        } = connected;
        let (sender, received) = mpsc::channel(EVENTS);
        let reader = tokio::spawn(async move {
            loop {
                let event = events.next().await;
                let last = matches!(event, LinkEvent::Closed(_));
                if sender.send(event).await.is_err() || last {
                    return;
                }
            }
        });
        Self {
            link,
            welcome,
            entered,
            events: received,
            reader,
        }
    }

    pub fn user(&self) -> UserId {
        self.entered.user
    }

    /// Asks; anything but a reply or a refusal fails the test.
    ///
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// Where the link broke or the reply cannot be read.
    pub async fn try_ask<Q: Body, R: Body>(&self, request: &Q) -> Result<R, Refusal> {
        match self.link.request(request).await {
            Ok(reply) => Ok(reply),
            Err(RequestError::Refused(refusal)) => Err(refusal),
            Err(error) => panic!("{:?} was not answered: {error}", Q::KIND),
        }
    }

    /// Asks for what must be granted.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn ask<Q: Body, R: Body>(&self, request: &Q) -> R {
        match self.try_ask(request).await {
            Ok(reply) => reply,
            Err(refusal) => panic!("{:?} was refused: {refusal:?}", Q::KIND),
        }
    }

    /// Asks for what must be refused.
    ///
    /// # Panics
    /// Where it is granted.
    pub async fn refused<Q: Body>(&self, request: &Q) -> Code {
        match self.link.request::<Q, AnyReply>(request).await {
            Err(RequestError::Refused(refusal)) => refusal.code,
            other => panic!("{:?} was not refused: {other:?}", Q::KIND),
        }
    }

    pub async fn post(&self, room: RoomId, text: &str) -> Posted {
        self.ask(&ask::post(room, text)).await
    }

    pub async fn done<Q: Body>(&self, request: &Q) -> RoomDone {
        self.ask(request).await
    }

    /// Opens a room anew, with its newest page.
    pub async fn open(&self, room: RoomId) -> RoomOpened {
        self.ask(&ask::open(room, None, 50)).await
    }

    pub async fn newest(&self, room: RoomId) -> Page {
        self.ask(&ask::page(room, Place::NEWEST, 0, 200)).await
    }

    /// The person's sessions.
    pub async fn sessions(&self) -> Vec<Session> {
        let listed: Sessions = self.ask(&ListSessions::default()).await;
        listed.sessions
    }

    /// The person's whole list of rooms and markers.
    pub async fn all_of_mine(&self) -> UserChanges {
        self.ask(&ask::sync_user(None)).await
    }

    /// The next thing that the link brings.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub async fn next(&mut self) -> LinkEvent {
        match timeout(COMES_WITHIN, self.events.recv()).await {
            Ok(Some(event)) => event,
            Ok(None) => panic!("the link had ended before"),
            Err(_) => panic!("nothing came within {COMES_WITHIN:?}"),
        }
    }

    /// The next push of a type; others are passed over.
    ///
    /// # Panics
    /// When the link ends or nothing comes in time.
    pub async fn push<B: Body>(&mut self) -> B {
        loop {
            match self.next().await {
                LinkEvent::Push(frame) | LinkEvent::Signal(frame)
                    if frame.header.kind == B::KIND =>
                {
                    return opened(&frame);
                }
                LinkEvent::Closed(why) => panic!("the link ended: {why}"),
                _ => {}
            }
        }
    }

    /// The next message pushed of a room.
    pub async fn message(&mut self, room: RoomId) -> Message {
        loop {
            let batch: RoomBatch = self.push().await;
            if batch.room != room {
                continue;
            }
            for entry in batch.entries {
                if let Ok(RoomEntry::Message(message)) = entry.open_room() {
                    return message;
                }
            }
        }
    }

    /// The next user entry that the test looks for.
    pub async fn own_entry(&mut self, mut wanted: impl FnMut(&UserEntry) -> bool) -> UserEntry {
        loop {
            let batch: UserBatch = self.push().await;
            let entries = batch.entries.iter().filter_map(|it| it.open_user().ok());
            if let Some(entry) = entries.into_iter().find(|it| wanted(it)) {
                return entry;
            }
        }
    }

    pub async fn go_away(&mut self) -> GoAway {
        loop {
            match self.next().await {
                LinkEvent::GoAway(go_away) => return *go_away,
                LinkEvent::Closed(why) => panic!("the link ended: {why}"),
                _ => {}
            }
        }
    }

    /// Waits for the link's end.
    pub async fn closed(&mut self) -> CloseReason {
        loop {
            if let LinkEvent::Closed(why) = self.next().await {
                return why;
            }
        }
    }

    /// Everything that has come so far and was not looked at.
    pub fn waiting(&mut self) -> Vec<LinkEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    pub async fn leave(self) {
        self.link.goodbye().await;
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn opened<B: Body>(frame: &Frame) -> B {
    match frame.open() {
        Ok(body) => body,
        Err(error) => panic!("{:?} cannot be read: {error}", frame.header.kind),
    }
}

/// For requests whose granted reply would fail the test anyway: no reply is of this type.
type AnyReply = Refusal;
