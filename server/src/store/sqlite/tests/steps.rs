//! The steps of the schema, and what is no source of a move.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::{begin, file};
use crate::store::migration::Database;
use crate::store::postgres::PostgresSettings;
use crate::store::shared::tables::{LEFT, TABLES};
use crate::store::sqlite::shape::shape;
use crate::store::transfer::{MoveError, transfer};
use crate::store::{Store, StoreError};

#[tokio::test]
async fn steps_are_seen_without_a_change_and_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&file(&folder));
    let steps = database.steps().await.unwrap();
    assert!(!steps.is_empty());
    assert!(steps.iter().all(|step| !step.applied), "{steps:?}");
    assert!(!file(&folder).exists(), "only looked");
    for _ in 0..2 {
        let steps = database.up().await.unwrap();
        assert!(steps.iter().all(|step| step.applied), "{steps:?}");
    }
    let (store, _) = begin(&folder).await;
    let running = database.steps().await.unwrap();
    assert!(running.iter().all(|step| step.applied), "{running:?}");
    store.close().await;
}

#[tokio::test]
async fn a_move_knows_every_column_of_every_table() {
    let folder = tempfile::tempdir().unwrap();
    Database::sqlite(&file(&folder)).up().await.unwrap();
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    for line in shape(&file(&folder)).await.unwrap() {
        if let Some(column) = line.strip_prefix("column ") {
            let table = column.split('.').next().unwrap();
            *there.entry(table.to_owned()).or_default() += 1;
        }
    }
    there.retain(|table, _| !LEFT.contains(&table.as_str()));
    let moved = TABLES.iter().map(|it| (it.name.to_owned(), it.kinds.len()));
    assert_eq!(moved.collect::<BTreeMap<_, _>>(), there);
}

#[tokio::test]
async fn a_schema_of_another_program_is_shown_and_moved_by_that_one() {
    for (change, says) in [
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999, 'of tomorrow', 1, x'', 0)",
            "is of schema 999",
        ),
        (
            "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
            "step 1 of its schema is not the one",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = begin(&folder).await;
        store.close().await;
        alter(&folder, change).await;
        let error = Database::sqlite(&file(&folder)).steps().await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        let error = refused_source(&folder).await;
        assert!(error.to_string().contains(says), "{error}");
    }
    // One step behind.
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = begin(&folder).await;
    store.close().await;
    alter(&folder, "DELETE FROM _sqlx_migrations").await;
    let error = refused_source(&folder).await;
    assert!(matches!(error, MoveError::SourceOlder), "{error}");
    assert!(error.to_string().contains("migrate up"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_no_source() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(file(&folder), "x".repeat(10_000)).unwrap();
    let error = refused_source(&folder).await;
    assert!(
        matches!(error, MoveError::Source(StoreError::Damaged(_))),
        "{error}"
    );
}

async fn alter(folder: &tempfile::TempDir, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(file(folder));
    let mut connection = options.connect().await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The move's error, which comes before the target is looked at.
async fn refused_source(folder: &tempfile::TempDir) -> MoveError {
    let nowhere = PostgresSettings::new("nowhere");
    let mut told = |_| ControlFlow::Continue(());
    transfer(&file(folder), &nowhere, &mut told)
        .await
        .unwrap_err()
}
