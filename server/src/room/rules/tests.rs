#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use parlor_protocol::message::Timeline;
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{Code, RoomId, SendKey, UserId};
use proptest::prelude::*;

use super::model::Model;
use super::{Action, allowed};
use crate::store::conformance::plan::{Plan, Step};
use crate::store::{Change, RoomCommand, RoomName};

const NOW_MS: u64 = 1_790_000_000_000;

#[test]
fn who_may_do_what() {
    use Action::{Add, Join, Leave, Post, Read, Remove, SetRole, SetTopic};
    let roles = [Role::NONE, Role::MEMBER, Role::MODERATOR, Role::OWNER];
    let expected: [(RoomKind, [&[Action]; 4]); 3] = [
        (
            RoomKind::PUBLIC,
            [
                &[Read, Join],
                &[Read, Post, Join, Leave, Add],
                &[Read, Post, Join, Leave, Add, Remove, SetTopic],
                &[Read, Post, Join, Leave, Add, Remove, SetRole, SetTopic],
            ],
        ),
        (
            RoomKind::PRIVATE,
            [
                &[],
                &[Read, Post, Join, Leave, Add],
                &[Read, Post, Join, Leave, Add, Remove, SetTopic],
                &[Read, Post, Join, Leave, Add, Remove, SetRole, SetTopic],
            ],
        ),
        (
            RoomKind::DIRECT,
            [
                &[],
                &[Read, Post, Join],
                &[Read, Post, Join],
                &[Read, Post, Join],
            ],
        ),
    ];
    for (kind, rows) in expected {
        for (role, may) in roles.into_iter().zip(rows) {
            for action in Action::ALL {
                assert_eq!(
                    allowed(action, role, kind),
                    may.contains(&action),
                    "{action:?} {role:?} {kind:?}"
                );
            }
        }
    }
}

#[test]
fn a_person_has_a_bounded_number_of_rooms() {
    let mut model = Model::default();
    let (ann, bob) = (UserId([1; 16]), UserId([2; 16]));
    model.person(ann);
    model.person(bob);
    let mut made = 0;
    let create = |n: u64| RoomCommand {
        room: RoomId(key(1_000_000 + n).0),
        actor: ann,
        send_key: key(n),
        change: Change::Create {
            kind: RoomKind::PRIVATE,
            name: name("room"),
            topic: String::new(),
        },
    };
    let refused = loop {
        match model.append(&create(made), NOW_MS) {
            Ok(_) => made += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(
        (made as usize, refused.code),
        (parlor_protocol::limit::ROOMS_PER_USER, Code::TOO_MANY_ROOMS)
    );
    let direct = RoomCommand {
        room: RoomId([0; 16]),
        actor: bob,
        send_key: key(9_999_999),
        change: Change::CreateDirect { with: ann },
    };
    assert_eq!(
        model.append(&direct, NOW_MS).unwrap_err().code,
        Code::TOO_MANY_ROOMS
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever people try, the numbers fit together and each message stands where its sender put it.
    #[test]
    fn plans_keep_the_invariants(seed in any::<u64>()) {
        let mut model = Model::default();
        let mut plan = Plan::new(seed);
        plan.people.iter().for_each(|person| model.person(*person));
        let mut acknowledged = HashMap::new();
        for _ in 0..400 {
            let Step { commands, now_ms } = plan.draw();
            let results: Vec<_> = commands.iter().map(|command| model.append(command, now_ms)).collect();
            for (command, result) in commands.iter().zip(&results) {
                if let Ok(done) = result {
                    let first = acknowledged.entry((command.send_key, command.actor)).or_insert(*done);
                    prop_assert_eq!((done.room, done.seq, done.rev, done.at_ms), (first.room, first.seq, first.rev, first.at_ms));
                }
            }
            plan.learn(&commands, &results);
        }
        model.check();
        in_the_sender_s_order(&model, &plan);
        exactly_once(&model);
    }
}

/// A post stands after the one that it named as its predecessor, where both are in one timeline.
fn in_the_sender_s_order(model: &Model, plan: &Plan) {
    let place: HashMap<_, _> = model
        .messages
        .iter()
        .map(|((room, timeline, seq), message)| {
            ((message.send_key, message.author), (*room, *timeline, *seq))
        })
        .collect();
    for (command, after) in plan.named() {
        let (Some(here), Some(there)) = (place.get(&command), place.get(&after)) else {
            continue;
        };
        if (here.0, here.1) == (there.0, there.1) {
            assert!(
                there.2 < here.2,
                "{command:?} stands before its predecessor"
            );
        }
    }
}

fn exactly_once(model: &Model) {
    let mut seen = HashSet::new();
    for ((room, timeline, seq), message) in &model.messages {
        assert!(
            seen.insert((message.send_key, message.author)),
            "{room} {timeline:?} {seq} is there twice"
        );
    }
}

fn key(count: u64) -> SendKey {
    SendKey(crate::store::conformance::uuid_v7(NOW_MS, count))
}

fn name(name: &str) -> RoomName {
    RoomName {
        shown: name.to_owned(),
        folded: name.to_owned(),
    }
}

#[test]
fn a_thread_s_numbers_are_its_own() {
    let mut model = Model::default();
    let ann = UserId([1; 16]);
    model.person(ann);
    let room = RoomId([9; 16]);
    let command = |n, change| RoomCommand {
        room,
        actor: ann,
        send_key: key(n),
        change,
    };
    let create = Change::Create {
        kind: RoomKind::PUBLIC,
        name: name("room"),
        topic: String::new(),
    };
    model.append(&command(0, create), NOW_MS).unwrap();
    let post = |timeline| Change::Post {
        timeline: Timeline(timeline),
        after: None,
        text: "hi".to_owned(),
        long: None,
    };
    let seqs: Vec<_> = [0, 1, 1, 0, 2, 1]
        .into_iter()
        .zip(1..)
        .map(|(timeline, n)| {
            model
                .append(&command(n, post(timeline)), NOW_MS)
                .unwrap()
                .seq
        })
        .collect();
    assert_eq!(seqs, [1, 1, 2, 2, 1, 3]);
    assert_eq!(
        model
            .append(&command(99, post(3)), NOW_MS)
            .unwrap_err()
            .code,
        Code::NOT_FOUND
    );
}
