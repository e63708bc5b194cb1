//! Every single falsification of a good record is found.

mod database;
mod delivery;
mod outbox;
mod view;

use std::collections::HashSet;

use crate::checker::ViolationKind as Kind;
use crate::checker::simulation::play;
use crate::checker::{Event, Row, Run, TextHash, TimelineDump, TimelineView, Via, check};

const SEEDS: u64 = 12;

/// Falsifies good records and demands these kinds of violation.
#[track_caller]
fn shows(falsify: impl Fn(&mut Run), kinds: &[Kind]) {
    for seed in 0..SEEDS {
        let mut run = play(seed, None);
        falsify(&mut run);
        let verdict = check(&run);
        for kind in kinds {
            assert!(
                verdict.of_kind(*kind) > 0,
                "seed {seed}, {kind:?}: {verdict}"
            );
        }
    }
}

/// The main timeline of the second room, which is open to all.
fn timeline(run: &mut Run) -> &mut TimelineDump {
    &mut run.database.rooms[1].timelines[0]
}

/// A row in the midst of it that nothing changed, of someone who was never removed.
fn middle(run: &mut Run) -> &mut Row {
    let author = run.histories[0].user;
    let rows = &mut timeline(run).rows;
    let half = rows.len() / 2;
    let mut rows = rows.iter_mut().skip(half);
    rows.find(|row| !row.changed && row.author == author)
        .unwrap()
}

/// Where live deliveries of entries that nothing changed stand in a client's history,
/// of the last room content it held without a reset.
fn live(run: &Run, client: usize) -> Vec<usize> {
    let room = &run.database.rooms[1];
    let rows = room.timelines.iter().flat_map(|it| &it.rows);
    let newest: HashSet<u64> = rows.map(|row| row.rev).collect();
    let mut live = Vec::new();
    for (index, event) in run.histories[client].events.iter().enumerate() {
        match event {
            Event::Reset { room: dropped } if *dropped == room.room => live.clear(),
            Event::Connected { epoch } if *epoch != run.database.epoch => live.clear(),
            Event::Delivered {
                via: Via::Live,
                place,
                rev,
                ..
            } if place.room == room.room && newest.contains(rev) => live.push(index),
            _ => {}
        }
    }
    live
}

/// The main timeline of the second room as the first client, who is never removed, holds it.
fn view(run: &mut Run) -> &mut TimelineView {
    &mut run.views[0].rooms[1].timelines[0]
}

fn other_text() -> Option<TextHash> {
    Some(TextHash::of("something else"))
}
