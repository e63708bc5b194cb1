#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{MAX_RANGES, SeqRange, SeqRanges};

fn run(first: u64, last: u64) -> SeqRange {
    SeqRange::new(first, last).unwrap()
}

fn held(runs: &[(u64, u64)]) -> SeqRanges {
    runs.iter().map(|&(first, last)| run(first, last)).collect()
}

fn runs(ranges: &SeqRanges) -> Vec<(u64, u64)> {
    ranges.iter().map(|run| (run.first(), run.last())).collect()
}

#[test]
fn pages_that_touch_become_one_run() {
    let mut ranges = held(&[(1, 50), (101, 150)]);
    assert_eq!(ranges.insert(run(51, 100)), None);
    assert_eq!(runs(&ranges), [(1, 150)]);
    assert_eq!(ranges.count(), 150);
}

#[test]
fn what_is_missing_is_found_by_subtraction() {
    let ranges = held(&[(10, 19), (30, 39)]);
    let missing = |first, last| {
        ranges
            .missing(run(first, last))
            .map(|gap| (gap.first(), gap.last()))
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(1, 50), [(1, 9), (20, 29), (40, 50)]);
    assert_eq!(missing(12, 17), []);
    assert_eq!(missing(15, 35), [(20, 29)]);
    assert_eq!(missing(0, u64::MAX), [(0, 9), (20, 29), (40, u64::MAX)]);
}

#[test]
fn the_ends_of_the_number_line_are_ordinary() {
    let mut ranges = held(&[(u64::MAX - 1, u64::MAX), (0, 0)]);
    assert_eq!(ranges.missing(run(0, u64::MAX)).count(), 1);
    assert_eq!(ranges.insert(run(1, 1)), None);
    assert_eq!(runs(&ranges), [(0, 1), (u64::MAX - 1, u64::MAX)]);
    ranges.remove_below(0);
    assert_eq!(ranges.count(), 4);
    ranges.remove_below(u64::MAX);
    assert_eq!(runs(&ranges), [(u64::MAX, u64::MAX)]);
}

#[test]
fn a_full_list_forgets_its_smallest_run_but_never_the_newest_or_the_new() {
    let mut ranges: SeqRanges = (0..MAX_RANGES as u64)
        .map(|n| run(n * 100, n * 100 + 10))
        .collect();
    assert_eq!(ranges.len(), MAX_RANGES);
    assert_eq!(ranges.remove(run(305, 310)), None);
    assert_eq!(ranges.insert(run(50, 50)), Some(run(300, 304)));
    assert!(ranges.contains(50));
    assert_eq!(ranges.len(), MAX_RANGES);
    let newest = ranges.newest().unwrap();
    assert_eq!(ranges.insert(run(1_000_000, 1_000_000)), Some(run(50, 50)));
    assert!(ranges.covers(newest));
    assert_eq!(
        ranges.count(),
        ranges.iter().map(|run| run.count()).sum::<u64>()
    );
}

#[test]
fn a_cut_through_a_full_list_keeps_the_upper_part() {
    let mut ranges: SeqRanges = (0..MAX_RANGES as u64)
        .map(|n| run(n * 100, n * 100 + 10))
        .collect();
    assert_eq!(ranges.remove(run(205, 205)), Some(run(200, 204)));
    assert!(ranges.covers(run(206, 210)));
    assert_eq!(ranges.len(), MAX_RANGES);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64, u64),
    Remove(u64, u64),
    RemoveBelow(u64),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let span = (0u64..200, 0u64..20);
    prop_oneof![
        6 => span.clone().prop_map(|(first, more)| Step::Insert(first, first + more)),
        3 => span.prop_map(|(first, more)| Step::Remove(first, first + more)),
        1 => (0u64..60).prop_map(Step::RemoveBelow),
        1 => Just(Step::Clear),
    ]
}

fn apply(ranges: &mut SeqRanges, model: &mut BTreeSet<u64>, step: Step) {
    match step {
        Step::Insert(first, last) => {
            assert_eq!(ranges.insert(run(first, last)), None);
            model.extend(first..=last);
        }
        Step::Remove(first, last) => {
            assert_eq!(ranges.remove(run(first, last)), None);
            model.retain(|seq| !(first..=last).contains(seq));
        }
        Step::RemoveBelow(floor) => {
            ranges.remove_below(floor);
            model.retain(|&seq| seq >= floor);
        }
        Step::Clear => {
            ranges.clear();
            model.clear();
        }
    }
}

fn agree(ranges: &SeqRanges, model: &BTreeSet<u64>, (first, last): (u64, u64)) {
    assert_eq!(
        ranges.iter().flat_map(|run| run.iter()).collect::<Vec<_>>(),
        model.iter().copied().collect::<Vec<_>>()
    );
    assert!(
        ranges
            .iter()
            .zip(ranges.iter().skip(1))
            .all(|(one, next)| one.last() + 1 < next.first())
    );
    assert_eq!(ranges.count(), model.len() as u64);
    assert_eq!(ranges.contains(first), model.contains(&first));
    assert_eq!(
        ranges.covers(run(first, last)),
        (first..=last).all(|seq| model.contains(&seq))
    );
    let missing: Vec<u64> = ranges
        .missing(run(first, last))
        .flat_map(|gap| gap.iter())
        .collect();
    assert_eq!(
        missing,
        (first..=last)
            .filter(|seq| !model.contains(seq))
            .collect::<Vec<_>>()
    );
    let nearest = model
        .iter()
        .copied()
        .min_by_key(|&seq| (seq.abs_diff(first), std::cmp::Reverse(seq)));
    assert_eq!(ranges.nearest(first), nearest);
}

proptest! {
    #[test]
    fn any_plan_agrees_with_a_plain_set(plan in prop::collection::vec((step(), 0u64..220, 0u64..40), 1..60)) {
        let mut ranges = SeqRanges::new();
        let mut model = BTreeSet::new();
        for (step, first, more) in plan {
            apply(&mut ranges, &mut model, step);
            agree(&ranges, &model, (first, first + more));
        }
    }
}
