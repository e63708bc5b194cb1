#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use parlor_protocol::message::{Message, MessageState, Timeline};
use parlor_protocol::sync::{Entry, RoomBatch};
use parlor_protocol::{Extensions, Frame, RoomId, UserId, frame};
use proptest::prelude::*;

use super::*;
use crate::plan::{KeyMaker, Plan, PlannedPost, PostIndex, Segment, Texts};

const ROOM: RoomId = RoomId([7; 16]);

fn ledger(posts: u32) -> Ledger {
    let plan = Plan {
        posts: (0..posts)
            .map(|index| PlannedPost {
                at_ns: index.into(),
                sender: index % 3,
                room: 0,
                segment: 0,
            })
            .collect(),
        segments: vec![Segment {
            name: "window".to_owned(),
            from_ns: 0,
            to_ns: posts.into(),
            counted: true,
        }],
    };
    Ledger {
        plan: Arc::new(plan),
        texts: Texts::Made { bytes: 40 },
        keys: KeyMaker::new(5),
        senders: (1..=3)
            .map(|id| Sender {
                user: UserId([id; 16]),
            })
            .collect(),
        rooms: vec![ROOM],
    }
}

/// The message that holds `post` at `seq`, as a right server would deliver it.
fn message(ledger: &Ledger, seq: u64, post: PostIndex) -> Message {
    let sender = ledger.post(post).sender;
    Message {
        timeline: Timeline::ROOM,
        seq,
        author: ledger.senders[sender as usize].user,
        at_ms: 0,
        send_key: ledger.keys.key(post, 1_700_000_000_000),
        state: MessageState::PLAIN,
        text: ledger.texts.text(post, sender).into_owned(),
        long: None,
        ext: Extensions::NONE,
    }
}

/// A batch of posts whose revs are their seqs, from `before` on.
fn batch(before: u64, messages: &[Message]) -> Frame {
    let batch = RoomBatch {
        room: ROOM,
        before,
        rev: before + messages.len() as u64,
        entries: messages
            .iter()
            .map(|it| Entry::message(it.seq, it))
            .collect(),
        ext: Extensions::NONE,
    };
    let mut reader = frame::FrameReader::new();
    reader.feed(frame::encode(0, &batch));
    reader.next(1 << 20).unwrap().unwrap()
}

struct Link {
    held: Held,
    got: Vec<PostIndex>,
}

impl Link {
    fn new() -> Self {
        Self {
            held: Held::default(),
            got: Vec::new(),
        }
    }

    fn take(
        &mut self,
        book: &mut RoomBook,
        frame: &Frame,
        ledger: &Ledger,
    ) -> Result<Flaws, Fault> {
        let got = &mut self.got;
        book.take(&mut self.held, frame, ledger, |post| got.push(post))
    }
}

#[test]
fn two_links_with_the_same_batches_hold_the_same() {
    let ledger = ledger(3);
    let mut book = RoomBook::new(0);
    let frames = [
        batch(0, &[message(&ledger, 1, 0)]),
        batch(1, &[message(&ledger, 2, 1), message(&ledger, 3, 2)]),
    ];
    let mut links = [Link::new(), Link::new()];
    for frame in &frames {
        for link in &mut links {
            assert!(link.take(&mut book, frame, &ledger).unwrap().is_none());
        }
    }
    for link in links {
        assert_eq!(link.got, [0, 1, 2]);
        assert_eq!((link.held.rev, link.held.seq), (3, 3));
    }
}

#[test]
fn what_comes_again_before_something_new_is_an_overlap() {
    let ledger = ledger(3);
    let (mut book, mut link) = (RoomBook::new(0), Link::new());
    let first = batch(0, &[message(&ledger, 1, 0), message(&ledger, 2, 1)]);
    link.take(&mut book, &first, &ledger).unwrap();
    let over = batch(1, &[message(&ledger, 2, 1), message(&ledger, 3, 2)]);
    let flaws = link.take(&mut book, &over, &ledger).unwrap();
    assert_eq!((flaws.overlapped, flaws.duplicated), (1, 0));
    assert_eq!(link.got, [0, 1, 2]);
    assert_eq!((link.held.rev, link.held.seq), (3, 3));
}

#[test]
fn a_batch_that_comes_twice_is_counted_as_doubled() {
    let ledger = ledger(1);
    let (mut book, mut link) = (RoomBook::new(0), Link::new());
    let frame = batch(0, &[message(&ledger, 1, 0)]);
    link.take(&mut book, &frame, &ledger).unwrap();
    assert_eq!(link.take(&mut book, &frame, &ledger).unwrap().duplicated, 1);
    assert_eq!(link.got, [0]);
}

#[test]
fn a_missing_batch_is_a_gap_until_a_pull_closes_it() {
    let ledger = ledger(3);
    let (mut book, mut link) = (RoomBook::new(0), Link::new());
    let late = batch(2, &[message(&ledger, 3, 2)]);
    let gap = link.take(&mut book, &late, &ledger).unwrap_err();
    assert_eq!(gap, Fault::Gap { held: 0, before: 2 });
    let entries: Vec<_> = (1..=3)
        .map(|seq| Entry::message(seq, &message(&ledger, seq, seq as u32 - 1)))
        .collect();
    let mut pulled = Vec::new();
    let flaws = book
        .take_pulled(&mut link.held, 3, &entries, &ledger, |post| {
            pulled.push(post)
        })
        .unwrap();
    assert!(flaws.is_none());
    assert_eq!(pulled, [0, 1, 2]);
    // The batch that was on its way meanwhile is an overlap, not a double.
    assert!(link.take(&mut book, &late, &ledger).unwrap().is_none());
}

#[test]
fn a_skipped_seq_inside_a_batch_is_out_of_order() {
    let ledger = ledger(3);
    let (mut book, mut link) = (RoomBook::new(0), Link::new());
    let frame = batch(0, &[message(&ledger, 1, 0), message(&ledger, 3, 2)]);
    let flaws = link.take(&mut book, &frame, &ledger).unwrap();
    assert_eq!(flaws.out_of_order, 1);
}

#[test]
fn a_message_that_was_tampered_with_is_named() {
    let ledger = ledger(4);
    let original = message(&ledger, 1, 0);
    let cases = [
        (
            Message {
                text: original.text.replace('a', "b") + "!",
                ..original.clone()
            },
            Wrong::Text(0),
        ),
        (
            Message {
                author: UserId([9; 16]),
                ..original.clone()
            },
            Wrong::Author(0),
        ),
        (
            Message {
                timeline: Timeline(4),
                ..original.clone()
            },
            Wrong::Room(0),
        ),
        (
            Message {
                send_key: parlor_protocol::SendKey::new(),
                ..original
            },
            Wrong::Foreign,
        ),
    ];
    for (tampered, wrong) in cases {
        let mut link = Link::new();
        let flaws = link
            .take(&mut RoomBook::new(0), &batch(0, &[tampered]), &ledger)
            .unwrap();
        assert_eq!(flaws.wrong, [wrong]);
        assert!(link.got.is_empty());
    }
}

#[test]
fn two_links_that_see_different_posts_at_one_seq_disagree() {
    let ledger = ledger(2);
    let mut book = RoomBook::new(0);
    let mut links = [Link::new(), Link::new()];
    links[0]
        .take(&mut book, &batch(0, &[message(&ledger, 1, 0)]), &ledger)
        .unwrap();
    let flaws = links[1]
        .take(&mut book, &batch(0, &[message(&ledger, 1, 1)]), &ledger)
        .unwrap();
    assert_eq!(
        flaws.wrong,
        [Wrong::Disagreement {
            seq: 1,
            here: 1,
            elsewhere: 0
        }]
    );
}

proptest! {
    /// However a server cuts its batches and however far a link lags: a right history is found
    /// right, and one with a batch left out, doubled or swapped is not.
    #[test]
    fn faults_are_found_and_right_histories_are_not_blamed(
        sizes in proptest::collection::vec(1usize..5, 2..12),
        fault in 0u8..4,
        at in 0usize..64,
    ) {
        let total: usize = sizes.iter().sum();
        let ledger = ledger(total as u32);
        let mut before = 0;
        let mut frames: Vec<Frame> = sizes
            .iter()
            .map(|&size| {
                let messages: Vec<_> = (before + 1..=before + size as u64)
                    .map(|seq| message(&ledger, seq, seq as u32 - 1))
                    .collect();
                let frame = batch(before, &messages);
                before += size as u64;
                frame
            })
            .collect();
        let at = at % (frames.len() - 1);
        let mut book = RoomBook::new(0);
        let mut straight = Link::new();
        for frame in &frames {
            prop_assert!(straight.take(&mut book, frame, &ledger).unwrap().is_none());
        }
        prop_assert_eq!(straight.got, (0..total as u32).collect::<Vec<_>>());

        match fault {
            0 => {}
            1 => drop(frames.remove(at)),
            2 => frames.insert(at, frames[at].clone()),
            _ => frames.swap(at, at + 1),
        }
        let mut link = Link::new();
        let mut found = false;
        for frame in &frames {
            match link.take(&mut book, frame, &ledger) {
                Ok(flaws) => found |= !flaws.is_none(),
                Err(_) => found = true,
            }
        }
        prop_assert_eq!(found, fault != 0);
    }
}
