//! What the nodes of a cluster share.

#![allow(clippy::unwrap_used)]

use parlor_testkit::shared::{Shared, SharedError};

#[tokio::test]
async fn a_database_and_a_redis_answer_and_end() {
    let shared = Shared::start(&["max_connections=50"]).await.unwrap();
    let database = shared.database().to_owned();
    let sql = async |sql: &str| shared.postgres.sql(&database, sql).await.unwrap();
    assert_eq!(sql("SHOW max_connections").await, "50");
    assert_eq!(
        sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await,
        "0"
    );
    assert_eq!(shared.redis.command(&["PING"]).await.unwrap(), "PONG");
    assert!(!shared.postgres.process_ids().is_empty());
    assert!(shared.redis.process_id().is_some());
    shared.end().await;
}

#[tokio::test]
async fn a_program_that_makes_no_cluster_says_so() {
    let shared = Shared::start(&[]).await.unwrap();
    let refused = shared.init("/bin/false".as_ref()).await;
    assert!(
        matches!(refused, Err(SharedError::Init { .. })),
        "{refused:?}"
    );
    let missing = shared.init("/nowhere/parlor-server".as_ref()).await;
    assert!(
        matches!(missing, Err(SharedError::Program { .. })),
        "{missing:?}"
    );
}
