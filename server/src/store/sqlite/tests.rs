#![allow(clippy::unwrap_used)]

mod changes;
mod copies;
mod crash;
mod faults;
mod steps;
mod work;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use parlor_protocol::message::{Message, Place, Timeline};
use parlor_protocol::{RoomId, UserId};
use tempfile::TempDir;

use super::SqliteStore;
use crate::store::Store;
use crate::store::conformance::{self, Factory, Hand, World};

/// Stores in folders that go with it.
#[derive(Default)]
struct Folders(Mutex<Vec<TempDir>>);

impl Factory for Folders {
    async fn make(&self, hand: &Hand) -> Arc<dyn Store> {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, hand).await;
        self.0.lock().unwrap().push(folder);
        store
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("parlor.db")
}

async fn open(folder: &TempDir, hand: &Hand) -> Arc<SqliteStore> {
    let hand = hand.clone();
    Arc::new(
        SqliteStore::open_with(&file(folder), Arc::new(move || hand.now_ms()))
            .await
            .unwrap(),
    )
}

/// A store of a test's own, as itself and with people in it.
async fn begin(folder: &TempDir) -> (Arc<SqliteStore>, World) {
    let hand = Hand::new();
    let store = open(folder, &hand).await;
    (store.clone(), World::with(store, hand))
}

/// Every message of a room's own timeline; fails where one is missing.
async fn whole(store: &dyn Store, room: RoomId) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let page = store
            .page(room, Timeline::ROOM, Place::AFTER, all.len() as u64, 200, 1)
            .await
            .unwrap();
        all.extend(page.messages);
        if all.len() as u64 >= page.head {
            break;
        }
    }
    let seqs: Vec<_> = all.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=all.len() as u64).collect::<Vec<_>>(), "no gap");
    all
}

/// The room's only member and the room.
async fn alone(world: &World) -> (UserId, RoomId) {
    let [ann] = world.people().await;
    let room = world
        .create(ann, parlor_protocol::room::RoomKind::PUBLIC, "room")
        .await;
    (ann, room)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    conformance::run(&Folders::default()).await;
}
