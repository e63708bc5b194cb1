//! Evenly jittered open-loop schedules.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Plan, PlannedPost, RoomIndex, Segment, UserIndex};

/// Posts of one run: 16 bytes each and as many again for their fate, so 128 MiB at most.
const POSTS: usize = 4_000_000;
/// Segments of one run.
const SEGMENTS: usize = 200;

/// Why a load cannot be planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "{posts} messages are more than the {POSTS} that one run may hold; lower --rate or --seconds"
    )]
    TooManyPosts { posts: u64 },
    #[error("a rate of {rate} messages per second is not one; --rate must be above 0")]
    Rate { rate: f64 },
    #[error("nobody is there to send; --users must be above 0")]
    NoSenders,
    #[error("more than {SEGMENTS} steps; shorten the run")]
    TooManySegments,
}

/// A load of constant rate in which every sender sends once in each period, at an instant of it
/// that the seed chose: as uneven from moment to moment as people are, exact in total.
#[derive(Clone, Debug, PartialEq)]
pub struct Steady<'a> {
    pub name: &'a str,
    /// Who sends, and into which room.
    pub senders: &'a [(UserIndex, RoomIndex)],
    /// Messages per second, of all together.
    pub rate: f64,
    pub seconds: f64,
    pub counted: bool,
    pub seed: u64,
}

/// Puts a steady load at the end of a plan, as a segment of its own.
pub fn append_steady(plan: &mut Plan, load: &Steady<'_>) -> Result<(), PlanError> {
    let Steady { rate, seconds, .. } = *load;
    if !(rate.is_finite() && rate > 0.0) {
        return Err(PlanError::Rate { rate });
    }
    if load.senders.is_empty() {
        return Err(PlanError::NoSenders);
    }
    let expected = plan.posts.len() as u64 + (rate * seconds).ceil() as u64;
    if expected > POSTS as u64 {
        return Err(PlanError::TooManyPosts { posts: expected });
    }
    if plan.segments.len() >= SEGMENTS {
        return Err(PlanError::TooManySegments);
    }
    let segment = plan.segments.len() as u16;
    let from_ns = plan.end_ns();
    let length_ns = (seconds * 1e9) as u64;
    let period_ns = load.senders.len() as f64 / rate * 1e9;
    // Each segment draws from a stream of its own: lengthening one leaves the others as they were.
    let mut random = ChaCha8Rng::seed_from_u64(load.seed);
    random.set_stream(u64::from(segment));
    let first = plan.posts.len();
    for round in 0.. {
        let starts = round as f64 * period_ns;
        if starts >= length_ns as f64 {
            break;
        }
        for &(sender, room) in load.senders {
            let at = (starts + random.random::<f64>() * period_ns) as u64;
            if at < length_ns {
                plan.posts.push(PlannedPost {
                    at_ns: from_ns + at,
                    sender,
                    room,
                    segment,
                });
            }
        }
    }
    plan.posts[first..].sort_by_key(|post| post.at_ns);
    plan.segments.push(Segment {
        name: load.name.to_owned(),
        from_ns,
        to_ns: from_ns + length_ns,
        counted: load.counted,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn planned(users: u32, rate: f64, seconds: f64, seed: u64) -> Plan {
        let senders: Vec<_> = (0..users).map(|user| (user, user % 3)).collect();
        let mut plan = Plan::default();
        for (name, counted) in [("warm-up", false), ("window", true)] {
            let load = Steady {
                name,
                senders: &senders,
                rate,
                seconds,
                counted,
                seed,
            };
            append_steady(&mut plan, &load).unwrap();
        }
        plan
    }

    #[test]
    fn a_thousand_users_at_200_a_second_send_exactly_6000_in_30_seconds() {
        let plan = planned(1_000, 200.0, 30.0, 7);
        assert_eq!(plan.counted_posts(), 6_000);
        let mut by_sender = vec![0; 1_000];
        for post in plan.posts.iter().filter(|post| post.segment == 1) {
            by_sender[post.sender as usize] += 1;
        }
        assert!(by_sender.iter().all(|&count| count == 6));
    }

    #[test]
    fn the_same_seed_plans_the_same_and_another_one_differs() {
        let plan = planned(50, 100.0, 3.0, 1);
        assert_eq!(plan, planned(50, 100.0, 3.0, 1));
        assert_ne!(plan, planned(50, 100.0, 3.0, 2));
    }

    #[test]
    fn what_cannot_be_planned_is_refused_with_the_reason() {
        let load = Steady {
            name: "window",
            senders: &[(0, 0)],
            rate: 1e9,
            seconds: 3_600.0,
            counted: true,
            seed: 0,
        };
        let mut plan = Plan::default();
        let refused = append_steady(&mut plan, &load).unwrap_err();
        assert!(matches!(refused, PlanError::TooManyPosts { .. }));
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let load = Steady {
                rate,
                ..load.clone()
            };
            let refused = append_steady(&mut plan, &load).unwrap_err();
            assert!(matches!(refused, PlanError::Rate { .. }));
        }
        assert_eq!(plan, Plan::default());
    }

    proptest! {
        #[test]
        fn posts_are_in_order_inside_their_segment_and_spread_evenly(
            users in 1u32..200,
            rate in 1.0f64..2_000.0,
            seconds in 0.1f64..10.0,
            seed: u64,
        ) {
            let plan = planned(users, rate, seconds, seed);
            prop_assert!(plan.posts.is_sorted_by_key(|post| post.at_ns));
            for post in &plan.posts {
                let segment = &plan.segments[usize::from(post.segment)];
                prop_assert!((segment.from_ns..segment.to_ns).contains(&post.at_ns));
            }
            // Whole rounds are exact; the last, cut one may hold from nobody to everybody.
            let counted = plan.counted_posts() as f64;
            prop_assert!((counted - rate * seconds).abs() <= f64::from(users) + 1.0);
        }
    }
}
