//! Over a million messages every hot statement goes by an index and touches few pages. The plans
//! are those that the database really followed: it notes each of them in its log.

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::UserId;
use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_server::store::Store;
use parlor_server::store::postgres::PostgresStore;
use parlor_testkit::postgres::TestPostgres;
use parlor_testkit::wait::eventually_some;

use super::{begin, post};

/// Messages of each of ten rooms.
const MESSAGES: u64 = 100_000;
/// Touches of pages that one statement may take: the way down to each of 500 changed things is four
/// of them. The tables have more than 20,000 pages.
const PAGES: u64 = 4_000;
/// Every statement's plan goes to the log, the functions' own too.
const NOTE_PLANS: [&str; 6] = [
    "shared_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_analyze=on",
    "auto_explain.log_buffers=on",
    "auto_explain.log_nested_statements=on",
    "autovacuum=off",
];
/// Tables that grow with use. A person's few rows in others may be read by a scan.
const GROWING: [&str; 5] = [
    "messages",
    "send_keys",
    "room_changes",
    "markers",
    "members",
];

/// The ten rooms get their messages, of which a fifth have changed since; beside them, other
/// people are in other rooms.
fn fill() -> Vec<String> {
    let id = "decode(lpad(to_hex(n), 24, '0') || lpad(to_hex(r.id), 8, '0'), 'hex')";
    let author = "(SELECT m.user FROM members m WHERE m.room = r.id LIMIT 1)";
    vec![
        format!(
            "INSERT INTO messages (room, timeline, seq, author, at, send_key, rev, state, text)
             SELECT r.id, 0, n, {author}, r.made_at + n, {id}, r.rev + 2 * n, 0, 'the text of message ' || n
             FROM rooms r, generate_series(1, {MESSAGES}) n"
        ),
        format!(
            "INSERT INTO room_changes (room, rev, kind, ref_a, ref_b)
             SELECT r.id, r.rev + 2 * ({MESSAGES} - n) + 1, 1, int8send(0), n
             FROM rooms r, generate_series(1, {}) n",
            MESSAGES / 5
        ),
        format!(
            "INSERT INTO send_keys (key, sender, what, room, seq, rev, at)
             SELECT {id}, {author}, 0, r.id, n, r.rev + 2 * n, r.made_at
             FROM rooms r, generate_series(1, {}) n",
            MESSAGES / 10
        ),
        format!("UPDATE rooms SET head = {MESSAGES}, rev = rev + 2 * {MESSAGES}"),
        "INSERT INTO users SELECT decode(md5('user' || n), 'hex'), n::text, n::text, '', '', 0, 0, 0, 0
         FROM generate_series(1, 2000) n"
            .to_owned(),
        "INSERT INTO rooms SELECT 1000 + n, decode(md5('room' || n), 'hex'), 1, '', '', '', 1, 0, 1, 0, 20, 1, 0
         FROM generate_series(1, 200) n"
            .to_owned(),
        "INSERT INTO members SELECT 1001 + (n + 7 * k) % 200, decode(md5('user' || n), 'hex'), 10, 1
         FROM generate_series(1, 2000) n, generate_series(1, 5) k"
            .to_owned(),
        "INSERT INTO markers SELECT m.user, m.room, 0, 10, 1 FROM members m ON CONFLICT DO NOTHING"
            .to_owned(),
        "VACUUM ANALYZE".to_owned(),
    ]
}

/// The plans that the log holds from `from` on, once there is one.
async fn plans(server: &TestPostgres, from: usize) -> (String, usize) {
    let look = || async {
        let log = std::fs::read_to_string(server.log()).ok()?;
        let new = log.get(from..)?;
        new.contains("Query Text").then(|| new.to_owned())
    };
    let plans = eventually_some(Duration::from_secs(10), look)
        .await
        .unwrap();
    let end = from + plans.len();
    (plans, end)
}

/// Pages of one plan: its first line of buffers counts all that is below.
fn pages(plan: &str) -> u64 {
    let Some(line) = plan.lines().find(|line| line.contains("Buffers: shared")) else {
        return 0;
    };
    line.split([' ', '='])
        .collect::<Vec<_>>()
        .windows(2)
        .filter(|pair| pair[0] == "hit" || pair[0] == "read")
        .filter_map(|pair| pair[1].parse::<u64>().ok())
        .sum()
}

fn check(what: &str, log: &str) {
    for plan in log.split("duration: ").skip(1) {
        for table in GROWING {
            let scan = format!("Seq Scan on {table} ");
            assert!(!plan.contains(&scan), "{what} scans {table}:\n{plan}");
        }
        let pages = pages(plan);
        assert!(pages <= PAGES, "{what} touches {pages} pages:\n{plan}");
    }
}

async fn ask(
    what: &str,
    store: &Arc<PostgresStore>,
    reader: UserId,
    room: parlor_protocol::RoomId,
) {
    let page = async |place, seq| {
        let page = store
            .page(room, Timeline::ROOM, place, seq, 200, 1)
            .await
            .unwrap();
        assert!(!page.messages.is_empty());
    };
    match what {
        "newest" => page(Place::NEWEST, 0).await,
        "before" => page(Place::BEFORE, MESSAGES / 2).await,
        "after" => page(Place::AFTER, MESSAGES / 2).await,
        "around" => page(Place::AROUND, MESSAGES / 2).await,
        "changes" => {
            let rev = store
                .page(room, Timeline::ROOM, Place::NEWEST, 0, 1, 1)
                .await
                .unwrap()
                .as_of;
            let changes = store.changes(room, rev - 1_000, 1).await.unwrap();
            assert_eq!((changes.reset, changes.entries.len()), (false, 500));
        }
        "summary" => drop(store.summary(room, reader).await.unwrap().unwrap()),
        "access" => drop(store.access(room, reader).await.unwrap().unwrap()),
        "heads" => assert_eq!(store.heads(reader).await.unwrap().len(), 10),
        "user changes" => drop(store.user_changes(reader, Some(0)).await.unwrap()),
        "members" => drop(store.members(room, None, 100).await.unwrap()),
        "mark" => drop(
            store
                .mark(reader, room, Timeline::ROOM, MESSAGES / 2)
                .await
                .unwrap(),
        ),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_statements_touch_few_pages_of_a_million_messages() {
    let server = TestPostgres::start_with(&NOTE_PLANS).await.unwrap();
    let (store, world, database) = begin(&server).await;
    let people: [UserId; 20] = world.people().await;
    let mut rooms = Vec::new();
    for n in 0..10 {
        let room = world
            .create(people[0], RoomKind::PUBLIC, &format!("room {n}"))
            .await;
        for person in &people[1..] {
            let join = parlor_server::store::Change::Join;
            world.act(*person, room, join).await.unwrap();
        }
        rooms.push(room);
    }
    for sql in fill() {
        server.sql(&database, &sql).await.unwrap();
    }
    let mut from = std::fs::read_to_string(server.log()).unwrap().len();
    let reads = [
        "newest",
        "before",
        "after",
        "around",
        "changes",
        "summary",
        "access",
        "heads",
        "user changes",
        "members",
        "mark",
    ];
    for what in reads {
        ask(what, &store, people[1], rooms[3]).await;
        let (log, end) = plans(&server, from).await;
        check(what, &log);
        from = end;
    }
    // One post and a hundred take the same statements.
    let mut counts = Vec::new();
    for many in [1, 100] {
        let commands = (0..many)
            .map(|_| post(rooms[3], people[1], &world, "said"))
            .collect();
        store.append(commands).await.unwrap();
        let (log, end) = plans(&server, from).await;
        check("append", &log);
        counts.push(log.matches("Query Text").count());
        from = end;
    }
    assert_eq!(counts[0], counts[1], "statements do not grow with rows");
}
