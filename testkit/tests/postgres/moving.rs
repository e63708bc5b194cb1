//! An installation moves from SQLite to PostgreSQL: all of it, through any cut, or not at all.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use parlor_protocol::message::{LongText, Place, Timeline};
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{RoomId, SessionId, UserId};
use parlor_server::cluster::ClusterFile;
use parlor_server::cluster::file::Places;
use parlor_server::config::Secret;
use parlor_server::key::OwnKeys;
use parlor_server::store::conformance::{Hand, World};
use parlor_server::store::migration::Database;
use parlor_server::store::sqlite::SqliteStore;
use parlor_server::store::transfer::{MoveError, Moved, Progress, transfer};
use parlor_server::store::{
    Change, NewInvite, NewSession, RoomCommand, RoomName, Store, StoreError,
};
use parlor_testkit::postgres::TestPostgres;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{open, post, settings, whole};

/// Messages of the busy room: more than one part.
const MESSAGES: u64 = 4_500;

/// An installation on SQLite with something of everything, and who and what is in it.
struct Installation {
    folder: TempDir,
    hand: Hand,
    people: [UserId; 3],
    rooms: Vec<RoomId>,
    /// A command that took effect.
    sent: RoomCommand,
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("parlor.db")
}

async fn sqlite(folder: &TempDir, hand: &Hand) -> Arc<SqliteStore> {
    let hand = hand.clone();
    let store = SqliteStore::open_with(&file(folder), Arc::new(move || hand.now_ms())).await;
    Arc::new(store.unwrap())
}

async fn installation() -> Installation {
    let (folder, hand) = (tempfile::tempdir().unwrap(), Hand::new());
    let store = sqlite(&folder, &hand).await;
    let world = World::with(store.clone(), hand.clone());
    let people: [UserId; 3] = world.people().await;
    let [ann, bob, cat] = people;
    store.set_disabled(cat, true).await.unwrap();
    store.set_administrator(ann, true).await.unwrap();
    let busy = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let quiet = world.create(bob, RoomKind::PRIVATE, "quiet").await;
    let direct = Change::CreateDirect { with: bob };
    let direct = world.act(ann, RoomId([7; 16]), direct).await.unwrap().room;
    let sent = post(busy, bob, &world, "the first");
    world.one(sent.clone()).await.unwrap();
    for begin in (1..MESSAGES).step_by(250) {
        let end = MESSAGES.min(begin + 250);
        let text = |count| format!("message {count}");
        let commands = (begin..end).map(|count| post(busy, ann, &world, &text(count)));
        world.append(commands.collect()).await;
    }
    changes(&world, people, busy).await;
    world.say(ann, direct, "only for you").await;
    store.mark(bob, busy, Timeline::ROOM, 20).await.unwrap();
    sessions_and_invites(&world, people, quiet).await;
    store.close().await;
    let rooms = vec![busy, quiet, direct];
    Installation {
        folder,
        hand,
        people,
        rooms,
        sent,
    }
}

/// What changes a room besides posts into it.
async fn changes(world: &World, [ann, bob, _]: [UserId; 3], room: RoomId) {
    let topic = "all of it".to_owned();
    world
        .act(ann, room, Change::SetTopic { topic })
        .await
        .unwrap();
    let role = Change::SetRole {
        user: bob,
        role: Role::MODERATOR,
    };
    world.act(ann, room, role).await.unwrap();
    let reply = Change::Post {
        timeline: Timeline(3),
        after: None,
        text: "a reply".to_owned(),
        long: None,
    };
    world.act(bob, room, reply).await.unwrap();
    let bytes = "a long text ".repeat(10_000).into_bytes();
    let long = LongText {
        bytes: u32::try_from(bytes.len()).unwrap(),
        hash: Sha256::digest(&bytes).into(),
    };
    world.store.put_text(long, bytes).await.unwrap();
    let post = Change::Post {
        timeline: Timeline::ROOM,
        after: None,
        text: "a long text…".to_owned(),
        long: Some(long),
    };
    world.act(ann, room, post).await.unwrap();
}

async fn sessions_and_invites(world: &World, people: [UserId; 3], room: RoomId) {
    let (store, now_ms) = (&world.store, world.hand.now_ms());
    for (count, user) in (1..).zip(people) {
        let session = NewSession {
            id: SessionId([count; 16]),
            user,
            token: [count; 32],
            device: format!("device {count}"),
            address: "192.0.2.1".to_owned(),
            made_at_ms: now_ms,
            expires_at_ms: now_ms + 1_000_000,
        };
        store.create_session(session).await.unwrap();
    }
    store
        .offer_token(SessionId([1; 16]), &[11; 32], now_ms + 5)
        .await
        .unwrap();
    let invite = NewInvite {
        code: [9; 32],
        maker: Some(people[1]),
        rooms: vec![room],
        uses: 2,
        made_at_ms: now_ms,
        expires_at_ms: now_ms + 1_000_000,
        owner: false,
    };
    store.create_invite(invite).await.unwrap();
    assert!(store.use_invite(&[9; 32], people[0], now_ms).await.unwrap());
}

/// Everything that the store tells of an installation.
async fn told(store: &dyn Store, of: &Installation) -> Vec<String> {
    let mut all = Vec::new();
    let now_ms = of.hand.now_ms();
    for (count, user) in (1_u8..).zip(of.people) {
        let row = store.user(user).await.unwrap().unwrap();
        all.push(format!(
            "{row:?} {} {} {}",
            row.administrator, row.disabled, row.password_hash
        ));
        all.push(format!("{:?}", store.sessions(user).await.unwrap()));
        let found = store.session_by_token(&[count; 32]).await.unwrap();
        all.push(format!("{:?}", found.map(|found| found.session)));
        let mut heads = store.heads(user).await.unwrap();
        heads.sort_by_key(|(head, _)| head.room);
        all.push(format!("{heads:?}"));
        for since in [None, Some(0), Some(3)] {
            let mut changes = store.user_changes(user, since).await.unwrap();
            changes.heads.sort_by_key(|head| head.room);
            all.push(format!("{changes:?}"));
        }
        let invite = store.invite(&[9; 32], Some(user), now_ms).await.unwrap();
        all.push(format!("{invite:?}"));
        for room in &of.rooms {
            all.push(format!("{:?}", store.access(*room, user).await.unwrap()));
            all.push(format!("{:?}", store.summary(*room, user).await.unwrap()));
        }
    }
    let offered = store.session_by_token(&[11; 32]).await.unwrap();
    all.push(format!("{offered:?}"));
    for room in &of.rooms {
        all.push(format!("{:?}", whole(store, *room).await));
        let thread = store.page(*room, Timeline(3), Place::FROM, 1, 100, 1).await;
        all.push(format!("{:?}", thread.unwrap()));
        all.push(format!(
            "{:?}",
            store.members(*room, None, 100).await.unwrap()
        ));
        let head = store.changes(*room, 0, 1).await.unwrap().rev;
        for since in [0, head.saturating_sub(30)] {
            all.push(format!(
                "{:?}",
                store.changes(*room, since, 1).await.unwrap()
            ));
        }
        let long = store.text(*room, Timeline::ROOM, MESSAGES + 1, 1).await;
        all.push(format!("{:?}", long.unwrap()));
    }
    all
}

async fn moved(of: &Installation, url: &str) -> Result<Moved, MoveError> {
    let mut told = |_| ControlFlow::Continue(());
    transfer(&file(&of.folder), &settings(url), &mut told).await
}

fn digest(path: &Path) -> [u8; 32] {
    Sha256::digest(std::fs::read(path).unwrap()).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_cut_again_and_again_brings_all_over() {
    let server = TestPostgres::start().await.unwrap();
    let url = server.url(&server.database().await.unwrap());
    let before = installation().await;
    let untouched = digest(&file(&before.folder));
    let (mut cuts, mut went_on) = (0, 0);
    let done = loop {
        let mut parts = 0;
        let mut told = |progress| {
            match progress {
                Progress::GoesOn => went_on += 1,
                Progress::Moved { rows, of, .. } => {
                    assert!(rows <= of);
                    parts += 1;
                }
                Progress::Checked(_) => {}
            }
            if parts == 4 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        match transfer(&file(&before.folder), &settings(&url), &mut told).await {
            Ok(done) => break done,
            Err(MoveError::Stopped) => cuts += 1,
            Err(error) => panic!("{error}"),
        }
        let half = super::PostgresStore::open(&settings(&url)).await;
        assert!(
            matches!(half, Err(StoreError::Damaged(_))),
            "a half is no installation"
        );
    };
    assert!(cuts > 2, "only {cuts} cuts");
    assert_eq!(went_on, cuts);
    assert_eq!(digest(&file(&before.folder)), untouched);

    let messages = done.tables.iter().find(|sum| sum.table == "messages");
    assert_eq!(messages.unwrap().rows, MESSAGES + 3);
    let old = sqlite(&before.folder, &before.hand).await;
    let new = open(&url, &before.hand).await;
    assert_ne!(new.epoch(), old.epoch());
    assert_eq!(new.epoch(), done.epoch);
    let (old, new) = (told(&*old, &before).await, told(&new, &before).await);
    for (old, new) in old.iter().zip(&new) {
        assert_eq!(old, new);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn life_goes_on_after_a_move() {
    let server = TestPostgres::start().await.unwrap();
    let url = server.url(&server.database().await.unwrap());
    let before = installation().await;
    moved(&before, &url).await.unwrap();
    let again = moved(&before, &url).await;
    assert!(matches!(again, Err(MoveError::NotEmpty)), "{again:?}");
    // What the people do next has ids of its own.
    before.hand.forward(1_000);
    let store = Arc::new(open(&url, &before.hand).await);
    let world = World::with(store.clone(), before.hand.clone());
    let retry = world.one(before.sent.clone()).await.unwrap();
    assert!(retry.repeated);
    assert_eq!(retry.seq, 1);
    let [ann, bob, _] = before.people;
    let next = world.say(bob, before.rooms[0], "and on").await;
    assert_eq!(next.seq, MESSAGES + 2);
    let room = world.create(ann, RoomKind::PUBLIC, "new").await;
    world.say(ann, room, "hello").await;
    let name = RoomName {
        shown: "The Room".to_owned(),
        folded: "the room".to_owned(),
    };
    let taken = Change::Create {
        kind: RoomKind::PUBLIC,
        name,
        topic: String::new(),
    };
    let code = world.refused(ann, RoomId(world.id()), taken).await;
    assert_eq!(code, parlor_protocol::Code::ROOM_NAME_TAKEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_empty_database_is_moved_into() {
    let server = TestPostgres::start().await.unwrap();
    let before = installation().await;
    let (_, world, used) = super::begin(&server).await;
    world.person("ann").await;
    let foreign = server.database().await.unwrap();
    let table = "CREATE TABLE cats (name text)";
    server.sql(&foreign, table).await.unwrap();
    for database in [used, foreign] {
        let refused = moved(&before, &server.url(&database)).await;
        assert!(matches!(refused, Err(MoveError::NotEmpty)), "{refused:?}");
    }
    let begun = server.database().await.unwrap();
    let mut cut = |_| ControlFlow::Break(());
    let url = server.url(&begun);
    let stopped = transfer(&file(&before.folder), &settings(&url), &mut cut).await;
    assert!(matches!(stopped, Err(MoveError::Stopped)), "{stopped:?}");
    let other = installation().await;
    let refused = moved(&other, &url).await;
    assert!(matches!(refused, Err(MoveError::OtherBegun)), "{refused:?}");
    // A schema without anything in it is empty.
    let migrated = server.url(&server.database().await.unwrap());
    Database::Postgres(settings(&migrated)).up().await.unwrap();
    moved(&before, &migrated).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_lives_on_between_two_parts_is_found_out() {
    let server = TestPostgres::start().await.unwrap();
    let url = server.url(&server.database().await.unwrap());
    let before = installation().await;
    let mut cut = |progress| match progress {
        Progress::Moved {
            table: "messages", ..
        } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let stopped = transfer(&file(&before.folder), &settings(&url), &mut cut).await;
    assert!(matches!(stopped, Err(MoveError::Stopped)), "{stopped:?}");
    before.hand.forward(1_000);
    let store = sqlite(&before.folder, &before.hand).await;
    let world = World::with(store.clone(), before.hand.clone());
    world
        .say(before.people[0], before.rooms[0], "one more")
        .await;
    store.close().await;
    let refused = moved(&before, &url).await;
    assert!(
        matches!(refused, Err(MoveError::Differs { table: "rooms", .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_moves_a_data_folder_and_says_how_far_it_is() {
    let server = TestPostgres::start().await.unwrap();
    let url = server.url(&server.database().await.unwrap());
    let place = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-test-server"));
        command.args(arguments).env_clear();
        command.env("HOME", place.path());
        command.env("PARLOR_DATA_FOLDER", place.path().join("data"));
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    std::fs::write(place.path().join("url"), format!("{url}\n")).unwrap();
    let url_file = place.path().join("url");
    let url_file = url_file.to_str().unwrap();
    let (code, _, err) = run(&["move", "--to-file", url_file]);
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no data of a server"), "{err}");
    let (code, _, err) = run(&["move", "--to", &url]);
    assert_eq!(code, Some(2));
    assert!(err.contains("--to holds a password"), "{err}");
    assert!(!err.contains("secret"), "{err}");

    // A data folder of a server's that has an installation in it.
    let before = installation().await;
    let data = place.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(file(&before.folder), data.join("parlor.db")).unwrap();
    std::fs::write(data.join("version"), "1\n").unwrap();
    let status = [
        "migrate",
        "status",
        "--json",
        "--database-url-file",
        url_file,
    ];
    let (code, out, err) = run(&status);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(r#""database":"postgres""#), "{out}");
    assert!(out.contains(r#""applied":false"#), "{out}");
    let (code, out, err) = run(&["move", "--to-file", url_file, "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert!(events("moved") > 10, "{out}");
    assert_eq!(events("checked"), 14, "{out}");
    assert_eq!(lines.last().unwrap()["event"], "done", "{out}");
    let new = open(&url, &before.hand).await;
    assert_eq!(lines.last().unwrap()["epoch"], new.epoch().to_string());
    let (code, out, err) = run(&status);
    assert_eq!(code, Some(0), "{err}");
    assert!(!out.contains(r#""applied":false"#), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_moved_into_has_the_keys_that_people_know() {
    let server = TestPostgres::start().await.unwrap();
    let url = server.url(&server.database().await.unwrap());
    let before = installation().await;
    let data = before.folder.path();
    std::fs::write(data.join("version"), "1\n").unwrap();
    let keys = OwnKeys::generate().unwrap();
    for (file, pem) in ["key.pem", "key-next.pem"].into_iter().zip(keys.pems()) {
        std::fs::write(data.join(file), pem).unwrap();
    }
    let place = tempfile::tempdir().unwrap();
    let cluster = place.path().join("cluster.toml");
    let made = ClusterFile::make(Places {
        database: Secret::new(url.as_str()),
        redis: Secret::new("redis://127.0.0.1:1"),
        redis_authority: None,
        prefix: "parlor".to_owned(),
    });
    made.unwrap().write(&cluster, true).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-test-server"));
    command.env_clear().env("HOME", place.path());
    command
        .arg("--data")
        .arg(data)
        .arg("--cluster")
        .arg(&cluster);
    let output = command.arg("move").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("copy it to every node"), "{out}");
    assert_eq!(
        ClusterFile::read(&cluster).unwrap().keys.pins(),
        keys.pins()
    );
    let new = open(&url, &before.hand).await;
    assert!(new.user(before.people[0]).await.unwrap().is_some());
}
