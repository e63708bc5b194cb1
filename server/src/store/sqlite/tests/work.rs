//! What a request costs does not grow with what is stored: counted in steps of SQLite's machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_protocol::{RoomId, UserId};

use super::begin;
use crate::store::Change;
use crate::store::conformance::{World, say};
use crate::store::sqlite::SqliteStore;

/// Counts the steps of everything that the store's connections do.
async fn counter(store: &SqliteStore) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let mut readers = Vec::new();
    for _ in 0..store.readers.options().get_max_connections() {
        readers.push(store.readers.acquire().await.unwrap());
    }
    for reader in &mut readers {
        let steps = Arc::clone(&count);
        let step = move || {
            steps.fetch_add(1, Ordering::Relaxed);
            true
        };
        reader
            .lock_handle()
            .await
            .unwrap()
            .set_progress_handler(1, step);
    }
    let steps = Arc::clone(&count);
    let mut held = store.writer.hold().await;
    let step = move || {
        steps.fetch_add(1, Ordering::Relaxed);
        true
    };
    held.connection()
        .await
        .unwrap()
        .lock_handle()
        .await
        .unwrap()
        .set_progress_handler(1, step);
    count
}

/// Each request once, with its name and the steps it took.
async fn requests(
    world: &World,
    count: &AtomicU64,
    ann: UserId,
    bob: UserId,
    room: RoomId,
) -> Vec<(String, u64)> {
    let store = &world.store;
    let summary = store.summary(room, ann).await.unwrap().unwrap();
    let (head, rev) = (summary.head, summary.rev);
    let mut costs = Vec::new();
    macro_rules! cost {
        ($name:expr, $request:expr) => {{
            let before = count.load(Ordering::Relaxed);
            let _ = $request.await.unwrap();
            costs.push(($name.to_string(), count.load(Ordering::Relaxed) - before));
        }};
    }
    for place in [
        Place::NEWEST,
        Place::BEFORE,
        Place::AFTER,
        Place::AROUND,
        Place::FROM,
    ] {
        let page = store.page(room, Timeline::ROOM, place, head / 2, 50, 1);
        cost!(format!("page {place:?}"), page);
    }
    cost!("changes", store.changes(room, rev - 50, 1));
    cost!("changes, none", store.changes(room, rev, 1));
    cost!("changes, reset", store.changes(room, 0, 1));
    cost!("access", store.access(room, ann));
    cost!("summary", store.summary(room, ann));
    cost!("heads", store.heads(ann));
    cost!("members", store.members(room, None, 20));
    cost!("member ids", store.member_ids(room, 20));
    cost!("directory", store.directory(ann, "room", 20));
    cost!("room by name", store.room_by_name("room 7"));
    cost!("user", store.user(ann));
    cost!("user by name", store.user_by_name("person1"));
    cost!("people", store.people(&[ann], &["person1".to_owned()]));
    cost!("users", store.users(Some(ann), 5));
    cost!("user changes", store.user_changes(bob, Some(1)));
    cost!("sessions", store.sessions(ann));
    cost!("session by token", store.session_by_token(&[7; 32]));
    cost!("invite", store.invite(&[7; 32], Some(ann), 0));
    cost!("text", store.text(room, Timeline::ROOM, 1, 1));
    cost!(
        "post",
        store.append(vec![world.command(ann, room, say("one more"))])
    );
    world.hand.forward(3_600_000);
    let late = crate::store::RoomCommand {
        send_key: parlor_protocol::SendKey(crate::store::conformance::uuid_v7(
            world.hand.now_ms() - 3_000_000,
            9,
        )),
        ..world.command(ann, room, say("long in the outbox"))
    };
    cost!("late post", store.append(vec![late]));
    cost!("mark", store.mark(bob, room, Timeline::ROOM, head));
    cost!(
        "leave",
        store.append(vec![world.command(bob, room, Change::Leave)])
    );
    cost!(
        "join",
        store.append(vec![world.command(bob, room, Change::Join)])
    );
    cost!("prune", store.prune(1_000, 10));
    costs
}

/// A room with so many messages, members, and rooms and people around it.
async fn filled(messages: usize, around: usize) -> Vec<(String, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    for n in 0..around {
        let person = world.person(&format!("other{n}")).await;
        world.act(person, room, Change::Join).await.unwrap();
        world
            .create(person, RoomKind::PUBLIC, &format!("room {n}"))
            .await;
    }
    for _ in 0..messages / 200 {
        let commands = (0..200)
            .map(|_| world.command(ann, room, say("a message")))
            .collect();
        assert!(
            world
                .append(commands)
                .await
                .results
                .iter()
                .all(Result::is_ok)
        );
    }
    let count = counter(&store).await;
    // The least of a few: a connection that reads the schema for the first time steps for that too.
    let mut least = requests(&world, &count, ann, bob, room).await;
    for _ in 0..3 {
        let again = requests(&world, &count, ann, bob, room).await;
        for (least, again) in least.iter_mut().zip(again) {
            least.1 = least.1.min(again.1);
        }
    }
    least
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_costs_what_it_returns() {
    let small = filled(2_400, 30).await;
    let large = filled(24_000, 300).await;
    let grown: Vec<_> = small
        .iter()
        .zip(&large)
        .filter(|((_, few), (_, many))| *many > few * 5 / 4 + 20)
        .map(|((name, few), (_, many))| {
            format!("{name}: {few} steps, with ten times as much stored {many}")
        })
        .collect();
    assert!(grown.is_empty(), "{grown:#?}");
}
