//! Opening: at once, on the wrong thing, on another life of the same database.

use std::sync::Arc;

use parlor_server::store::conformance::Hand;
use parlor_server::store::postgres::{PostgresSettings, PostgresStore};
use parlor_server::store::{Store, StoreError};
use parlor_testkit::postgres::{PASSWORD, TestPostgres};

use super::{begin, open, settings};

async fn refused(settings: &PostgresSettings) -> StoreError {
    match PostgresStore::open(settings).await {
        Err(error) => error,
        Ok(_) => panic!("that should not have opened"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_open_an_empty_database_at_once_agree() {
    let server = TestPostgres::start().await.unwrap();
    let database = server.database().await.unwrap();
    let url = server.url(&database);
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url, &Hand::new()).await.epoch() })
        })
        .collect();
    let mut epochs = Vec::new();
    for task in tasks {
        epochs.push(task.await.unwrap());
    }
    assert_eq!(epochs[0], epochs[1]);
    assert_eq!(epochs[1], epochs[2]);
    assert_eq!(
        open(&url, &Hand::new()).await.epoch(),
        epochs[0],
        "and later"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why_and_never_the_password() {
    let mut server = TestPostgres::start().await.unwrap();
    let database = server.database().await.unwrap();
    let right = server.url(&database);
    let wrong = [
        ("not a url".to_owned(), "URL cannot be read"),
        (
            "postgres://ann:hunter22@[::1".to_owned(),
            "URL cannot be read",
        ),
        (
            right.replace("not%20a%20secret", "hunter22"),
            "password authentication failed",
        ),
        (server.url("no_such"), "does not exist"),
    ];
    for (url, says) in wrong {
        let error = refused(&settings(&url)).await;
        let text = format!("{error} {error:?} {:?}", settings(&url));
        assert!(matches!(error, StoreError::Away(_)), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(
            !text.contains("hunter22") && !text.contains(PASSWORD),
            "{text}"
        );
    }
    server.stop().await.unwrap();
    let error = refused(&settings(&right)).await;
    assert!(matches!(error, StoreError::Away(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_left_alone() {
    let server = TestPostgres::start().await.unwrap();
    let (store, _, database) = begin(&server).await;
    store.close().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (999, 'of tomorrow', true, '', 0)";
    server.sql(&database, newer).await.unwrap();
    let error = refused(&settings(&server.url(&database))).await;
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 999,
                known: 2
            }
        ),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_timeline_is_another_epoch() {
    let mut server = TestPostgres::start().await.unwrap();
    let (store, _, database) = begin(&server).await;
    let first = store.epoch();
    drop(store);
    server.restart().await.unwrap();
    let url = server.url(&database);
    assert_eq!(
        open(&url, &Hand::new()).await.epoch(),
        first,
        "a restart is none"
    );
    // As if this were a replica that was promoted: its log goes on under the next number.
    server
        .sql(&database, "UPDATE meta SET timeline = timeline - 1")
        .await
        .unwrap();
    let second = open(&url, &Hand::new()).await.epoch();
    assert_ne!(second, first);
    assert_eq!(open(&url, &Hand::new()).await.epoch(), second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_rights_of_an_administrator_is_enough() {
    let server = TestPostgres::start().await.unwrap();
    let database = server.database().await.unwrap();
    let make = format!(
        "CREATE ROLE parlor LOGIN PASSWORD 'word'; ALTER DATABASE {database} OWNER TO parlor"
    );
    for sql in make.split("; ") {
        server.sql("postgres", sql).await.unwrap();
    }
    let url = server
        .url(&database)
        .replace("postgres:not%20a%20secret", "parlor:word");
    let store: Arc<dyn Store> = Arc::new(open(&url, &Hand::new()).await);
    store.check().await.unwrap();
    assert!(store.is_empty().await.unwrap());
}
