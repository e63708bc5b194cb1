//! `doctor` on a node of a cluster, with a real PostgreSQL and a real Redis.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use parlor_testkit::nodes::{Nodes, Place};

/// What it prints, one finding a line, and whether it found no problem.
fn doctor(file: &Path, connections: u32) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-test-server"));
    command.env_clear().arg("--data").arg(folder.path());
    command.args(["--port", "0", "--http", "off"]);
    command.arg("--cluster").arg(file);
    command.args(["--set", &format!("database.connections={connections}")]);
    let output = command.arg("doctor").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (format!("{said}{error}"), output.status.success())
}

/// Beside the runtime, on which the nodes live.
async fn examined(file: &Path, connections: u32) -> (String, bool) {
    let file = file.to_owned();
    let run = tokio::task::spawn_blocking(move || doctor(&file, connections));
    run.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_cluster_is_counted_and_too_many_connections_are_found() {
    let nodes = Nodes::start(2, |_| {}).await;
    let (said, well) = examined(nodes.place.file(), 12).await;
    assert!(well, "{said}");
    for words in [
        "a primary, answers",
        "3 nodes, this one among them,",
        "off the database's",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let (said, well) = examined(nodes.place.file(), 500).await;
    assert!(!well, "{said}");
    assert!(said.contains("PROBLEM  connections"), "{said}");
    assert!(said.contains("max_connections"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_away_or_open_to_others_is_a_problem_and_no_secret_is_shown() {
    let mut place = Place::new().await;
    place.redis.kill().await.unwrap();
    place.postgres.stop().await.unwrap();
    let (said, well) = examined(place.file(), 12).await;
    assert!(!well, "{said}");
    for words in ["PROBLEM  Redis", "PROBLEM  PostgreSQL", "cannot be reached"] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let (said, well) = examined(place.file(), 12).await;
    assert!(!well, "{said}");
    assert!(said.contains("PROBLEM  cluster"), "{said}");
    assert!(said.contains("chmod 600"), "{said}");
}
