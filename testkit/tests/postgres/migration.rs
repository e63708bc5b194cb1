//! The steps of the schema, as an operator sees and does them.

use parlor_server::store::migration::Database;
use parlor_server::store::{Store, StoreError};
use parlor_testkit::postgres::TestPostgres;

use super::{begin, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_that_bring_a_database_forward_at_once_all_find_it_done() {
    let server = TestPostgres::start().await.unwrap();
    let name = server.database().await.unwrap();
    let database = Database::Postgres(settings(&server.url(&name)));
    let steps = database.steps().await.unwrap();
    assert!(!steps.is_empty());
    assert!(steps.iter().all(|step| !step.applied), "{steps:?}");
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(server.sql(&name, tables).await.unwrap(), "0", "only looked");
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { database.up().await })
        })
        .collect();
    for task in tasks {
        let steps = task.await.unwrap().unwrap();
        assert!(steps.iter().all(|step| step.applied), "{steps:?}");
    }
    assert_eq!(
        database.steps().await.unwrap(),
        database.up().await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_this_program_does_not_know_are_an_error() {
    let server = TestPostgres::start().await.unwrap();
    for (change, newer) in [
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999, 'of tomorrow', true, '', 0)",
            true,
        ),
        (
            "UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = 1",
            false,
        ),
        (
            "UPDATE _sqlx_migrations SET success = false WHERE version = 1",
            false,
        ),
    ] {
        let (store, _, name) = begin(&server).await;
        store.close().await;
        server.sql(&name, change).await.unwrap();
        let database = Database::Postgres(settings(&server.url(&name)));
        for outcome in [database.steps().await, database.up().await] {
            match outcome {
                Err(StoreError::Newer { found: 999, .. }) => assert!(newer),
                Err(StoreError::Damaged(_)) => assert!(!newer),
                other => panic!("{change}: {other:?}"),
            }
        }
    }
}
