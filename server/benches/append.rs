//! What a commit costs: wall and CPU time of append on SQLite with full sync, in a folder on disk.
//!
//! `cargo bench -p parlor-server --bench append` prints the table of CPU first (divan counts wall
//! time only), then divan's.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_protocol::message::Timeline;
use parlor_protocol::room::RoomKind;
use parlor_protocol::{RoomId, SendKey, UserId};
use parlor_server::store::sqlite::SqliteStore;
use parlor_server::store::{Change, NewUser, RoomCommand, RoomName, Store};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// People who post in turn, each in one room.
const PEOPLE: usize = 1_000;
/// Messages of a commit, and rooms that they go to.
const SHAPES: [(usize, usize); 6] = [(1, 1), (10, 1), (100, 1), (1, 100), (10, 100), (100, 100)];
/// Commits counted for one line of the table.
const COMMITS: usize = 1_000;

struct Bench {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    people: Vec<UserId>,
    rooms: Vec<RoomId>,
    turn: usize,
    _folder: TempDir,
}

impl Bench {
    fn new(rooms: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        // Beside the build, since the system's own temporary folder may lie in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = runtime
            .block_on(SqliteStore::open(&folder.path().join("parlor.db")))
            .unwrap();
        let mut bench = Self {
            runtime,
            store: Arc::new(store),
            people: vec![],
            rooms: vec![],
            turn: 0,
            _folder: folder,
        };
        bench.people = (0..PEOPLE).map(|n| bench.person(n)).collect();
        bench.rooms = (0..rooms).map(|n| bench.room(n, rooms)).collect();
        bench
    }

    fn person(&self, number: usize) -> UserId {
        let id = UserId::new();
        let name = format!("person{number}");
        let user = NewUser {
            id,
            folded: name.clone(),
            display_name: name.clone(),
            name,
            password_hash: "x".repeat(96),
            administrator: false,
            made_at_ms: 0,
            unlimited: true,
        };
        self.runtime
            .block_on(self.store.create_user(user))
            .unwrap()
            .unwrap();
        id
    }

    fn room(&self, number: usize, rooms: usize) -> RoomId {
        let members: Vec<_> = self
            .people
            .iter()
            .skip(number)
            .step_by(rooms)
            .copied()
            .collect();
        let room = RoomId::new();
        let name = format!("room{number}");
        let command = |actor, change| RoomCommand {
            room,
            actor,
            send_key: SendKey::new(),
            change,
        };
        let create = Change::Create {
            kind: RoomKind::PUBLIC,
            name: RoomName {
                shown: name.clone(),
                folded: name,
            },
            topic: String::new(),
        };
        let mut commands = vec![command(members[0], create)];
        commands.extend(
            members[1..]
                .iter()
                .map(|person| command(*person, Change::Join)),
        );
        for commands in commands.chunks(250) {
            let appended = self
                .runtime
                .block_on(self.store.append(commands.to_vec()))
                .unwrap();
            assert!(appended.results.iter().all(Result::is_ok));
        }
        room
    }

    fn batch(&mut self, messages: usize) -> Vec<RoomCommand> {
        (0..messages)
            .map(|_| {
                self.turn = (self.turn + 7) % PEOPLE;
                RoomCommand {
                    room: self.rooms[self.turn % self.rooms.len()],
                    actor: self.people[self.turn],
                    send_key: SendKey::new(),
                    change: Change::Post {
                        timeline: Timeline::ROOM,
                        after: None,
                        text: "m".repeat(100),
                        long: None,
                    },
                }
            })
            .collect()
    }

    fn append(&self, commands: Vec<RoomCommand>) {
        let appended = self.runtime.block_on(self.store.append(commands)).unwrap();
        assert!(appended.results.iter().all(Result::is_ok));
    }
}

fn cpu() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}

/// Wall and CPU time a commit and a message, everything on the way included.
fn table() {
    println!("messages rooms   µs wall/commit  µs CPU/commit  µs CPU/message");
    for (messages, rooms) in SHAPES {
        let mut bench = Bench::new(rooms);
        for _ in 0..100 {
            let batch = bench.batch(messages);
            bench.append(batch);
        }
        let batches: Vec<_> = (0..COMMITS).map(|_| bench.batch(messages)).collect();
        let (began, cpu_before) = (Instant::now(), cpu());
        for batch in batches {
            bench.append(batch);
        }
        let (wall, used) = (began.elapsed(), cpu() - cpu_before);
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / COMMITS as f64;
        println!(
            "{messages:8} {rooms:5} {:16.1} {:14.1} {:15.2}",
            micros(wall),
            micros(used),
            micros(used) / messages as f64
        );
    }
}

#[divan::bench(args = SHAPES, sample_count = 200, sample_size = 1)]
fn append(bencher: divan::Bencher<'_, '_>, (messages, rooms): (usize, usize)) {
    let bench = std::cell::RefCell::new(Bench::new(rooms));
    bencher
        .with_inputs(|| bench.borrow_mut().batch(messages))
        .bench_local_values(|batch| bench.borrow().append(batch));
}

fn main() {
    // `cargo test` and `cargo nextest` run benches too: then once is enough.
    if std::env::args().any(|argument| argument == "--bench") {
        table();
    }
    divan::main();
}
