//! The loop of the load: events in, the world's outputs out.

use std::time::{Duration, Instant};

use parlor_client_core::net::{
    Dial, Endpoint, EndpointError, Flight, Link, Over, RequestError, Target, TrustError, hello,
};
use parlor_protocol::hello::{Enter, LogIn, Password, Token};
use parlor_protocol::session::Entry;
use parlor_protocol::{Body, Extensions};
use tokio::sync::mpsc;

use super::board::{Board, Reading};
use super::homes::Homes;
use super::link::{self, Event, Told};
use super::thread::Command;
use crate::accounts::Account;
use crate::plan::UserIndex;
use crate::timer::Timer;
use crate::user::{Asked, Output, Question, Settled, Tally, World};

/// Events that may wait to be judged; above it links wait, and their windows fill.
pub(super) const EVENTS: usize = 16_384;
/// Events taken at once between two looks at the clock.
const ROUND: usize = 256;
/// How often the board is written, at least.
const BOARD_EVERY: Duration = Duration::from_millis(50);
/// How often it is looked whether all are back.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How often it is looked whether all has arrived.
const SETTLED_EVERY: Duration = Duration::from_millis(20);
/// Why a link ended that nothing was heard on.
const SILENT: &str = "the server fell silent";
/// What sessions by password are called.
const DEVICE: &str = "parlor-bench";

/// How users enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entering {
    /// By the token of a session.
    Resume,
    /// By name and password.
    LogIn,
}

/// What a load came to.
#[derive(Debug)]
pub struct Outcome {
    pub settled: Settled,
    pub tally: Tally,
    /// Users that were in at the end.
    pub joined: usize,
}

/// Why a load cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    #[error("{0}")]
    Endpoint(#[from] EndpointError),
    #[error("{0}")]
    Trust(#[from] TrustError),
    #[error("the timer of the load failed: {0}")]
    Timer(std::io::Error),
    #[error("cannot start the runtime of the load: {0}")]
    Runtime(std::io::Error),
    #[error("the thread of the load ended without a result")]
    Gone,
}

/// All being in, as it is waited for.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    users: usize,
    /// What the time is counted from.
    from: Instant,
    on: On,
    /// When to look next: a look goes through all users.
    look_at: Instant,
}

/// On which links users count as in.
#[derive(Clone, Copy, Debug)]
enum On {
    Any,
    /// Links made before only seem alive.
    After(Instant),
    /// Links to this node only seem alive.
    Elsewhere(usize),
}

/// How users reach the server.
pub(super) struct Ways {
    pub(super) endpoints: Vec<Endpoint>,
    /// By node.
    pub(super) targets: Vec<Target>,
    pub(super) homes: Homes,
    pub(super) epoch: u64,
}

/// One user's link as the driver holds it.
#[derive(Default)]
struct Slot {
    /// Counts dials, so that what an older link still tells is known as such.
    life: u32,
    link: Option<Link>,
    task: Option<tokio::task::AbortHandle>,
    asked: Vec<(u32, Asked, Instant)>,
}

impl Slot {
    /// The link has ended.
    fn clear(&mut self) {
        self.link = None;
        self.task = None;
        self.asked.clear();
    }
}

pub(super) struct Driver {
    pub(super) world: World,
    pub(super) accounts: Vec<Account>,
    ways: Ways,
    entering: Entering,
    slots: Vec<Slot>,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    awaited: Option<Awaited>,
    /// How many times all were waited for.
    waits: u64,
    all_joined: Option<Duration>,
    outputs: Vec<Output>,
}

impl Driver {
    pub(super) fn new(world: World, accounts: Vec<Account>, ways: Ways) -> Self {
        let (tell, told) = mpsc::channel(EVENTS);
        Self {
            slots: accounts.iter().map(|_| Slot::default()).collect(),
            world,
            accounts,
            ways,
            entering: Entering::Resume,
            tell,
            told,
            awaited: None,
            waits: 0,
            all_joined: None,
            outputs: Vec::new(),
        }
    }

    /// Runs until told to stop.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        board: &Board,
    ) -> Result<Outcome, DriveError> {
        let mut timer = Timer::new().map_err(DriveError::Timer)?;
        let mut round = Vec::with_capacity(ROUND);
        let mut board_at = Instant::now();
        let mut settled = (Instant::now(), false);
        loop {
            let due = self
                .world
                .next_due()
                .map_or(board_at, |due| due.min(board_at));
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Stop) | None => break,
                    Some(command) => self.on_command(command),
                },
                _ = self.told.recv_many(&mut round, ROUND) => {
                    for told in round.drain(..) {
                        self.on_told(told);
                    }
                }
                waited = timer.until(Some(due)) => waited.map_err(DriveError::Timer)?,
            }
            let now = Instant::now();
            self.world.on_time(now);
            self.act(now);
            self.watch_joining(now);
            if now >= settled.0 {
                settled = (now + SETTLED_EVERY, self.world.is_settled());
            }
            if now >= board_at {
                board_at = now + BOARD_EVERY;
                board.write(&self.reading(settled.1, now));
            }
        }
        let settled = self.world.settle();
        board.write(&self.reading(true, Instant::now()));
        Ok(Outcome {
            settled,
            joined: self.world.joined(),
            tally: self.world.tally,
        })
    }

    fn on_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Connect(users, entering) => {
                self.entering = entering;
                self.wait_for(users.len(), now, On::Any);
                self.world.connect(users, now);
            }
            Command::AwaitBack {
                users,
                ended,
                listening,
            } => self.wait_for(users, listening, On::After(ended)),
            Command::AwaitElsewhere { users, node, ended } => {
                self.wait_for(users, ended, On::Elsewhere(node));
            }
            Command::Leave(users) => self.world.leave(users),
            Command::Churn(on) => self.world.churn(on),
            Command::Begin => self.world.begin(now),
            Command::Cut => self.world.cut(),
            Command::Stop => {}
        }
        self.act(now);
    }

    fn wait_for(&mut self, users: usize, from: Instant, on: On) {
        self.waits += 1;
        self.all_joined = None;
        self.awaited = Some(Awaited {
            users,
            from,
            on,
            look_at: from,
        });
    }

    /// Notes when everybody that was called is in.
    fn watch_joining(&mut self, now: Instant) {
        let Some(awaited) = &mut self.awaited else {
            return;
        };
        let looks = now >= awaited.look_at;
        let all = match awaited.on {
            On::Any => self.world.joined() >= awaited.users,
            On::After(_) | On::Elsewhere(_) if !looks => false,
            On::After(after) => self.world.joined_since(after) >= awaited.users,
            On::Elsewhere(node) => {
                let homes = &self.ways.homes;
                let elsewhere = |user| homes.of(user) != node;
                self.world.joined_where(elsewhere) >= awaited.users
            }
        };
        if looks {
            awaited.look_at = now + LOOK_EVERY;
        }
        if all {
            self.all_joined = Some(now.saturating_duration_since(awaited.from));
            self.awaited = None;
        }
    }

    fn on_told(&mut self, told: Told) {
        let Told {
            user,
            life,
            at,
            event,
        } = told;
        let slot = &mut self.slots[user as usize];
        if slot.life != life {
            return;
        }
        match event {
            Event::Up(link) => {
                slot.link = Some(link);
                self.world.on_up(user, at);
            }
            Event::Push(frame) => self.world.on_push(user, frame, at),
            Event::Reply(request, frame) => {
                let place = slot.asked.iter().position(|it| it.0 == request);
                if let Some(place) = place {
                    let (_, asked, since) = slot.asked.remove(place);
                    self.world.on_reply(user, asked, since, &frame, at);
                }
            }
            Event::Signal(frame) => self.world.on_signal(user, &frame, at),
            Event::GoAway(go_away) => self.world.on_go_away(user, &go_away),
            Event::Down(reason) => {
                slot.clear();
                self.ways.homes.turn(user);
                self.world.on_down(user, &reason, at);
            }
            Event::Silent => {
                slot.clear();
                self.ways.homes.turn(user);
                match self.ways.homes.several() {
                    true => self.world.on_silent(user, at),
                    false => self.world.on_down(user, SILENT, at),
                }
            }
        }
    }

    fn act(&mut self, now: Instant) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.world.take_outputs(&mut outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Dial(user, rooms) => self.dial(user, rooms, now),
                Output::Ask(user, asked, question) => self.ask(user, asked, &question, now),
                Output::Typing(user, typing) => self.signal(user, &typing),
                Output::Presence(user, presence) => self.signal(user, &presence),
                Output::Close(user) => self.close(user, now),
            }
        }
        self.outputs = outputs;
    }

    fn dial(
        &mut self,
        user: UserIndex,
        rooms: Vec<(Asked, parlor_protocol::sync::OpenRoom)>,
        now: Instant,
    ) {
        let entry = self.entry(user);
        let mut flight = Flight::new(&hello("parlor-bench", self.ways.epoch), &entry);
        let slot = &mut self.slots[user as usize];
        slot.life += 1;
        slot.asked.clear();
        for (asked, open) in rooms {
            slot.asked.push((flight.request(&open), asked, now));
        }
        let endpoints = &self.ways.endpoints;
        let endpoint = endpoints[user as usize % endpoints.len()].clone();
        let target = self.ways.targets[self.ways.homes.of(user)].clone();
        let mut dial = Dial::new(endpoint, target);
        // What is measured is one transport, however slow a storm makes it.
        dial.over = Over::Quic;
        let task = tokio::spawn(link::run(user, slot.life, dial, flight, self.tell.clone()));
        slot.task = Some(task.abort_handle());
    }

    fn entry(&self, user: UserIndex) -> Entry {
        let account = &self.accounts[user as usize];
        match self.entering {
            Entering::Resume => Entry::Token(Enter {
                token: Token(account.token),
                ext: Extensions::NONE,
            }),
            Entering::LogIn => Entry::LogIn(LogIn {
                name: account.name.clone(),
                password: Password(account.password.clone()),
                device: DEVICE.to_owned(),
                ext: Extensions::NONE,
            }),
        }
    }

    fn ask(&mut self, user: UserIndex, asked: Asked, question: &Question, now: Instant) {
        let slot = &mut self.slots[user as usize];
        let Some(link) = &slot.link else {
            return;
        };
        match fire(link, question) {
            Ok(request) => slot.asked.push((request, asked, now)),
            // Its end is on its way as an event, and everything is asked again on the next link.
            Err(RequestError::Lost(_)) => {}
            Err(error) => self
                .world
                .on_not_asked(user, asked, &error.to_string(), now),
        }
    }

    /// A signal that the link does not take is one that was lost.
    fn signal(&self, user: UserIndex, body: &impl Body) {
        if let Some(link) = &self.slots[user as usize].link {
            link.signal(body);
        }
    }

    /// Ends a link, or a dial under way.
    fn close(&mut self, user: UserIndex, now: Instant) {
        let slot = &mut self.slots[user as usize];
        if let Some(link) = slot.link.take() {
            link.close();
        }
        if let Some(task) = slot.task.take() {
            task.abort();
        }
        slot.life += 1;
        slot.asked.clear();
        self.world.on_down(user, "left", now);
    }

    fn reading(&self, settled: bool, now: Instant) -> Reading {
        let tally = &self.world.tally;
        let last = tally.series.points().last().copied().unwrap_or_default();
        let over = self.world.segments_over(now);
        let segment = over
            .checked_sub(1)
            .and_then(|last| tally.segments.get(last));
        Reading {
            up: self.world.up() as u64,
            joined: self.world.joined() as u64,
            sent: tally.sent,
            acknowledged: tally.acknowledged,
            deliveries: tally.deliveries,
            errors: tally.error_count(),
            entered: tally.entered,
            links_lost: tally.links_lost,
            p50_ms: last.p50_ms.unwrap_or_default(),
            p99_ms: last.p99_ms.unwrap_or_default(),
            segment_p99_ms: segment
                .and_then(|it| it.latency.quantile_ms(0.99))
                .unwrap_or_default(),
            segments_over: over as u64,
            waits: self.waits,
            all_joined_ms: self.all_joined.map(|it| it.as_secs_f64() * 1e3),
            settled,
        }
    }
}

fn fire(link: &Link, question: &Question) -> Result<u32, RequestError> {
    match question {
        Question::Post(body) => link.fire(body),
        Question::Open(body) => link.fire(body),
        Question::Close(body) => link.fire(body),
        Question::Changes(body) => link.fire(body),
        Question::Page(body) => link.fire(body),
        Question::Mark(body) => link.fire(body),
        Question::Rooms(body) => link.fire(body),
        Question::Members(body) => link.fire(body),
        Question::People(body) => link.fire(body),
    }
}
