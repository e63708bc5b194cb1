//! Backups, restores, and files that are not this program's.

use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use super::{alone, begin, file, open, whole};
use crate::store::conformance::Hand;
use crate::store::sqlite::{SqliteStore, open as settings, restore};
use crate::store::{Store, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_people_write_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let (ann, room) = alone(&world).await;
    let posts = async {
        for n in 0..300 {
            world.say(ann, room, &n.to_string()).await;
        }
    };
    let copies = async {
        for n in 0..5 {
            store
                .backup(&folder.path().join(format!("copy{n}")))
                .await
                .unwrap();
        }
    };
    tokio::join!(posts, copies);
    let again = store.backup(&folder.path().join("copy0")).await;
    assert!(
        matches!(again, Err(StoreError::Statement(_))),
        "no file is written over"
    );
    let mut before = 0;
    for n in 0..5 {
        let copy = SqliteStore::open(&folder.path().join(format!("copy{n}")))
            .await
            .unwrap();
        let messages = whole(&copy, room).await.len();
        assert!(messages >= before);
        before = messages;
        let summary = copy.summary(room, ann).await.unwrap().unwrap();
        assert_eq!(
            (summary.head, summary.rev),
            (messages as u64, messages as u64 + 2)
        );
        copy.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_is_another_life() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let (ann, room) = alone(&world).await;
    world.say(ann, room, "kept").await;
    let copy = folder.path().join("copy");
    store.backup(&copy).await.unwrap();
    world.say(ann, room, "made after the backup").await;
    let epoch = store.epoch();
    store.close().await;
    let renewed = restore(&copy, &file(&folder)).await.unwrap();
    assert_ne!(renewed, epoch);
    let back = open(&folder, &world.hand).await;
    assert_eq!(back.epoch(), renewed);
    assert_eq!(whole(&*back, room).await.len(), 1);
    back.close().await;
    // What stood there is still to be had.
    let replaced = SqliteStore::open(&folder.path().join("parlor.db.replaced"))
        .await
        .unwrap();
    assert_eq!(
        (replaced.epoch(), whole(&replaced, room).await.len()),
        (epoch, 2)
    );
}

#[tokio::test]
async fn an_epoch_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::new();
    let first = open(&folder, &hand).await;
    first.close().await;
    assert_eq!(open(&folder, &hand).await.epoch(), first.epoch());
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    begin(&folder).await.0.close().await;
    newer(&folder).await;
    let error = SqliteStore::open(&file(&folder)).await.err().unwrap();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 4_000,
                known: 1..
            }
        ),
        "{error}"
    );
    let error = restore(&file(&folder), &folder.path().join("other.db"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert!(!folder.path().join("other.db").exists());
}

async fn newer(folder: &TempDir) {
    let mut connection = settings::writer(&file(folder)).connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (4000, 'from tomorrow', true, x'00', 1)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(file(&folder), "no database at all\n".repeat(1_000)).unwrap();
    let error = SqliteStore::open(&file(&folder)).await.err().unwrap();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    let target = folder.path().join("target.db");
    assert!(matches!(
        restore(&file(&folder), &target).await,
        Err(StoreError::Damaged(_))
    ));
    // A database of something else.
    let other = folder.path().join("other.db");
    let mut connection = settings::writer(&other).connect().await.unwrap();
    sqlx::query("CREATE TABLE things (id)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    assert!(matches!(
        restore(&other, &target).await,
        Err(StoreError::Damaged(_))
    ));
    assert!(!target.exists());
    let missing = folder.path().join("missing");
    assert!(matches!(
        restore(&missing, &target).await,
        Err(StoreError::Away(_))
    ));
}
