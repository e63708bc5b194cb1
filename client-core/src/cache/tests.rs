#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use super::{
    AgedLru, Ages, Finished, Load, Loads, Lookup, MAX_LOADS, MAX_WAITERS, RELOAD_LOST_AFTER,
};

const AGES: Ages = Ages {
    fresh: Duration::from_secs(60),
    usable: Duration::from_secs(600),
};

fn cache(capacity: usize) -> AgedLru<&'static str, u32> {
    AgedLru::new(NonZeroUsize::new(capacity).unwrap(), AGES)
}

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn a_value_is_fresh_then_stale_then_gone() {
    let start = Instant::now();
    let mut profiles = cache(4);
    profiles.put("ada", 1, start);
    assert_eq!(profiles.get(&"ada", after(start, 59)), Lookup::Fresh(&1));
    assert_eq!(
        profiles.get(&"ada", after(start, 60)),
        Lookup::Stale {
            value: &1,
            revalidate: true
        }
    );
    assert_eq!(profiles.get(&"ada", after(start, 600)), Lookup::Missing);
    assert!(profiles.is_empty());
}

#[test]
fn one_reader_reloads_a_stale_value_and_the_others_just_use_it() {
    let start = Instant::now();
    let mut profiles = cache(4);
    profiles.put("ada", 1, start);
    let stale = after(start, 100);
    assert_eq!(
        profiles.get(&"ada", stale),
        Lookup::Stale {
            value: &1,
            revalidate: true
        }
    );
    assert_eq!(
        profiles.get(&"ada", stale),
        Lookup::Stale {
            value: &1,
            revalidate: false
        }
    );
    profiles.put("ada", 2, after(start, 101));
    assert_eq!(profiles.get(&"ada", after(start, 102)), Lookup::Fresh(&2));
}

#[test]
fn a_failed_or_lost_reload_may_be_tried_again() {
    let start = Instant::now();
    let mut profiles = cache(4);
    profiles.put("ada", 1, start);
    let stale = after(start, 100);
    profiles.get(&"ada", stale);
    profiles.reload_failed(&"ada");
    assert_eq!(
        profiles.get(&"ada", stale),
        Lookup::Stale {
            value: &1,
            revalidate: true
        }
    );
    assert_eq!(
        profiles.get(&"ada", stale + RELOAD_LOST_AFTER),
        Lookup::Stale {
            value: &1,
            revalidate: true
        }
    );
}

#[test]
fn not_modified_makes_a_value_fresh_without_sending_it_again() {
    let start = Instant::now();
    let mut profiles = cache(4);
    profiles.put("ada", 1, start);
    profiles.get(&"ada", after(start, 100));
    profiles.still_valid(&"ada", after(start, 101));
    assert_eq!(profiles.get(&"ada", after(start, 150)), Lookup::Fresh(&1));
}

#[test]
fn the_least_recently_read_leaves_first() {
    let start = Instant::now();
    let mut profiles = cache(2);
    assert_eq!(profiles.put("ada", 1, start), None);
    assert_eq!(profiles.put("bob", 2, start), None);
    profiles.get(&"ada", start);
    assert_eq!(profiles.put("cyd", 3, start), Some(("bob", 2)));
    assert_eq!(profiles.get(&"bob", start), Lookup::Missing);
    assert_eq!(profiles.len(), 2);
}

#[test]
fn an_invalidated_value_is_gone_at_once() {
    let start = Instant::now();
    let mut profiles = cache(2);
    profiles.put("ada", 1, start);
    assert_eq!(profiles.invalidate(&"ada"), Some(1));
    assert_eq!(profiles.get(&"ada", start), Lookup::Missing);
}

#[test]
fn identical_loads_run_once_and_all_are_told() {
    let mut loads = Loads::new();
    assert_eq!(loads.begin("page 7", 1), Load::Start);
    assert_eq!(loads.begin("page 7", 2), Load::Join);
    assert_eq!(loads.begin("page 7", 2), Load::Join);
    assert_eq!(loads.begin("page 8", 3), Load::Start);
    loads.leave(&"page 8", 3);
    assert_eq!(
        loads.finish(&"page 7"),
        Some(Finished {
            waiters: vec![1, 2],
            outdated: false
        })
    );
    assert_eq!(
        loads.finish(&"page 8"),
        Some(Finished {
            waiters: vec![],
            outdated: false
        })
    );
    assert_eq!(loads.finish(&"page 8"), None);
    assert_eq!(loads.begin("page 7", 4), Load::Start);
}

#[test]
fn a_change_during_a_load_marks_its_value_as_not_to_be_kept() {
    let mut loads = Loads::new();
    loads.begin("ada", 1);
    loads.invalidate(&"ada");
    assert_eq!(loads.begin("ada", 2), Load::Join);
    assert_eq!(
        loads.finish(&"ada"),
        Some(Finished {
            waiters: vec![1, 2],
            outdated: true
        })
    );
    assert_eq!(loads.begin("ada", 1), Load::Start);
}

#[test]
fn loads_and_waiters_are_bounded() {
    let mut loads = Loads::new();
    for key in 0..MAX_LOADS {
        assert_eq!(loads.begin(key, 0), Load::Start);
    }
    assert_eq!(loads.begin(MAX_LOADS, 0), Load::Refused);
    for waiter in 1..MAX_WAITERS as u64 {
        assert_eq!(loads.begin(0, waiter), Load::Join);
    }
    assert_eq!(loads.begin(0, u64::MAX), Load::Refused);
    assert_eq!(loads.len(), MAX_LOADS);
}
