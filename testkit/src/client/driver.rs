//! The task of a recorded client: moves what the rules say, writes down what happened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use parlor_client_core::net::supervisor::SupervisorEvent;
use parlor_client_core::net::{ConnectError, Dial, Flight, Link, NewLink, Supervisor, hello};
use parlor_client_core::outbox::ToSend;
use parlor_client_core::sync::{PageInFlight, UserStep};
use parlor_protocol::hello::{Enter, Token};
use parlor_protocol::session::Entry as EntryWay;
use parlor_protocol::sync::{Entry, UserEntry};
use parlor_protocol::{Body, Extensions, RoomId, SendKey, UserId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use super::held::Room;
use super::outbox::Waiting;
use super::state::State;
use super::{Command, MembershipChange, Progress};
use crate::ask;
use crate::checker::{Event, MemberChange, TextHash};

/// Messages of one page.
pub(super) const PAGE: u16 = 100;
/// Looks at the clock at least so often.
const IDLE: Duration = Duration::from_secs(1);
/// Pause before a link that nothing will bring back by itself is asked for all the same.
const RETRY: Duration = Duration::from_secs(1);

/// What a request was for.
#[derive(Debug)]
pub(super) enum Asked {
    Mine,
    Open(RoomId),
    Changes(RoomId),
    Page(RoomId),
    /// What happened since a page was read.
    PageChanges(RoomId, PageInFlight),
    Post(SendKey),
    Change(Waiting),
    Mark(RoomId, u64),
    Close,
}

/// What the next dial says of this client.
#[derive(Debug)]
struct Card {
    token: Token,
    epoch: u64,
}

type Dialler = Box<dyn FnMut() -> Result<Flight, ConnectError> + Send>;

pub(super) struct Driver {
    pub(super) state: State,
    supervisor: Supervisor<Dialler>,
    card: Arc<Mutex<Card>>,
    pub(super) link: Option<Link>,
    pub(super) asked: HashMap<u32, Asked>,
    /// The list of rooms is whole on this link: rooms may be opened.
    listed: bool,
    shown: watch::Sender<Progress>,
    /// Who waits for what they said to be shown.
    awaited: Vec<oneshot::Sender<()>>,
}

impl Driver {
    pub(super) fn new(state: State, dial: Dial, shown: watch::Sender<Progress>) -> Self {
        let card = Arc::new(Mutex::new(Card {
            token: state.token.clone(),
            epoch: state.epoch,
        }));
        let held = card.clone();
        let dialler: Dialler = Box::new(move || {
            let card = held.lock().unwrap_or_else(PoisonError::into_inner);
            let enter = Enter {
                token: card.token.clone(),
                ext: Extensions::NONE,
            };
            let entry = EntryWay::Token(enter);
            Ok(Flight::new(&hello("testkit", card.epoch), &entry))
        });
        let supervisor = Supervisor::new(dial, dialler);
        Self {
            state,
            supervisor,
            card,
            link: None,
            asked: HashMap::new(),
            listed: false,
            shown,
            awaited: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) -> State {
        loop {
            self.work(Instant::now());
            let due = self.deadline();
            tokio::select! {
                event = self.supervisor.next() => self.on_event(event),
                command = commands.recv() => match command {
                    None | Some(Command::Crash) => return self.state,
                    Some(command) => self.on_command(command),
                },
                () = sleep_until(due.into()) => self.tick(Instant::now()),
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Say { room, text } => self.state.outbox.say(room, text),
            Command::Change { room, change } => {
                self.state.outbox.change(room, change);
                // Who leaves does not look any more.
                if change == MembershipChange::Leave {
                    self.state.drop_room(room);
                }
            }
            Command::Mark { room } => {
                let head = self.state.rooms.get(&room).map_or(0, Room::head);
                if head > 0 {
                    self.ask(&ask::mark(room, head), Asked::Mark(room, head));
                }
            }
            Command::Reach(answer) => self.awaited.push(answer),
            Command::Crash => {}
        }
    }

    fn on_event(&mut self, event: SupervisorEvent) {
        match event {
            SupervisorEvent::Connected(new) => self.connected(*new),
            SupervisorEvent::Link(event) => self.arrived(event),
            SupervisorEvent::Lost(reason) => {
                self.state.erred(format!("the link was lost: {reason}"));
                self.lost();
            }
            SupervisorEvent::Failed(error) => {
                self.state.erred(format!("a dial failed: {error}"));
                if !error.is_transient() {
                    self.state.record(Event::Note {
                        text: format!("a dial failed: {error}"),
                    });
                }
            }
            SupervisorEvent::State(_) => {}
        }
    }

    fn connected(&mut self, new: NewLink) {
        self.lost();
        let NewLink {
            link,
            welcome,
            entered,
        } = new;
        self.link = Some(link);
        self.state.links += 1;
        let here = welcome.nodes.into_iter().next();
        self.state.node = here.map(|node| node.address).unwrap_or_default();
        let epoch = welcome.epoch.0;
        self.state.record(Event::Connected { epoch });
        if epoch != self.state.epoch {
            self.state.begin_epoch(epoch);
        }
        if let Some(token) = entered.token {
            self.state.token = token;
        }
        let mut card = self.card.lock().unwrap_or_else(PoisonError::into_inner);
        *card = Card {
            token: self.state.token.clone(),
            epoch,
        };
        drop(card);
        self.state.mine.link_up(false);
    }

    fn lost(&mut self) {
        self.link = None;
        self.listed = false;
        self.asked.clear();
        self.state.mine.link_lost();
        for room in self.state.rooms.values_mut() {
            room.sync.link_lost();
            room.filling = false;
        }
        self.state.outbox.link_lost();
    }

    fn tick(&mut self, now: Instant) {
        self.state.mine.tick(now);
        self.state
            .rooms
            .values_mut()
            .for_each(|room| room.sync.tick(now));
        if self.supervisor.state() == parlor_client_core::net::LinkState::Offline {
            self.supervisor.retry_now();
        }
    }

    fn deadline(&self) -> Instant {
        let rooms = self
            .state
            .rooms
            .values()
            .filter_map(|room| room.sync.deadline());
        let offline = self.supervisor.state() == parlor_client_core::net::LinkState::Offline;
        let idle = Instant::now() + if offline { RETRY } else { IDLE };
        rooms
            .chain(self.state.mine.deadline())
            .chain(self.state.outbox.deadline())
            .fold(idle, Instant::min)
    }

    /// Does all that the rules ask for now.
    fn work(&mut self, now: Instant) {
        while let Some(step) = self.state.mine.poll() {
            self.user_step(step);
        }
        let rooms: Vec<RoomId> = self.state.rooms.keys().copied().collect();
        for room in rooms {
            self.room_steps(room, false);
            self.fill(room);
        }
        self.send(now);
        self.show();
    }

    // ---- the person's own

    fn user_step(&mut self, step: UserStep) {
        match step {
            UserStep::Ask { since } => self.ask(&ask::sync_user(since), Asked::Mine),
            UserStep::Apply { entries, .. } => entries.iter().for_each(|it| self.user_entry(it)),
            UserStep::Heads(heads) => {
                for head in heads {
                    if let Some(room) = self.state.rooms.get_mut(&head.room) {
                        room.sync.raise(head.rev, Instant::now());
                    }
                }
            }
            UserStep::KeepOnly(listed) => {
                let gone: Vec<RoomId> = self.state.rooms.keys().copied().collect();
                for room in gone.into_iter().filter(|room| !listed.contains(room)) {
                    self.state.drop_room(room);
                }
            }
            UserStep::Impossible => self.begin_anew(),
        }
        if self.link.is_some() && !self.listed && self.state.mine.is_current() {
            self.listed = true;
            self.state
                .rooms
                .values_mut()
                .for_each(|room| room.sync.link_up());
        }
    }

    fn user_entry(&mut self, entry: &Entry) {
        match entry.open_user() {
            Ok(UserEntry::Room(summary)) => {
                let room = summary.room;
                self.state.record(Event::MembershipAcknowledged {
                    room,
                    user: self.state.user,
                    change: MemberChange::Joined,
                    rev: summary.rev,
                });
                // Removed and brought back while away: the time before is not to be seen.
                let moved = self
                    .state
                    .rooms
                    .get(&room)
                    .is_some_and(|held| held.visible_from < summary.visible_from);
                if moved {
                    self.state.drop_room(room);
                }
                if self.state.outbox.is_leaving(room) {
                    return;
                }
                let listed = self.listed;
                let held = self.state.rooms.entry(room).or_insert_with(Room::new);
                held.summary(&summary);
                if listed {
                    held.sync.link_up();
                }
                held.sync.want();
            }
            Ok(UserEntry::RoomGone(gone)) => self.state.drop_room(gone.room),
            _ => {}
        }
    }

    /// The server is another than the one that was known, whatever its epoch says.
    pub(super) fn begin_anew(&mut self) {
        let text = "the server stands below what is held".to_owned();
        self.state.record(Event::Note { text });
        self.state.drop_content();
        self.state.mine.link_up(false);
    }

    // ---- sending

    fn send(&mut self, now: Instant) {
        if self.link.is_none() {
            return;
        }
        while let Some((room, ToSend { key, after }, text)) = self.state.outbox.next_post(now) {
            let mut post = ask::post(room, &text);
            (post.send_key, post.after) = (key, after);
            self.state.record(Event::Invoked {
                room,
                timeline: 0,
                send_key: key,
                after,
                text_hash: TextHash::of(&text),
            });
            if !self.try_ask(&post, Asked::Post(key)) {
                self.state.outbox.not_sent(room, key, now);
                break;
            }
        }
        if let Some(waiting) = self.state.outbox.next_change(now) {
            self.send_change(waiting, now);
        }
    }

    fn send_change(&mut self, waiting: Waiting, now: Instant) {
        let Waiting { key, room, change } = waiting;
        let asked = Asked::Change(waiting);
        let sent = match change {
            MembershipChange::Join => {
                let request = parlor_protocol::room::JoinRoom {
                    send_key: key,
                    ..ask::join(room)
                };
                self.try_ask(&request, asked)
            }
            MembershipChange::Leave => {
                let request = parlor_protocol::room::LeaveRoom {
                    send_key: key,
                    ..ask::leave(room)
                };
                self.try_ask(&request, asked)
            }
            MembershipChange::Add(user) => {
                let add = ask::add(room, user);
                self.try_ask(
                    &parlor_protocol::room::AddMember {
                        send_key: key,
                        ..add
                    },
                    asked,
                )
            }
            MembershipChange::Remove(user) => {
                let remove = ask::remove(room, user);
                self.try_ask(
                    &parlor_protocol::room::RemoveMember {
                        send_key: key,
                        ..remove
                    },
                    asked,
                )
            }
        };
        if !sent {
            self.state.outbox.change_again(now);
        }
    }

    pub(super) fn ask<B: Body>(&mut self, request: &B, why: Asked) {
        if let Err(why) = self.fire(request, why) {
            self.unanswered(why);
        }
    }

    fn try_ask<B: Body>(&mut self, request: &B, why: Asked) -> bool {
        self.fire(request, why).is_ok()
    }

    fn fire<B: Body>(&mut self, request: &B, why: Asked) -> Result<(), Asked> {
        match self.link.as_ref().map(|link| link.fire(request)) {
            Some(Ok(number)) => {
                self.asked.insert(number, why);
                Ok(())
            }
            _ => Err(why),
        }
    }

    /// A question could not be sent, or its answer says "not now".
    pub(super) fn unanswered(&mut self, why: Asked) {
        let (now, again) = (Instant::now(), Some(Duration::ZERO));
        match why {
            Asked::Mine => self.state.mine.failed(again, now),
            Asked::Open(room) => {
                if let Some(held) = self.state.rooms.get_mut(&room) {
                    held.sync.open_failed(again, now);
                }
            }
            Asked::Changes(room) => {
                if let Some(held) = self.state.rooms.get_mut(&room) {
                    held.sync.changes_failed(again, now);
                }
            }
            Asked::Page(room) | Asked::PageChanges(room, _) => {
                if let Some(held) = self.state.rooms.get_mut(&room) {
                    held.filling = false;
                }
            }
            Asked::Change(_) => self.state.outbox.change_again(now),
            Asked::Post(_) | Asked::Mark(..) | Asked::Close => {}
        }
    }

    fn show(&mut self) {
        let rooms = || self.state.rooms.iter();
        let current = self.link.is_some()
            && self.listed
            && self.state.mine.is_current()
            && rooms().all(|(_, room)| room.sync.is_current() && room.is_whole());
        let opened = rooms().filter(|(_, room)| room.opened);
        let progress = Progress {
            linked: self.link.is_some(),
            links: self.state.links,
            node: self.state.node.clone(),
            errors: self.state.errors,
            error: self.state.error.clone(),
            unsent: self.state.outbox.len(),
            current,
            rooms: opened.map(|(room, held)| (*room, held.applied)).collect(),
            listed: self.state.rooms.len(),
            acknowledged: self.state.acknowledged,
        };
        self.shown.send_if_modified(|shown| {
            let changed = *shown != progress;
            *shown = progress;
            changed
        });
        for awaited in self.awaited.drain(..) {
            // Whoever does not wait any more does not mind.
            let _ = awaited.send(());
        }
    }
}

pub(super) fn membership(room: RoomId, user: UserId, joined: bool, rev: u64) -> Event {
    let change = if joined {
        MemberChange::Joined
    } else {
        MemberChange::Removed
    };
    Event::MembershipAcknowledged {
        room,
        user,
        change,
        rev,
    }
}
