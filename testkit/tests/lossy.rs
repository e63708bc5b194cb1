//! One room behind a bad network: packets are lost, take their time, come from another address, and
//! every message reaches everybody, once and in order. Each run prints what it took; with
//! `PARLOR_HOLD_TIMES` the times count, too. `PARLOR_LOSSY_USERS` and `PARLOR_LOSSY_SECONDS` set the
//! size.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parlor_client_core::net::{
    ConnectError, Connected, Dial, Flight, Link, LinkEvent, LinkEvents, Supervisor,
    SupervisorEvent, hello,
};
use parlor_protocol::hello::{Enter, Token};
use parlor_protocol::session::Entry;
use parlor_protocol::sync::{RoomBatch, RoomEntry, RoomOpened};
use parlor_protocol::{Extensions, Kind, RoomId};
use parlor_testkit::ask;
use parlor_testkit::process::ServerProcess;
use parlor_testkit::relay::{Path, Plan, Relay};
use parlor_testkit::wait::eventually;
use tokio::task::JoinHandle;

/// Where the environment does not say.
const USERS: usize = 20;
const SECONDS: usize = 2;
const MESSAGES_PER_S: usize = 20;
/// Links that share a socket: they change their address together.
const LINKS_PER_SOCKET: usize = 25;
/// Bytes of a message, as the measured peers were given.
const TEXT_BYTES: usize = 100;
/// Everything is there by then, on a machine that does other things as well.
const ARRIVES_WITHIN: Duration = Duration::from_secs(60);

/// A server, the network before it, and users in one room.
struct Scene {
    server: ServerProcess,
    relay: Relay,
    room: RoomId,
    links: Vec<Link>,
    readers: Vec<JoinHandle<Vec<Arrival>>>,
    /// Arrivals of all.
    arrived: Arc<AtomicUsize>,
}

struct Arrival {
    seq: u64,
    message: usize,
    at: Instant,
}

/// What one run took.
struct Times {
    /// From the instant each message was due to its arrival at each link, sorted.
    latencies: Vec<Duration>,
    /// Longest time in which a link heard no message.
    gap: Duration,
}

fn from_environment(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

fn holds_times() -> bool {
    std::env::var_os("PARLOR_HOLD_TIMES").is_some()
}

impl Scene {
    /// Everybody comes in while the network is still good, by links that are left to themselves.
    async fn set() -> Self {
        Self::set_as(false).await
    }

    /// The same; `kept`: by links that a supervisor watches, as a client's are.
    async fn set_as(kept: bool) -> Self {
        let users = from_environment("PARLOR_LOSSY_USERS", USERS);
        let mut server = ServerProcess::new(env!("CARGO_BIN_EXE_parlor-test-server"))
            .unwrap()
            .set("log.level", "warn");
        server.start().await.unwrap();
        let relay = Relay::start(server.socket_address(), Plan::default(), 1).unwrap();
        let prepare = ["bench", "prepare", "--users", &users.to_string()];
        let accounts = server.run(&prepare).await.unwrap();
        let mut lines = accounts.lines();
        let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        let room: RoomId = header["rooms"][0].as_str().unwrap().parse().unwrap();
        let tokens: Vec<Token> = lines.map(token).collect();
        let arrived = Arc::new(AtomicUsize::new(0));
        let (mut links, mut readers) = (Vec::new(), Vec::new());
        for tokens in tokens.chunks(LINKS_PER_SOCKET) {
            let dial = server.dial(Some(relay.addr()));
            for token in tokens {
                let enter = Entry::Token(Enter {
                    token: token.clone(),
                    ext: Extensions::NONE,
                });
                let (link, events) = Events::of(&dial, enter, kept).await;
                let reader = read(events, room, arrived.clone());
                readers.push(tokio::spawn(reader));
                let _: RoomOpened = link.request(&ask::open(room, None, 0)).await.unwrap();
                links.push(link);
            }
        }
        Self {
            server,
            relay,
            room,
            links,
            readers,
            arrived,
        }
    }

    /// Everybody in turn says something at its instant, whatever became of what was said before;
    /// in the middle of it something happens.
    async fn talk(mut self, midway: impl AsyncFnOnce(&Relay)) -> Times {
        let seconds = from_environment("PARLOR_LOSSY_SECONDS", SECONDS);
        let count = seconds * MESSAGES_PER_S;
        let began = Instant::now();
        let due = |message: usize| {
            began + Duration::from_secs(1) * message as u32 / MESSAGES_PER_S as u32
        };
        let mut midway = Some(midway);
        for message in 0..count {
            tokio::time::sleep_until(due(message).into()).await;
            let text = format!("{message} {}", "x".repeat(TEXT_BYTES));
            let post = ask::post(self.room, &text[..TEXT_BYTES]);
            self.links[message % self.links.len()].fire(&post).unwrap();
            if message == count / 2
                && let Some(midway) = midway.take()
            {
                midway(&self.relay).await;
            }
        }
        let all = self.links.len() * count;
        eventually(ARRIVES_WITHIN, async || {
            self.arrived.load(Ordering::Relaxed) >= all
        })
        .await
        .unwrap();
        for link in self.links {
            link.goodbye().await;
        }
        let mut times = Times {
            latencies: Vec::with_capacity(all),
            gap: Duration::ZERO,
        };
        let mut order: Option<Vec<usize>> = None;
        for reader in self.readers {
            let arrivals = reader.await.unwrap();
            let seqs: Vec<u64> = arrivals.iter().map(|it| it.seq).collect();
            let gapless: Vec<u64> = (1..=count as u64).collect();
            assert_eq!(seqs, gapless, "each once, in order");
            let said: Vec<usize> = arrivals.iter().map(|it| it.message).collect();
            // The same for all, and all of it.
            assert_eq!(order.get_or_insert_with(|| said.clone()), &said);
            for pair in arrivals.windows(2) {
                times.gap = times.gap.max(pair[1].at - pair[0].at);
            }
            let late = arrivals.iter().map(|it| it.at - due(it.message));
            times.latencies.extend(late);
        }
        let mut said = order.unwrap();
        said.sort_unstable();
        assert_eq!(said, (0..count).collect::<Vec<_>>());
        self.server.stop().await.unwrap();
        times.latencies.sort_unstable();
        times
    }
}

impl Times {
    fn at(&self, share: f64) -> Duration {
        let last = self.latencies.len() - 1;
        self.latencies[(last as f64 * share).ceil() as usize]
    }

    fn print(&self, what: &str, bound: &str) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "figure: {what} | p50 / p95 / p99 / max {:.1} / {:.1} / {:.1} / {:.1} ms, longest gap \
             {:.0} ms | {bound}",
            ms(self.at(0.5)),
            ms(self.at(0.95)),
            ms(self.at(0.99)),
            ms(self.at(1.0)),
            ms(self.gap),
        );
    }
}

fn token(line: &str) -> Token {
    let account: serde_json::Value = serde_json::from_str(line).unwrap();
    let digits = account["token"].as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
    Token(std::array::from_fn(byte))
}

/// What a link hears.
enum Events {
    Bare(Box<LinkEvents>),
    Kept(Box<Supervisor<FirstFlight>>),
}

type FirstFlight = Box<dyn FnMut() -> Result<Flight, ConnectError> + Send>;

impl Events {
    async fn of(dial: &Dial, entry: Entry, kept: bool) -> (Link, Self) {
        let flight = move || Flight::new(&hello("testkit", 0), &entry);
        if !kept {
            let Connected { link, events, .. } = Link::connect(dial, flight()).await.unwrap();
            return (link, Self::Bare(Box::new(events)));
        }
        let first_flight: FirstFlight = Box::new(move || Ok(flight()));
        let mut supervisor = Supervisor::new(dial.clone(), first_flight);
        loop {
            match supervisor.next().await {
                SupervisorEvent::Connected(new) => {
                    return (new.link, Self::Kept(Box::new(supervisor)));
                }
                SupervisorEvent::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> LinkEvent {
        match self {
            Self::Bare(events) => events.next().await,
            Self::Kept(supervisor) => loop {
                match supervisor.next().await {
                    SupervisorEvent::Link(event) => return event,
                    SupervisorEvent::Lost(reason) => return LinkEvent::Closed(reason),
                    SupervisorEvent::Connected(_) => panic!("the link moved: it is to stay"),
                    _ => {}
                }
            },
        }
    }
}

/// All messages of the room, until the link ends.
async fn read(mut events: Events, room: RoomId, arrived: Arc<AtomicUsize>) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    loop {
        let frame = match events.next().await {
            LinkEvent::Push(frame) => frame,
            LinkEvent::Reply { frame, .. } => {
                assert_ne!(frame.header.kind, Kind::REFUSED, "a message was refused");
                continue;
            }
            LinkEvent::Closed(_) => return arrivals,
            _ => continue,
        };
        assert_ne!(frame.header.kind, Kind::BEHIND, "nobody is that slow");
        if frame.header.kind != Kind::ROOM_BATCH {
            continue;
        }
        let (at, batch) = (Instant::now(), frame.open::<RoomBatch>().unwrap());
        assert_eq!(batch.room, room);
        for entry in &batch.entries {
            if let RoomEntry::Message(message) = entry.open_room().unwrap() {
                let number = message.text.split(' ').next().unwrap();
                arrivals.push(Arrival {
                    seq: message.seq,
                    message: number.parse().unwrap(),
                    at,
                });
                arrived.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lossy_room_hears_everything_at_two_percent_loss() {
    let scene = Scene::set().await;
    scene.relay.set(Plan::losing(0.02)).unwrap();
    let times = scene.talk(async |_| {}).await;
    times.print("2 % of all packets lost", "p99 ≤ 60 ms, max ≤ 250 ms");
    if holds_times() {
        assert!(times.at(0.99) <= Duration::from_millis(60));
        assert!(times.at(1.0) <= Duration::from_millis(250));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lossy_room_hears_everything_from_afar() {
    let scene = Scene::set().await;
    let far = Path {
        delay: Duration::from_millis(20),
        loss: 0.02,
        ..Path::default()
    };
    scene.relay.set(Plan::both(far)).unwrap();
    let times = scene.talk(async |_| {}).await;
    times.print("the same with 40 ms round trip", "reported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lossy_room_hears_everything_from_another_address() {
    // Who only listens is found at the new address when their client misses what it usually hears.
    let scene = Scene::set_as(true).await;
    let times = scene
        .talk(async |relay| {
            assert!(relay.rebind().await.unwrap() > 0);
        })
        .await;
    times.print(
        "everybody's address changes",
        "no message later than 1,000 ms",
    );
    if holds_times() {
        assert!(times.at(1.0) <= Duration::from_secs(1));
    }
}
