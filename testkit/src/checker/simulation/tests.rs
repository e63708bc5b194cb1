//! Good histories are green, bad ones red for the right reason.

mod faults;
mod mutations;

use super::play;
use crate::checker::{Counts, Histories, Recorder, Run, check};

/// Worlds played per story.
const SEEDS: u64 = 40;

#[test]
fn every_honest_world_is_green() {
    for seed in 0..SEEDS * 4 {
        let verdict = check(&play(seed, None));
        assert!(verdict.is_green(), "seed {seed}: {verdict}");
    }
}

#[test]
fn honest_worlds_are_eventful() {
    let counts = |seed| check(&play(seed, None)).counts;
    let all: Vec<Counts> = (0..SEEDS).map(counts).collect();
    let sum = |count: fn(&Counts) -> u64| all.iter().map(count).sum::<u64>() / SEEDS;
    for counts in &all {
        assert_eq!((counts.clients, counts.only_receiving), (6, 2));
        assert_eq!((counts.rooms, counts.views, counts.open), (3, 12, 0));
    }
    // Of each world, on average.
    assert!(sum(|it| it.acknowledged) > 100);
    assert!(sum(|it| it.deliveries) > 600);
    assert!(sum(|it| it.refused) > 5 && sum(|it| it.undone) > 5);
}

#[test]
fn a_world_written_to_files_and_read_again_is_judged_alike() {
    let run = play(5, None);
    let mut histories = Histories::default();
    for history in &run.histories {
        let mut file = Vec::new();
        let mut recorder = Recorder::new(&mut file, &history.client);
        for event in &history.events {
            recorder.record(event).unwrap();
        }
        histories.read(file.as_slice()).unwrap();
    }
    let database = serde_json::to_vec(&run.database).unwrap();
    let views = serde_json::to_vec(&run.views).unwrap();
    let read = Run {
        plan: run.plan.clone(),
        database: serde_json::from_slice(&database).unwrap(),
        histories: histories.into_vec(),
        views: serde_json::from_slice(&views).unwrap(),
    };
    let (verdict, again) = (check(&run), check(&read));
    assert!(again.is_green(), "{again}");
    assert_eq!(verdict.counts, again.counts);
}

#[test]
fn a_red_verdict_says_what_is_wrong() {
    let mut run = play(1, None);
    run.views.truncate(1);
    run.views[0].epoch = 9;
    run.views[0].rooms[1].rev = Some(1);
    let text = check(&run).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("RED: 2 violations. 6 clients (2 only receiving); "));
    assert_eq!(lines[1], "       1 × ViewEpochDiffers");
    assert_eq!(lines[2], "       1 × ViewRevDiffers");
    assert_eq!(lines[3], "  1. client 0: holds epoch 9, the database has 2");
    assert!(lines[4].starts_with("  2. client 0: holds room 02020202-"));
}
