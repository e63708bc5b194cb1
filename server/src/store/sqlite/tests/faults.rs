//! A full disk, a row that cannot be written, a caller who goes away.

use std::time::Duration;

use parlor_protocol::Code;
use parlor_protocol::room::RoomKind;

use super::{alone, begin, whole};
use crate::store::conformance::say;
use crate::store::sqlite::SqliteStore;
use crate::store::{RoomCommand, Store, StoreError};

/// Lets the database grow by so many pages and no further.
async fn bound(store: &SqliteStore, more: Option<i64>) {
    let mut held = store.writer.hold().await;
    let connection = held.connection().await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let pragma = format!(
        "PRAGMA max_page_count = {}",
        more.map_or(i64::from(u32::MAX) - 1, |more| pages + more)
    );
    sqlx::query(sqlx::AssertSqlSafe(pragma))
        .execute(connection)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_does_nothing_by_half() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let (ann, room) = alone(&world).await;
    bound(&store, Some(30)).await;
    let text = "x".repeat(2_000);
    let mut unsent: Vec<RoomCommand> = Vec::new();
    let mut sent = 0;
    for _ in 0..20 {
        let commands: Vec<_> = (0..5)
            .map(|_| world.command(ann, room, say(&text)))
            .collect();
        match store.append(commands.clone()).await {
            Ok(appended) => {
                assert!(unsent.is_empty(), "once full, it stays full");
                assert!(appended.results.iter().all(Result::is_ok));
                sent += appended.results.len();
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Full), "{error}");
                unsent.extend(commands);
            }
        }
    }
    assert!(sent > 0 && !unsent.is_empty());
    assert_eq!(whole(&*store, room).await.len(), sent);
    let summary = store.summary(room, ann).await.unwrap().unwrap();
    assert_eq!((summary.head, summary.rev), (sent as u64, sent as u64 + 2));
    // With room again, the same send keys go through, once.
    bound(&store, None).await;
    let appended = store.append(unsent).await.unwrap();
    assert!(
        appended
            .results
            .iter()
            .all(|result| !result.as_ref().unwrap().repeated)
    );
    assert_eq!(whole(&*store, room).await.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_culprit_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let [ann] = world.people().await;
    let good = world.create(ann, RoomKind::PUBLIC, "good").await;
    let bad = world.create(ann, RoomKind::PUBLIC, "bad").await;
    // A row that the counters do not know of: the next seq of that room cannot be written.
    let mut held = store.writer.hold().await;
    sqlx::query("INSERT INTO messages SELECT id, 0, 1, x'00', 0, x'00', 1, 0, 'stray', NULL, NULL FROM rooms WHERE name = 'bad'")
        .execute(held.connection().await.unwrap())
        .await
        .unwrap();
    drop(held);
    let rooms = [good, bad, good, good, bad, good, good];
    let appended = world
        .append(
            rooms
                .map(|room| world.command(ann, room, say("?")))
                .to_vec(),
        )
        .await;
    let mut seq = 0;
    for (room, result) in rooms.iter().zip(&appended.results) {
        match result {
            Ok(done) => {
                seq += 1;
                assert_eq!((*room, done.seq), (good, seq));
            }
            Err(refusal) => assert_eq!((*room, refusal.code), (bad, Code::INTERNAL)),
        }
    }
    assert_eq!(seq, 5);
    assert_eq!(whole(&*store, good).await.len(), 5);
    let entries: usize = appended.rooms.iter().map(|batch| batch.entries.len()).sum();
    assert_eq!(entries, 5);
    assert!(
        appended
            .rooms
            .windows(2)
            .all(|pair| pair[0].rev == pair[1].before)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_young_key_that_is_known_after_all_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let (ann, room) = alone(&world).await;
    let command = world.command(ann, room, say("once"));
    let first = world.one(command.clone()).await.unwrap();
    // As after a restart: what was sent lately is not at hand.
    store.writer.hold().await.cache.clear();
    let beside = world.command(ann, room, say("beside"));
    let appended = world.append(vec![beside, command.clone()]).await;
    let again = appended.results[1].as_ref().unwrap();
    assert_eq!((again.seq, again.repeated), (first.seq, true));
    assert_eq!(appended.results[0].as_ref().unwrap().seq, 2);
    assert_eq!(whole(&*store, room).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_cuts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let (ann, room) = alone(&world).await;
    for _ in 0..20 {
        let command = vec![world.command(ann, room, say("gone before the answer"))];
        let _ = tokio::time::timeout(Duration::ZERO, store.append(command)).await;
    }
    world.say(ann, room, "still here").await;
    assert_eq!(whole(&*store, room).await.len(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_carried_over_and_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let (ann, room) = alone(&world).await;
    let log = folder.path().join("parlor.db-wal");
    let size = || std::fs::metadata(&log).map_or(0, |file| file.len());
    let text = "y".repeat(30_000);
    let mut most = 0;
    for _ in 0..60 {
        let commands = (0..100)
            .map(|_| world.command(ann, room, say(&text)))
            .collect();
        assert!(
            world
                .append(commands)
                .await
                .results
                .iter()
                .all(Result::is_ok)
        );
        most = most.max(size());
    }
    assert!(most < 96 << 20, "180 MB went through a log of {most} bytes");
    assert_eq!(whole(&*store, room).await.len(), 6_000);
    store.close().await;
    assert_eq!(size(), 0);
}
