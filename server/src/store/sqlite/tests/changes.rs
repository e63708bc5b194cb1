//! Where a change stands: a post in its message's row, all else in a row of its own.

use parlor_protocol::room::RoomKind;

use super::{begin, whole};
use crate::store::Change;
use crate::store::Store;
use crate::store::conformance::say;

#[tokio::test]
async fn a_message_that_changed_since_comes_once_at_its_newest_rev() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let began = store.changes(room, 0, 1).await.unwrap().rev;
    for n in 1..=4 {
        world
            .act(ann, room, say(&format!("text {n}")))
            .await
            .unwrap();
        // What lies between the posts makes their revs sparse.
        let topic = format!("topic {n}");
        world
            .act(ann, room, Change::SetTopic { topic })
            .await
            .unwrap();
    }
    let rev = store.changes(room, began, 1).await.unwrap().rev;
    assert_eq!(rev, began + 8);
    // As an edit of the second one will write it.
    let mut held = store.writer.hold().await;
    for statement in [
        "UPDATE messages SET state = 1, text = 'edited' WHERE seq = 2",
        "UPDATE rooms SET rev = rev + 1",
        "INSERT INTO room_changes SELECT id, rev, 1, 0, 2 FROM rooms",
    ] {
        let connection = held.connection().await.unwrap();
        sqlx::query(statement).execute(connection).await.unwrap();
    }
    drop(held);
    let revs = |since| {
        let store = store.clone();
        async move {
            let changes = store.changes(room, since, 1).await.unwrap();
            assert_eq!(changes.through, rev + 1);
            let revs: Vec<u64> = changes.entries.iter().map(|entry| entry.rev).collect();
            revs
        }
    };
    // Posts 1, 3 and 4, the topic once, and the edited message where the edit stands.
    let (first, third, fourth) = (began + 1, began + 5, began + 7);
    assert_eq!(
        revs(began).await,
        [first, third, fourth, began + 8, rev + 1]
    );
    assert_eq!(revs(first).await, [third, fourth, began + 8, rev + 1]);
    assert_eq!(revs(fourth).await, [began + 8, rev + 1]);
    assert_eq!(revs(rev).await, [rev + 1]);
    assert!(revs(rev + 1).await.is_empty());
    assert_eq!(whole(&*store, room).await[1].text, "edited");
}

#[tokio::test]
async fn more_than_one_reply_holds_is_read_on_from_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let began = store.changes(room, 0, 1).await.unwrap().rev;
    for n in 0..6 {
        let commands = (0..200)
            .map(|_| world.command(ann, room, say("a message")))
            .collect();
        world.append(commands).await;
        let topic = format!("topic {n}");
        world
            .act(bob, room, Change::Leave)
            .await
            .and(world.act(bob, room, Change::Join).await)
            .and(world.act(ann, room, Change::SetTopic { topic }).await)
            .unwrap();
    }
    let (mut since, mut seen) = (began, Vec::new());
    loop {
        let changes = store.changes(room, since, 1).await.unwrap();
        assert!(!changes.reset);
        seen.extend(changes.entries.iter().map(|entry| entry.rev));
        since = changes.through;
        if since == changes.rev {
            break;
        }
    }
    assert!(seen.is_sorted_by(|a, b| a < b));
    // Each post, and once each: the topic, and bob.
    assert_eq!(seen.len(), 1_200 + 2);
}

#[tokio::test]
async fn erasing_a_load_leaves_everybody_else_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let [ann, bob] = world.people().await;
    let [keeper, load] = [
        world.load_person("keeper").await,
        world.load_person("load").await,
    ];
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob, load]).await;
    world
        .act(load, room, say("in a room of ann's"))
        .await
        .unwrap();
    let shared = world.create(keeper, RoomKind::PUBLIC, "shared").await;
    world.act(bob, shared, Change::Join).await.unwrap();
    let gone = world.create(keeper, RoomKind::PUBLIC, "bench-room").await;
    world.act(load, gone, Change::Join).await.unwrap();
    for _ in 0..50 {
        world.act(load, gone, say("load")).await.unwrap();
    }
    while store.erase_load(20).await.unwrap() > 0 {}
    assert_eq!(store.room_by_name("bench-room").await.unwrap(), None);
    assert!(store.access(gone, load).await.unwrap().is_none());
    assert!(
        store.access(shared, bob).await.unwrap().is_some(),
        "bob is there"
    );
    assert_eq!(whole(&*store, room).await.len(), 1);
    // The name is free, and what is made now is no heir of what went.
    let next = world.create(ann, RoomKind::PUBLIC, "bench-room").await;
    assert!(whole(&*store, next).await.is_empty());
    world.act(ann, next, say("first")).await.unwrap();
    assert_eq!(store.changes(next, 0, 1).await.unwrap().head, 1);
}

#[tokio::test]
async fn a_room_that_an_erased_account_has_left_can_be_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let [ann] = world.people().await;
    let load = world.load_person("load").await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, load]).await;
    world.act(load, room, Change::Leave).await.unwrap();
    while store.erase_load(20).await.unwrap() > 0 {}
    assert!(store.user(load).await.unwrap().is_none());
    let changes = store.changes(room, 0, 1).await.unwrap();
    assert_eq!(changes.through, changes.rev);
    assert!(
        changes
            .entries
            .iter()
            .all(|entry| entry.open_room().is_ok())
    );
}
