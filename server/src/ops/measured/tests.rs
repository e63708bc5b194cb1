#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::{set_default, with_default};
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::store::sqlite::SqliteStore;

/// A log that is kept.
#[derive(Clone, Default)]
pub(in crate::ops) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(in crate::ops) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(self.clone())
            .finish()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Runs something whose log goes to the lines.
pub(in crate::ops) fn said(lines: &Lines, run: impl FnOnce()) {
    with_default(lines.subscriber(), run);
}

#[tokio::test]
async fn a_slow_call_is_told_without_what_it_was_about() {
    let folder = tempfile::tempdir().unwrap();
    let inner = SqliteStore::open(&folder.path().join("parlor.db")).await;
    let store = MeasuredStore {
        inner: Box::new(inner.unwrap()),
        metrics: Arc::default(),
        slow: Slow::of_all_calls(),
    };
    let lines = Lines::default();
    let guard = set_default(lines.subscriber());
    assert!(store.user_by_name("nobody").await.unwrap().is_none());
    drop(guard);
    let text = lines.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("call=\"user_by_name\""), "{text}");
    assert!(!text.contains("nobody"), "{text}");
    store.close().await;
}
