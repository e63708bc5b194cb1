//! Conducts a load: phases, samples of the processes, marks around the window.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parlor_services::relay::Stats;
use tokio::time::sleep_until;

use crate::drive::{Command, DriveError, Entering, LoadThread, Outcome, Reading};
use crate::measure::{ProcessSample, sample};
use crate::network::Network;
use crate::progress::Progress;
use crate::report::Usage;
use crate::server::{Metrics, Server, ServicesSample};

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How often a point of the processes' use is kept.
const USAGE_EVERY: Duration = Duration::from_millis(500);
/// Points kept; a longer run keeps every second one of them, again and again.
const USAGE_POINTS: usize = 2_000;
/// Time for all to connect, beside what each thousand of them may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);
const CONNECT_EACH_1000: Duration = Duration::from_secs(30);
/// Time after the window for what is on its way.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(20);
/// The same when the user broke off.
const DRAIN_BROKEN: Duration = Duration::from_secs(3);

/// Set by Ctrl-C.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for the first Ctrl-C; the second ends the program.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let set = interrupt.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if set.0.swap(true, Ordering::Relaxed) {
                    std::process::exit(2);
                }
                eprintln!("\nending; once more to leave at once");
            }
        });
        interrupt
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a run broke.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    #[error("{0}")]
    Drive(#[from] DriveError),
    #[error("{0}")]
    Server(String),
    #[error("only {joined} of {users} users came in within {} s; {errors} errors", within.as_secs())]
    NotAllIn {
        joined: u64,
        users: u32,
        within: Duration,
        errors: u64,
    },
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Done,
    Late,
    Interrupted,
}

impl Seen {
    /// Of a wait that ends with a figure, or is broken off.
    pub fn of(figure: Option<f64>) -> Self {
        match figure {
            Some(_) => Self::Done,
            None => Self::Interrupted,
        }
    }
}

/// Everything at one moment.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    pub at: Option<Instant>,
    /// By node; `None` for one that did not run.
    pub nodes: Vec<Option<ProcessSample>>,
    pub services: Option<ServicesSample>,
    pub generator: ProcessSample,
    pub metrics: Option<Metrics>,
    pub reading: Reading,
}

/// A running load and its server.
#[derive(Debug)]
pub struct Conductor {
    pub server: Server,
    /// What lies before the server; it turns bad when the plan begins.
    pub network: Option<Network>,
    pub load: LoadThread,
    pub interrupt: Interrupt,
    pub progress: Progress,
    pub usage: Vec<Usage>,
    pub began: Option<Instant>,
    /// Highest resident memory since [`Conductor::forget_peaks`].
    pub peak: Peak,
    /// The server's end is expected: it is being restarted.
    pub restarting: bool,
    last: Option<(Instant, Option<ProcessSample>, ProcessSample)>,
    next_usage: Instant,
    usage_every: Duration,
    started: Instant,
}

/// Highest resident memory of the processes, bytes.
#[derive(Clone, Debug, Default)]
pub struct Peak {
    /// By node.
    pub nodes: Vec<Option<u64>>,
    pub generator: u64,
    /// Highest number of open database connections.
    pub db_connections: Option<u64>,
}

impl Conductor {
    pub fn new(
        server: Server,
        network: Option<Network>,
        load: LoadThread,
        interrupt: Interrupt,
    ) -> Self {
        let now = Instant::now();
        Self {
            server,
            network,
            load,
            interrupt,
            progress: Progress::default(),
            usage: Vec::new(),
            began: None,
            peak: Peak::default(),
            restarting: false,
            last: None,
            next_usage: now,
            usage_every: USAGE_EVERY,
            started: now,
        }
    }

    /// Brings users in and waits for all of them; how long it took, ms, unless broken off.
    pub async fn connect(
        &mut self,
        users: u32,
        entering: Entering,
    ) -> Result<Option<f64>, ConductError> {
        let command = Command::Connect(0..users, entering);
        let within = CONNECT_WITHIN + CONNECT_EACH_1000 * (users / 1_000);
        self.all_in(command, users, within).await
    }

    /// Says something after which all are to be in, and waits for it.
    pub async fn all_in(
        &mut self,
        command: Command,
        users: u32,
        within: Duration,
    ) -> Result<Option<f64>, ConductError> {
        let wait = self.load.board.read().waits + 1;
        self.load.tell(command).await?;
        let all_in =
            |reading: &Reading, _| reading.waits >= wait && reading.all_joined_ms.is_some();
        match self.watch(within, all_in).await? {
            Seen::Done => Ok(self.load.board.read().all_joined_ms),
            Seen::Interrupted => Ok(None),
            Seen::Late => {
                let reading = self.load.board.read();
                Err(ConductError::NotAllIn {
                    joined: reading.joined,
                    users,
                    within,
                    errors: reading.errors,
                })
            }
        }
    }

    /// Starts the plan.
    pub async fn begin(&mut self) -> Result<(), ConductError> {
        if let Some(network) = &self.network {
            network.turn_bad();
        }
        self.load.tell(Command::Begin).await?;
        self.began = Some(Instant::now());
        // Plots begin with the plan.
        self.usage.clear();
        Ok(())
    }

    /// Waits until so many seconds after the plan's start.
    pub async fn until(&mut self, seconds: f64) -> Result<Seen, ConductError> {
        let began = self.began.unwrap_or_else(Instant::now);
        let at = began + Duration::from_secs_f64(seconds);
        let within = at.saturating_duration_since(Instant::now());
        match self.watch(within, |_, now| now >= at).await? {
            Seen::Interrupted => Ok(Seen::Interrupted),
            Seen::Done | Seen::Late => Ok(Seen::Done),
        }
    }

    /// Waits until something shows on the board, at most for `within`.
    pub async fn watch(
        &mut self,
        within: Duration,
        mut until: impl FnMut(&Reading, Instant) -> bool,
    ) -> Result<Seen, ConductError> {
        let deadline = Instant::now() + within;
        loop {
            let now = Instant::now();
            self.look(now);
            if let Some(why) = self.server.died().filter(|_| !self.restarting) {
                return Err(ConductError::Server(why));
            }
            if self.load.is_over() {
                return Err(DriveError::Gone.into());
            }
            if until(&self.load.board.read(), now) {
                return Ok(Seen::Done);
            }
            if self.interrupt.is_set() {
                return Ok(Seen::Interrupted);
            }
            if now >= deadline {
                return Ok(Seen::Late);
            }
            sleep_until((now + TICK).min(deadline).into()).await;
        }
    }

    /// Everything at this moment.
    pub async fn mark(&mut self) -> Mark {
        let nodes = self.nodes();
        let metrics = self.server.metrics().await;
        self.peak.db_connections = self
            .peak
            .db_connections
            .max(metrics.as_ref().and_then(|it| it.db_connections));
        Mark {
            at: Some(Instant::now()),
            nodes,
            services: self.server.services().await,
            generator: sample(std::process::id()).unwrap_or_default(),
            metrics,
            reading: self.load.board.read(),
        }
    }

    /// Peaks count from now on.
    pub fn forget_peaks(&mut self) {
        self.peak = Peak::default();
    }

    /// Waits for what is on its way, judges, and ends the server.
    pub async fn finish(self, broken: bool) -> Result<(Outcome, Watched), ConductError> {
        let (outcome, watched, server) = self.settle(broken).await?;
        server.end().await;
        Ok((outcome, watched))
    }

    /// Waits for what is on its way, then judges. Nothing is sent any more; the server stays.
    pub async fn settle(
        mut self,
        broken: bool,
    ) -> Result<(Outcome, Watched, Server), ConductError> {
        self.progress.phase("drain");
        if broken {
            self.load.tell(Command::Cut).await?;
        }
        let deadline = Instant::now() + if broken { DRAIN_BROKEN } else { DRAIN_WITHIN };
        let mut reading = self.load.board.read();
        while !reading.settled && Instant::now() < deadline && !self.load.is_over() {
            tokio::time::sleep(TICK).await;
            self.look(Instant::now());
            reading = self.load.board.read();
        }
        self.progress.end();
        let outcome = self.load.stop().await?;
        let watched = Watched {
            usage: self.usage,
            peak: self.peak,
            network: self.network.as_ref().map(Network::stats),
        };
        Ok((outcome, watched, self.server))
    }

    /// By node; `None` for one that does not run.
    fn nodes(&self) -> Vec<Option<ProcessSample>> {
        let pids = self.server.pids().into_iter();
        pids.map(|pid| pid.and_then(sample)).collect()
    }

    /// Samples the processes, and shows where the load is.
    fn look(&mut self, now: Instant) {
        let nodes = self.nodes();
        let generator = sample(std::process::id()).unwrap_or_default();
        self.peak.nodes.resize(nodes.len(), None);
        for (peak, node) in self.peak.nodes.iter_mut().zip(&nodes) {
            *peak = (*peak).max(node.map(|it| it.rss_bytes));
        }
        let server = together(&nodes);
        self.peak.generator = self.peak.generator.max(generator.rss_bytes);
        let mut server_cpu = self.usage.last().and_then(|it| it.server_cpu);
        if now >= self.next_usage {
            self.next_usage = now + self.usage_every;
            if let Some((at, before, own)) = self.last.replace((now, server, generator)) {
                let seconds = (now - at).as_secs_f64();
                let share = |from: ProcessSample, to: ProcessSample| {
                    to.cpu.saturating_sub(from.cpu).as_secs_f64() / seconds
                };
                server_cpu = before.zip(server).map(|(from, to)| share(from, to));
                self.keep(Usage {
                    at_s: self.seconds(now),
                    server_cpu,
                    server_rss_bytes: server.map(|it| it.rss_bytes),
                    generator_cpu: share(own, generator),
                    generator_rss_bytes: generator.rss_bytes,
                });
            }
        }
        let reading = self.load.board.read();
        self.progress.show(&reading, server_cpu, now);
    }

    fn keep(&mut self, usage: Usage) {
        self.usage.push(usage);
        if self.usage.len() >= USAGE_POINTS {
            let mut odd = false;
            self.usage.retain(|_| {
                odd = !odd;
                odd
            });
            self.usage_every *= 2;
        }
    }

    /// Seconds after the plan's start, or after the run's own where there is no plan.
    fn seconds(&self, now: Instant) -> f64 {
        let from = self.began.unwrap_or(self.started);
        now.saturating_duration_since(from).as_secs_f64()
    }
}

/// All nodes that run, as one process.
fn together(nodes: &[Option<ProcessSample>]) -> Option<ProcessSample> {
    let running = nodes.iter().copied().flatten();
    running.reduce(|one, other| ProcessSample {
        cpu: one.cpu + other.cpu,
        rss_bytes: one.rss_bytes + other.rss_bytes,
        threads: one.threads + other.threads,
    })
}

/// What was seen of the processes, when the load has ended.
#[derive(Debug)]
pub struct Watched {
    pub usage: Vec<Usage>,
    pub peak: Peak,
    /// What became of packets on the way, where they went through a bad network.
    pub network: Option<Stats>,
}
