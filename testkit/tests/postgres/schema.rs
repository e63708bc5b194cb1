//! Both databases have the same tables, columns and constraints, by the same names, but for what is
//! listed here.

use std::collections::BTreeSet;

use parlor_server::store::Store;
use parlor_server::store::sqlite::{SqliteStore, shape::shape};
use parlor_testkit::postgres::TestPostgres;

use super::begin;

/// What SQLite alone has.
const SQLITE: [&str; 1] = [
    // A column that takes bytes and numbers; PostgreSQL's holds the numbers as bytes.
    "column room_changes.ref_a any",
];
/// What PostgreSQL alone has.
const POSTGRES: [&str; 7] = [
    "column room_changes.ref_a bytes",
    // Which server the epoch belongs to.
    "column meta.cluster number",
    "column meta.timeline number",
    // The lock and the count of a person's own rev, where many write.
    "column user_revs.user bytes",
    "column user_revs.rev number",
    "constraint user_revs_pk",
    "constraint user_revs_user_fk",
];

const SHAPE: &str = "
    SELECT 'column ' || c.relname || '.' || a.attname || ' ' || CASE a.atttypid
        WHEN 'bigint'::regtype THEN 'number' WHEN 'bytea'::regtype THEN 'bytes'
        WHEN 'text'::regtype THEN 'text' ELSE a.atttypid::regtype::text END
        || CASE WHEN a.attnotnull THEN '' ELSE ' or null' END
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        AND NOT a.attisdropped AND c.relname <> '_sqlx_migrations'
    UNION ALL
    SELECT 'constraint ' || n.conname FROM pg_constraint n
    WHERE n.connamespace = 'public'::regnamespace AND n.conname NOT LIKE '\\_sqlx%'
    UNION ALL
    SELECT 'index ' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_constraint n WHERE n.conindid = i.indexrelid)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_schemas_are_the_same_but_for_a_few_things() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parlor.db");
    SqliteStore::open(&file).await.unwrap().close().await;
    let sqlite = shape(&file).await.unwrap();
    let server = TestPostgres::start().await.unwrap();
    let (_store, _, database) = begin(&server).await;
    let rows = server.sql(&database, SHAPE).await.unwrap();
    let postgres: BTreeSet<String> = rows.lines().map(str::to_owned).collect();
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    let sorted = |stated: &[&str]| {
        let mut stated: Vec<String> = stated.iter().map(|it| (*it).to_owned()).collect();
        stated.sort();
        stated
    };
    assert!(sqlite.len() > 100, "{sqlite:?}");
    assert_eq!(only(&sqlite, &postgres), sorted(&SQLITE));
    assert_eq!(only(&postgres, &sqlite), sorted(&POSTGRES));
}
