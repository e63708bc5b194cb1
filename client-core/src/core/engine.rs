//! The one task that owns the link and the rules. It moves bytes between link, rules, store and
//! state; it decides nothing that a rule decides.

mod answer;
mod entry;
mod link;
mod push;
mod room;
mod send;
mod sent;
mod user;
mod wishes;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_protocol::RoomId;
use parlor_protocol::kind::Body;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use super::inner::{Inner, ORDERS, Progress};
use super::markers::Markers;
use crate::account::Account;
use crate::api::{Change, LinkState, Notice};
use crate::net::{ConnectError, Flight, Link, RequestError, Supervisor, SupervisorEvent};
use crate::store::StoreError;
use crate::sync::{RoomSync, UserSync};
use answer::Answer;
use entry::EntryPlan;
use send::Sender;

/// Answers that wait for the engine; as many requests as one link may have under way, and some.
const ANSWERS: usize = 128;
/// How long closing may take: markers, drafts, a goodbye.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_secs(3);
/// Drafts are written this long after the first key.
const DRAFTS_EVERY: Duration = Duration::from_secs(1);
/// With nothing to do the engine looks around so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What changes the engine's course; each is answered.
#[derive(Debug)]
pub(crate) enum Order {
    /// Somebody logged in: account and token are kept already.
    LoggedIn(Box<Account>, oneshot::Sender<()>),
    /// Forget the person.
    LoggedOut(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

type Flights = Box<dyn FnMut() -> Result<Flight, ConnectError> + Send>;

pub(crate) struct Engine {
    inner: Arc<Inner>,
    orders: mpsc::Receiver<Order>,
    closing: watch::Receiver<bool>,
    supervisor: Option<Supervisor<Flights>>,
    entry: Arc<EntryPlan>,
    link: Option<Link>,
    /// Which link an answer belongs to.
    link_number: u64,
    rooms: HashMap<RoomId, RoomSync>,
    user: UserSync,
    sender: Sender,
    markers: Markers,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    drafts: HashSet<RoomId>,
    drafts_at: Option<Instant>,
    asking_names: bool,
    /// Why there is no link, for the state line.
    why: String,
}

enum Woken {
    Link(Box<SupervisorEvent>),
    Order(Option<Order>),
    Answer(Option<Answer>),
    Poked,
    Due,
    Closing,
}

impl Engine {
    /// An engine that is to be run, and how to order it.
    pub(crate) fn channel() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
        mpsc::channel(ORDERS)
    }

    pub(crate) fn new(
        inner: Arc<Inner>,
        orders: mpsc::Receiver<Order>,
        closing: watch::Receiver<bool>,
        user_rev: Option<u64>,
    ) -> Self {
        let entry = Arc::new(EntryPlan::new(
            inner.session.clone(),
            inner.options.client.clone(),
        ));
        Self {
            inner,
            orders,
            closing,
            supervisor: None,
            entry,
            link: None,
            link_number: 0,
            rooms: HashMap::new(),
            user: UserSync::new(user_rev),
            sender: Sender::new(),
            markers: Markers::default(),
            answers: mpsc::channel(ANSWERS),
            drafts: HashSet::new(),
            drafts_at: None,
            asking_names: false,
            why: String::new(),
        }
    }

    /// Runs until it is closed or nobody holds the core any more.
    pub(crate) async fn run(mut self) {
        self.start().await;
        loop {
            match self.wait().await {
                Woken::Link(event) => self.on_supervisor(*event).await,
                Woken::Order(Some(Order::Close(done))) => {
                    self.close().await;
                    // Whoever closed may have gone.
                    let _ = done.send(());
                    return;
                }
                Woken::Order(None) | Woken::Closing => return self.close().await,
                Woken::Order(Some(order)) => self.on_order(order).await,
                Woken::Answer(Some(answer)) => self.on_answer(answer).await,
                Woken::Answer(None) | Woken::Due => {}
                Woken::Poked => self.on_wishes().await,
            }
            self.tick().await;
            self.tell_progress();
        }
    }

    async fn wait(&mut self) -> Woken {
        let due = self.deadline();
        let Self {
            inner,
            orders,
            closing,
            supervisor,
            answers,
            ..
        } = self;
        let link = async {
            match supervisor {
                Some(supervisor) => supervisor.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = orders.recv() => Woken::Order(order),
            _ = closing.wait_for(|closing| *closing) => Woken::Closing,
            // Answers before pushes: they end what pushes wait for.
            answer = answers.1.recv() => Woken::Answer(answer),
            event = link => Woken::Link(Box::new(event)),
            () = inner.poked() => Woken::Poked,
            () = sleep_until(due.into()) => Woken::Due,
        }
    }

    fn deadline(&self) -> Instant {
        let rooms = self.rooms.values().filter_map(RoomSync::deadline).min();
        let known = [
            rooms,
            self.user.deadline(),
            self.markers.deadline().filter(|_| self.link.is_some()),
            self.drafts_at,
            Some(self.sender.deadline(self.link.is_some())),
        ];
        let soonest = known.into_iter().flatten().min();
        soonest
            .unwrap_or_else(Instant::now)
            .min(Instant::now() + LOOK_EVERY)
    }

    /// Time has passed.
    async fn tick(&mut self) {
        let now = Instant::now();
        self.user.tick(now);
        self.user_steps().await;
        let due: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, sync)| sync.deadline().is_some_and(|at| at <= now))
            .map(|(room, _)| *room)
            .collect();
        for room in due {
            self.with_room(room, |sync| sync.tick(now)).await;
        }
        if self.drafts_at.is_some_and(|at| at <= now) {
            self.write_drafts().await;
        }
        self.send_markers(false);
        self.send_due().await;
        self.ask_names();
    }

    async fn on_order(&mut self, order: Order) {
        match order {
            Order::LoggedIn(account, done) => {
                self.inner.state().account = Some(*account);
                self.start().await;
                let _ = done.send(());
            }
            Order::LoggedOut(done) => {
                let result = self.forget_person().await;
                let _ = done.send(result);
            }
            // Handled where the engine runs.
            Order::Close(_) => {}
        }
    }

    /// Begins to keep a link for the person there is.
    async fn start(&mut self) {
        let Some(account) = self.inner.state().me().cloned() else {
            return;
        };
        self.reload_outbox().await;
        self.load_markers().await;
        if !self.inner.options.connect {
            return;
        }
        self.stop_link().await;
        self.dial(&account);
        self.inner.progress.send_replace(Progress::Working);
    }

    async fn stop_link(&mut self) {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.end().await;
        }
        self.link_lost();
    }

    /// What was on its way is on no link any more.
    fn link_lost(&mut self) {
        self.link = None;
        self.rooms.values_mut().for_each(RoomSync::link_lost);
        self.user.link_lost();
        self.sender.link_lost();
        self.markers.link_lost();
        let mut state = self.inner.state();
        state.live = None;
        state
            .rooms
            .values_mut()
            .for_each(|room| room.current = false);
    }

    /// Leaves nothing half done, within [`CLOSE_WITHIN`].
    async fn close(&mut self) {
        let farewell = async {
            self.on_wishes().await;
            self.write_drafts().await;
            self.send_markers(true);
            self.keep_markers().await;
            self.release_leases().await;
            if let Some(supervisor) = self.supervisor.take() {
                supervisor.end().await;
            }
        };
        // What does not get there in time is sent again by whoever opens the profile next.
        let _ = tokio::time::timeout(CLOSE_WITHIN, farewell).await;
        self.inner.progress.send_replace(Progress::Closed);
        let readers = std::mem::take(&mut self.inner.state().readers);
        readers
            .iter()
            .filter_map(std::sync::Weak::upgrade)
            .for_each(|queue| queue.close());
        self.inner.outbox_moved.notify_waiters();
        // A reader that still holds a connection gives it back when it ends.
        let stores = async { tokio::join!(self.inner.content.close(), self.inner.outbox.close()) };
        let _ = tokio::time::timeout(CLOSE_WITHIN, stores).await;
    }

    fn tell_progress(&self) {
        let progress = {
            let state = self.inner.state();
            let held = |room: &RoomId| self.rooms.get(room).is_some_and(RoomSync::is_settled);
            match (&state.link, &state.account) {
                (_, None) => Progress::Idle,
                (
                    _,
                    Some(Account {
                        ended: Some(why), ..
                    }),
                ) => Progress::Ended { why: why.clone() },
                (LinkState::Stopped { why, .. }, _) => Progress::Stopped {
                    code: state.stop_code,
                    why: why.clone(),
                },
                (LinkState::Online, _)
                    if self.user.is_current() && state.wishes.holds.keys().all(held) =>
                {
                    Progress::Current
                }
                (LinkState::Idle, _) => Progress::Idle,
                _ => Progress::Working,
            }
        };
        self.inner.progress.send_if_modified(|before| {
            let changed = *before != progress;
            *before = progress;
            changed
        });
    }

    /// Asks the server; the answer comes back to the engine.
    fn ask<Q: Body + 'static, R: Body + Send + 'static>(
        &self,
        question: &Q,
        answer: impl FnOnce(u64, Result<R, RequestError>) -> Answer + Send + 'static,
    ) {
        let Some(link) = &self.link else { return };
        let asked = link.request::<Q, R>(question);
        let (answers, number) = (self.answers.0.clone(), self.link_number);
        tokio::spawn(async move {
            // An engine that has ended wants no answers.
            let _ = answers.send(answer(number, asked.await)).await;
        });
    }

    /// Tells every face.
    fn tell(&self, change: Change) {
        self.inner.state().tell(change);
    }

    /// A failure of the store that the person must know of.
    fn tell_store(&self, error: &StoreError) {
        tracing::warn!(%error, "the store failed");
        let notice = Notice {
            code: error.code(),
            message: error.to_string(),
            help: String::new(),
        };
        self.tell(Change::Notice(notice));
    }
}
