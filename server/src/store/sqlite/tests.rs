#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use tempfile::TempDir;

use super::SqliteStore;
use crate::store::Store;
use crate::store::conformance::{self, Factory, Hand};

/// Stores in folders that go with it.
struct Folders(std::sync::Mutex<Vec<TempDir>>);

impl Factory for Folders {
    async fn make(&self, hand: &Hand) -> Arc<dyn Store> {
        let folder = tempfile::tempdir().unwrap();
        let hand = hand.clone();
        let file = folder.path().join("parlor.db");
        let store = SqliteStore::open_with(&file, Arc::new(move || hand.now_ms()))
            .await
            .unwrap();
        self.0.lock().unwrap().push(folder);
        Arc::new(store)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    conformance::run(&Folders(std::sync::Mutex::default())).await;
}
