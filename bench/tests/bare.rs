//! The whole program against the floor, small.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use serde_json::Value;

fn run(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_parlor-bench"))
        .args(["run", "bare", "--json", "-"])
        .args(arguments)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), report, said)
}

#[test]
fn twenty_users_in_one_room_receive_everything_once() {
    let page = tempfile::NamedTempFile::new().unwrap();
    let (code, report, said) = run(&[
        "--users",
        "20",
        "--rate",
        "50",
        "--seconds",
        "2",
        "--warmup",
        "0.2",
        "--html",
        page.path().to_str().unwrap(),
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["sent"], 100);
    assert_eq!(report["acknowledged"], 100);
    assert_eq!(report["deliveries"], 2_000);
    assert_eq!(report["deliveries_expected"], 2_000);
    for key in ["lost", "duplicated", "out_of_order", "errors"] {
        assert_eq!(report[key], 0, "{key}");
    }
    assert!(report["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
    assert!(report["server"]["cpu_us_per_delivery"].as_f64().unwrap() > 0.0);
    let page = std::fs::read_to_string(page.path()).unwrap();
    assert!(page.contains("<svg") && said.contains("passed"));
}

#[test]
fn users_spread_over_rooms_receive_their_own_room_only() {
    let (code, report, said) = run(&[
        "--users",
        "20",
        "--rooms",
        "5",
        "--rate",
        "50",
        "--seconds",
        "2",
        "--warmup",
        "0",
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["deliveries"], 400);
}

#[test]
fn what_cannot_run_says_why_and_exits_with_2() {
    let (code, _, said) = run(&["--users", "2", "--rooms", "3"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--rooms 3"), "{said}");
}
