//! One installation's live link: made, watched, moved and made again.
//!
//! A driver: when to dial is decided by `course` and [`backoff`](super::backoff), whether the link
//! lives by [`probe`](super::probe), which node by `nodes`. Nothing runs in the background but
//! the farewell to a link that was left: whoever polls [`Supervisor::next`] drives it.

mod course;
mod nodes;
mod retire;
mod upgrade;
mod watch;

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::time::{Duration, Instant};

use parlor_protocol::hello::{Entered, GoAway, Welcome};
use parlor_protocol::link::ServerAddress;
use tokio::time::sleep_until;

pub use course::LinkState;

use super::dial::{Dial, Over};
use super::error::ConnectError;
use super::link::{CloseReason, Connected, Flight, Link, LinkEvent, LinkEvents, Transport};
use super::probe::{Action, Attention, Pace};
use super::target::Target;
use course::{Course, Failure};
use nodes::Nodes;
use upgrade::Upgrade;
use watch::{Clocks, Watch};

/// How often a client without a link looks whether its machine slept: a pause from before says
/// nothing after.
const WAKE_SAMPLE: Duration = Duration::from_secs(2);

/// What comes out of a supervisor.
#[derive(Debug)]
pub enum SupervisorEvent {
    /// A link is up and entered, in place of the one before if there was one: send on this one from
    /// now on. Requests on a link that was moved from are still answered for a while.
    Connected(Box<NewLink>),
    /// Something arrived; never `GoAway`, never `Closed`.
    Link(LinkEvent),
    /// The link ended and there is no other yet.
    Lost(CloseReason),
    /// A dial failed. Another follows, unless the state turns to [`LinkState::Offline`].
    Failed(ConnectError),
    /// For the state line.
    State(LinkState),
}

/// A link that is up.
#[derive(Debug)]
pub struct NewLink {
    pub link: Link,
    pub welcome: Welcome,
    pub entered: Entered,
}

/// Keeps one link to an installation.
pub struct Supervisor<F> {
    dial: Dial,
    first_flight: F,
    course: Course,
    current: Option<Current>,
    dialling: Option<Dialling>,
    /// When a link over TCP looks whether UDP gets through again, and the dial that looks.
    upgrade: Upgrade,
    upgrading: Option<Dialling>,
    nodes: Nodes,
    /// What the dial under way began with.
    first_place: Option<ServerAddress>,
    /// Told before anything else; at most a handful, see [`Supervisor::tell_state`].
    told: VecDeque<SupervisorEvent>,
    state: LinkState,
    clocks: Clocks,
}

type Dialling = Pin<Box<dyn Future<Output = Result<Connected, ConnectError>> + Send>>;

struct Current {
    link: Link,
    events: LinkEvents,
    watch: Watch,
}

/// What one wait brought.
enum Woken {
    Event(LinkEvent),
    Dialled(Box<Result<Connected, ConnectError>>),
    Upgraded(Box<Result<Connected, ConnectError>>),
    Due,
}

impl<F: FnMut() -> Result<Flight, ConnectError> + Send> Supervisor<F> {
    /// Dials when first polled. `first_flight` is asked for hello, entry and first requests at each
    /// dial: by then the newest token and revs count, so keep them up to date with every event. Its
    /// error counts as a failed dial.
    pub fn new(dial: Dial, first_flight: F) -> Self {
        Self {
            dial,
            first_flight,
            course: Course::new(clock()),
            current: None,
            dialling: None,
            upgrade: Upgrade::new(),
            upgrading: None,
            nodes: Nodes::default(),
            first_place: None,
            told: VecDeque::new(),
            state: LinkState::Connecting,
            clocks: Clocks::new(clock()),
        }
    }

    /// With the nodes that an earlier link was told of: the installation is found though its address
    /// is dead.
    #[must_use]
    pub fn remembering(mut self, nodes: &[ServerAddress]) -> Self {
        self.nodes = Nodes::remembered(nodes);
        self
    }

    /// The next event. Cancel-safe.
    pub async fn next(&mut self) -> SupervisorEvent {
        loop {
            self.start_dial();
            self.start_upgrade();
            self.tell_state();
            if let Some(event) = self.told.pop_front() {
                return event;
            }
            match self.wait().await {
                Woken::Event(event) => {
                    if let Some(event) = self.on_event(event) {
                        return event;
                    }
                }
                Woken::Dialled(result) => self.on_dialled(*result),
                Woken::Upgraded(result) => self.on_upgraded(*result),
                Woken::Due => self.look(),
            }
        }
    }

    pub fn state(&self) -> LinkState {
        self.state
    }

    /// The live link, if there is one.
    pub fn link(&self) -> Option<&Link> {
        self.current.as_ref().map(|current| &current.link)
    }

    /// The machine's addresses or routes changed, or it woke: ask at once, dial at once.
    pub fn route_changed(&mut self) {
        // Where no socket can be had now, the old one may still do, or the next dial says why not.
        let _ = self.dial.endpoint.rebind();
        self.course.start_anew(clock());
        self.upgrade.start_anew(clock());
        if let Some(current) = &mut self.current {
            current.watch.route_changed();
        }
    }

    /// A face appeared or went away.
    pub fn set_attention(&mut self, attention: Attention) {
        self.dial.attention = attention;
        if let Some(current) = &mut self.current {
            current.watch.set_attention(attention, clock());
        }
    }

    /// A person asked for it, or what stood in the way was mended: dial at once.
    pub fn retry_now(&mut self) {
        self.course.retry_now(clock());
    }

    /// From the next dial on, another place or other keys.
    pub fn set_target(&mut self, target: Target) {
        self.dial.target = target;
    }

    /// Says goodbye and ends; bounded in time.
    pub async fn end(mut self) {
        (self.dialling, self.upgrading) = (None, None);
        if let Some(current) = self.current.take() {
            retire::leave(current.link, current.events).await;
        }
    }

    fn start_dial(&mut self) {
        if !self.course.dial_is_due(clock()) {
            return;
        }
        self.course.dial_started();
        // This dial begins with QUIC as well.
        self.upgrading = None;
        let mut dial = self.dial.clone();
        dial.deadlines = self.course.deadlines(dial.deadlines);
        let places = self.places(self.course.failures());
        self.first_place = places.first().cloned();
        dial.target = dial.target.at_one_of(places);
        let flight = (self.first_flight)();
        self.dialling = Some(Box::pin(async move { Link::connect(&dial, flight?).await }));
    }

    /// Looks whether a link over TCP may move to QUIC. Nothing is told of it unless it does.
    fn start_upgrade(&mut self) {
        if self.current.is_none() || self.dialling.is_some() || self.dial.over != Over::Either {
            return;
        }
        if !self.upgrade.take(clock()) {
            return;
        }
        let mut dial = self.dial.clone();
        dial.over = Over::Quic;
        dial.target = dial.target.at_one_of(self.places(0));
        let flight = (self.first_flight)();
        let connect = async move { Link::connect(&dial, flight?).await };
        self.upgrading = Some(Box::pin(connect));
    }

    /// Where to dial, in this order.
    fn places(&self, failures: u32) -> Vec<ServerAddress> {
        let home = self.dial.target.address();
        self.nodes.plan(home, failures, clock(), &mut rand::rng())
    }

    async fn wait(&mut self) -> Woken {
        let look_at = match &self.current {
            Some(current) => current.watch.due(),
            None => clock() + WAKE_SAMPLE,
        };
        let due = [self.course.dial_at(), self.upgrade.due()]
            .into_iter()
            .flatten()
            .fold(look_at, Instant::min);
        let Self {
            current,
            dialling,
            upgrading,
            ..
        } = self;
        let event = async {
            match current {
                Some(current) => current.events.next().await,
                None => pending().await,
            }
        };
        let dialled = outcome(dialling);
        let upgraded = outcome(upgrading);
        tokio::select! {
            // A busy link keeps no other waiting; and what arrived on it shows that it lives, so it
            // comes before any timer that doubts it.
            biased;
            dialled = dialled => Woken::Dialled(Box::new(dialled)),
            upgraded = upgraded => Woken::Upgraded(Box::new(upgraded)),
            event = event => Woken::Event(event),
            () = sleep_until(due.into()) => Woken::Due,
        }
    }

    fn on_event(&mut self, event: LinkEvent) -> Option<SupervisorEvent> {
        let now = clock();
        match event {
            LinkEvent::Closed(reason) => {
                (self.current, self.upgrading) = (None, None);
                self.upgrade.lost();
                self.nodes.doubt(now);
                // Whoever resets a link listens: pauses that stem from before say nothing.
                if reason == CloseReason::Reset {
                    self.course.start_anew(now);
                }
                self.course
                    .link_lost(now, reason.is_transient(), &mut rand::rng());
                return Some(SupervisorEvent::Lost(reason));
            }
            LinkEvent::GoAway(go_away) => self.on_go_away(now, *go_away),
            event => {
                let heard = self
                    .current
                    .as_mut()
                    .map(|current| current.watch.heard(&current.link, now, &event))?;
                heard
                    .action
                    .into_iter()
                    .for_each(|action| self.on_action(action));
                return (!heard.own).then_some(SupervisorEvent::Link(event));
            }
        }
        None
    }

    fn on_go_away(&mut self, now: Instant, go_away: GoAway) {
        // Where no other node is known there is nowhere to go but here, once it is back.
        let elsewhere = self.nodes.go_away(&go_away.nodes, now);
        self.course.go_away(
            now,
            go_away.retry_min_ms,
            go_away.retry_max_ms,
            elsewhere,
            &mut rand::rng(),
        );
    }

    fn on_dialled(&mut self, result: Result<Connected, ConnectError>) {
        self.dialling = None;
        let now = clock();
        match result {
            Ok(Connected {
                link,
                events,
                welcome,
                entered,
            }) => {
                let silent = self.course.is_unsure();
                self.course.dialled(now);
                // QUIC's own timers follow with the next link; until then the watch asks.
                self.dial.pace = Pace::new(welcome.heartbeat_ms, welcome.idle_ms);
                let watch = Watch::new(&link, self.dial.attention, self.dial.pace, now);
                self.upgrading = None;
                let over_tcp = link.transport() == Transport::Tcp;
                self.upgrade.linked(now, over_tcp, &mut rand::rng());
                self.nodes.welcomed(&welcome.nodes);
                let before = self.current.replace(Current {
                    link: link.clone(),
                    events,
                    watch,
                });
                if let Some(before) = before {
                    retire::move_from(before.link, before.events, silent);
                }
                let new = NewLink {
                    link,
                    welcome,
                    entered,
                };
                self.told
                    .push_back(SupervisorEvent::Connected(Box::new(new)));
            }
            Err(error) => {
                let failure = Failure {
                    transient: error.is_transient(),
                    put_off: error.is_put_off(),
                    stalled: matches!(error, ConnectError::TimedOut { .. }),
                    retry_after: error.retry_after(),
                };
                if let Some(place) = self.first_place.take() {
                    self.nodes.failed(place, now);
                }
                self.course.dial_failed(now, failure, &mut rand::rng());
                self.told.push_back(SupervisorEvent::Failed(error));
            }
        }
    }

    fn on_upgraded(&mut self, result: Result<Connected, ConnectError>) {
        self.upgrading = None;
        match result {
            Ok(connected) => self.on_dialled(Ok(connected)),
            Err(_) => self.upgrade.failed(clock(), &mut rand::rng()),
        }
    }

    /// Looks after the live link, or for a reason to dial sooner.
    fn look(&mut self) {
        let now = clock();
        if self.clocks.woke(now) {
            self.course.start_anew(now);
        }
        while let Some(action) = self
            .current
            .as_mut()
            .and_then(|it| it.watch.look(&it.link, now))
        {
            self.on_action(action);
        }
    }

    fn on_action(&mut self, action: Action) {
        match action {
            Action::DialBeside => {
                self.nodes.doubt(clock());
                self.course.silent(clock());
            }
            Action::StopDial => {
                self.nodes.trust();
                if self.course.heard_again(clock()) {
                    self.dialling = None;
                }
            }
            // Its end comes as an event.
            Action::Close => self.current.iter().for_each(|current| current.link.close()),
            Action::Probe => {}
        }
    }

    fn tell_state(&mut self) {
        let state = self.course.state();
        if state != self.state {
            self.state = state;
            self.told.push_back(SupervisorEvent::State(state));
        }
    }
}

/// How a dial ended; never, where there is none.
async fn outcome(dialling: &mut Option<Dialling>) -> Result<Connected, ConnectError> {
    match dialling {
        Some(dialling) => dialling.await,
        None => pending().await,
    }
}

/// The clock of tokio's timers, so that tests may turn it.
fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}
