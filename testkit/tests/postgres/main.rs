//! The store on a real PostgreSQL: the conformance suite, several nodes on one database, and what
//! becomes of it when the database is away.

#![allow(clippy::unwrap_used)]

mod away;
mod migration;
mod moving;
mod nodes;
mod opening;
mod plans;
mod replicas;
mod schema;

use std::sync::Arc;

use parlor_protocol::message::{Message, Place, Timeline};
use parlor_protocol::{RoomId, UserId};
use parlor_server::store::conformance::{self, Factory, Hand, World};
use parlor_server::store::postgres::{PostgresSettings, PostgresStore};
use parlor_server::store::{Change, RoomCommand, Store};
use parlor_testkit::postgres::TestPostgres;

/// Connections of each store: many stores share one server here.
const CONNECTIONS: u32 = 9;

struct Databases(TestPostgres);

impl Factory for Databases {
    async fn make(&self, hand: &Hand) -> Arc<dyn Store> {
        let database = self.0.database().await.unwrap();
        Arc::new(open(&self.0.url(&database), hand).await)
    }
}

fn settings(url: &str) -> PostgresSettings {
    let mut settings = PostgresSettings::new(url);
    settings.connections = CONNECTIONS;
    settings
}

async fn open(url: &str, hand: &Hand) -> PostgresStore {
    let hand = hand.clone();
    PostgresStore::open_with(&settings(url), Arc::new(move || hand.now_ms()))
        .await
        .unwrap()
}

/// A store on a fresh database of the server, and the database's name.
async fn begin(server: &TestPostgres) -> (Arc<PostgresStore>, World, String) {
    let database = server.database().await.unwrap();
    let hand = Hand::new();
    let store = Arc::new(open(&server.url(&database), &hand).await);
    (store.clone(), World::with(store, hand), database)
}

fn post(room: RoomId, actor: UserId, world: &World, text: &str) -> RoomCommand {
    let change = Change::Post {
        timeline: Timeline::ROOM,
        after: None,
        text: text.to_owned(),
        long: None,
    };
    world.command(actor, room, change)
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms() {
    let server = TestPostgres::start_with(&["max_connections=400"])
        .await
        .unwrap();
    conformance::run(&Databases(server)).await;
}
