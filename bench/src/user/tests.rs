#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_protocol::error::Refusal;
use parlor_protocol::message::{Message, MessageState, Place, Post, Posted, Timeline};
use parlor_protocol::room::{Head, Role, RoomKind, RoomSummary};
use parlor_protocol::sync::{Behind, Entry, OpenRoom, RoomBatch, RoomChanges, RoomOpened};
use parlor_protocol::{Body, Code, Extensions, Frame, RoomId, UserId, frame};

use super::*;
use crate::check::{Ledger, Sender};
use crate::plan::{KeyMaker, Plan, Steady, Texts, append_steady};

const ROOM: RoomId = RoomId([7; 16]);

/// A room in memory that answers as a server does, when it is told to.
#[derive(Default)]
struct Room {
    messages: Vec<Message>,
}

impl Room {
    fn head(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Takes a post, or gives back what the same send key got before.
    fn post(&mut self, author: UserId, post: &Post) -> Posted {
        let known = self.messages.iter().find(|it| it.send_key == post.send_key);
        let seq = known.map_or(self.head() + 1, |known| known.seq);
        if seq > self.head() {
            self.messages.push(Message {
                timeline: Timeline::ROOM,
                seq,
                author,
                at_ms: 0,
                send_key: post.send_key,
                state: MessageState::PLAIN,
                text: post.text.clone(),
                long: None,
                ext: Extensions::NONE,
            });
        }
        Posted {
            seq,
            rev: seq,
            at_ms: 0,
            ext: Extensions::NONE,
        }
    }

    fn entries(&self, since: u64) -> Vec<Entry> {
        let missed = self.messages.iter().filter(|it| it.seq > since);
        missed.map(|it| Entry::message(it.seq, it)).collect()
    }

    fn changes(&self, since: u64) -> RoomChanges {
        RoomChanges {
            room: ROOM,
            since,
            through: self.head(),
            rev: self.head(),
            head: self.head(),
            floor: 1,
            reset: false,
            entries: self.entries(since),
            ext: Extensions::NONE,
        }
    }

    fn opened(&self, open: &OpenRoom) -> RoomOpened {
        RoomOpened {
            summary: RoomSummary {
                room: ROOM,
                kind: RoomKind::PRIVATE,
                name: String::new(),
                topic: String::new(),
                direct_with: None,
                role: Role::MEMBER,
                members: 2,
                head: self.head(),
                floor: 1,
                rev: self.head(),
                visible_from: 1,
                read: 0,
                unread_gone: 0,
                ext: Extensions::NONE,
            },
            changes: self.changes(open.since.unwrap_or(self.head())),
            page: None,
            ext: Extensions::NONE,
        }
    }

    /// The batch that takes a link from `before` to the head.
    fn batch(&self, before: u64) -> Frame {
        framed(&RoomBatch {
            room: ROOM,
            before,
            rev: self.head(),
            entries: self.entries(before),
            ext: Extensions::NONE,
        })
    }
}

fn framed<T: Body>(body: &T) -> Frame {
    let mut reader = frame::FrameReader::new();
    reader.feed(frame::encode(1, body));
    reader.next(1 << 20).unwrap().unwrap()
}

/// Two users in one room, and the server that answers them.
struct Story {
    world: World,
    room: Room,
    now: Instant,
    /// Posts that wait for an answer.
    posts: Vec<(u32, Asked, Post)>,
    /// What else was asked.
    asked: Vec<(u32, Asked, Question)>,
    dialled: Vec<(u32, Vec<(Asked, OpenRoom)>)>,
}

impl Story {
    fn new(posts_per_user: u32) -> Self {
        let mut plan = Plan::default();
        let load = Steady {
            name: "window",
            senders: &[(0, 0), (1, 0)],
            rate: 2.0,
            seconds: posts_per_user.into(),
            counted: true,
            seed: 3,
        };
        append_steady(&mut plan, &load).unwrap();
        let ledger = Ledger {
            plan: Arc::new(plan),
            texts: Texts::Made { bytes: 40 },
            keys: KeyMaker::new(1),
            senders: (0..2)
                .map(|user| Sender {
                    user: user_id(user),
                })
                .collect(),
            rooms: vec![ROOM],
        };
        Self {
            world: World::new(Spec {
                ledger,
                rooms_of: vec![vec![0], vec![0]],
                dials: 8,
                seed: 1,
                wall_ms: 1_700_000_000_000,
                habits: Habits::default(),
            }),
            room: Room::default(),
            now: Instant::now(),
            posts: Vec::new(),
            asked: Vec::new(),
            dialled: Vec::new(),
        }
    }

    /// Both in, and the plan begun.
    fn begun(posts_per_user: u32) -> Self {
        let mut story = Self::new(posts_per_user);
        story.world.connect(0..2, story.now);
        story.let_in();
        assert_eq!(story.world.joined(), 2);
        story.world.begin(story.now);
        story
    }

    fn collect(&mut self) {
        let mut outputs = Vec::new();
        self.world.take_outputs(&mut outputs);
        for output in outputs {
            match output {
                Output::Dial(user, rooms) => self.dialled.push((user, rooms)),
                Output::Ask(user, asked, Question::Post(post)) => {
                    self.posts.push((user, asked, post));
                }
                Output::Ask(user, asked, question) => self.asked.push((user, asked, question)),
                Output::Typing(..) | Output::Presence(..) | Output::Close(_) => {}
            }
        }
    }

    /// Lets in whoever dials, and gives each its rooms.
    fn let_in(&mut self) {
        self.collect();
        for (user, rooms) in std::mem::take(&mut self.dialled) {
            self.world.on_up(user, self.now);
            for (asked, open) in rooms {
                let opened = framed(&self.room.opened(&open));
                self.world
                    .on_reply(user, asked, self.now, &opened, self.now);
            }
        }
        self.collect();
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.world.on_time(self.now);
        self.collect();
    }

    /// Commits what waits and acknowledges it to whoever `hears`.
    fn commit(&mut self, hears: impl Fn(u32) -> bool) {
        for (user, asked, post) in std::mem::take(&mut self.posts) {
            let posted = framed(&self.room.post(user_id(user), &post));
            if hears(user) {
                self.world
                    .on_reply(user, asked, self.now, &posted, self.now);
            }
        }
        self.collect();
    }

    /// Delivers everything after `before` to a user.
    fn deliver(&mut self, user: u32, before: u64) {
        let batch = self.room.batch(before);
        self.world.on_push(user, batch, self.now);
        self.collect();
    }
}

fn user_id(user: u32) -> UserId {
    UserId([user as u8 + 1; 16])
}

#[test]
fn what_is_sent_acknowledged_and_received_by_all_settles_clean() {
    let mut story = Story::begun(3);
    let mut before = 0;
    for _ in 0..3 {
        story.wait(Duration::from_secs(1));
        story.commit(|_| true);
        for user in 0..2 {
            story.deliver(user, before);
        }
        before = story.room.head();
    }
    assert!(story.world.is_settled());
    let settled = story.world.settle();
    assert_eq!(
        settled,
        Settled {
            sent: 6,
            acknowledged: 6,
            deliveries_expected: 12,
            deliveries: 12,
            ..Settled::default()
        }
    );
    assert_eq!(story.world.tally.error_count(), 0);
}

#[test]
fn a_silent_server_does_not_slow_the_senders() {
    let mut story = Story::begun(3);
    story.wait(Duration::from_secs(3));
    assert_eq!(story.posts.len(), 6);
    // Each names the one before it that is not acknowledged.
    let mine: Vec<_> = story
        .posts
        .iter()
        .filter(|it| it.0 == 0)
        .map(|it| &it.2)
        .collect();
    assert_eq!(mine[0].after, None);
    assert_eq!(mine[1].after, Some(mine[0].send_key));
    assert_eq!(mine[2].after, Some(mine[1].send_key));
}

#[test]
fn one_missing_delivery_is_lost() {
    let mut story = Story::begun(1);
    story.wait(Duration::from_secs(1));
    story.commit(|_| true);
    story.deliver(0, 0);
    assert!(!story.world.is_settled());
    assert_eq!(story.world.settle().lost, 2);
}

#[test]
fn a_lost_acknowledgement_is_asked_for_again_under_the_same_key() {
    let mut story = Story::begun(1);
    story.wait(Duration::from_secs(1));
    story.commit(|_| false);
    for user in 0..2 {
        story.world.on_down(user, "killed", story.now);
    }
    story.wait(Duration::from_secs(3));
    story.let_in();
    // Everything missed came with the rooms, and both posts were sent again.
    assert_eq!(story.posts.len(), 2);
    story.commit(|_| true);
    assert_eq!(story.room.head(), 2);
    assert!(story.world.is_settled());
    let settled = story.world.settle();
    assert_eq!((settled.lost, settled.duplicated), (0, 0));
    assert_eq!(story.world.tally.links_lost, 2);
}

#[test]
fn whoever_is_told_to_be_behind_pulls_and_has_missed_nothing() {
    let mut story = Story::begun(2);
    story.wait(Duration::from_secs(2));
    story.commit(|_| true);
    story.deliver(0, 0);
    let behind = Behind {
        head: Head {
            room: ROOM,
            head: story.room.head(),
            rev: story.room.head(),
        },
        ext: Extensions::NONE,
    };
    story.world.on_push(1, framed(&behind), story.now);
    story.collect();
    // A batch that arrives meanwhile waits, and is an overlap afterwards.
    story.deliver(1, 2);
    let (user, asked, question) = story.asked.pop().unwrap();
    assert!(matches!(&question, Question::Changes(ask) if ask.since == 0));
    let changes = framed(&story.room.changes(0));
    story
        .world
        .on_reply(user, asked, story.now, &changes, story.now);
    let settled = story.world.settle();
    assert_eq!(
        (settled.lost, settled.duplicated, settled.out_of_order),
        (0, 0, 0)
    );
    assert_eq!(story.world.tally.pulls, 1);
}

#[test]
fn a_marker_of_ones_own_entries_is_no_error() {
    let mut story = Story::begun(1);
    let behind = Behind {
        head: Head {
            room: RoomId::default(),
            head: 0,
            rev: 7,
        },
        ext: Extensions::NONE,
    };
    story.world.on_push(0, framed(&behind), story.now);
    story.collect();
    assert!(story.asked.is_empty());
    assert_eq!(story.world.tally.error_count(), 0);
}

#[test]
fn a_batch_left_out_without_a_word_is_out_of_order() {
    let mut story = Story::begun(2);
    story.wait(Duration::from_secs(2));
    story.commit(|_| true);
    story.deliver(0, 2);
    assert_eq!(story.world.tally.out_of_order, 1);
}

#[test]
fn a_busy_server_is_asked_again_and_the_refusal_is_reported() {
    let mut story = Story::begun(1);
    story.wait(Duration::from_secs(1));
    let (user, asked, _) = story.posts.remove(0);
    let busy = framed(&Refusal::new(Code::BUSY).retry_after_ms(500));
    story
        .world
        .on_reply(user, asked, story.now, &busy, story.now);
    story.wait(Duration::from_millis(499));
    assert_eq!(story.posts.len(), 1);
    story.wait(Duration::from_millis(1));
    assert_eq!(story.posts.len(), 2);
    assert_eq!(story.world.tally.error_count(), 1);
}

#[test]
fn what_is_cut_off_is_not_expected() {
    let mut story = Story::begun(3);
    story.wait(Duration::from_secs(1));
    story.world.cut();
    story.wait(Duration::from_secs(9));
    story.commit(|_| true);
    for user in 0..2 {
        story.deliver(user, 0);
    }
    assert!(story.world.is_settled());
    assert_eq!(story.world.settle().sent, 2);
}

#[test]
fn whose_node_falls_silent_dials_another_at_once_and_sends_again() {
    let mut story = Story::begun(1);
    story.wait(Duration::from_secs(1));
    story.commit(|_| false);
    story.world.on_silent(0, story.now);
    assert_eq!(story.world.joined_where(|user| user == 0), 0);
    // No back-off stands between: the link is dialled in the same moment.
    story.let_in();
    assert_eq!(story.world.joined_where(|user| user == 0), 1);
    story.commit(|_| true);
    assert_eq!(story.room.head(), 2);
    assert_eq!(story.world.tally.links_lost, 1);
}

#[test]
fn who_reads_where_people_mostly_read_asks_for_the_newest_page() {
    let mut story = Story::begun(9);
    story.world.habits.newest = 1.0;
    story.world.habits.readers = vec![(1, 0)];
    story.world.begin_habits(story.now);
    for _ in 0..20 {
        story.wait(Duration::from_millis(400));
    }
    let pages: Vec<_> = story
        .asked
        .iter()
        .filter_map(|(_, _, question)| match question {
            Question::Page(page) => Some(page.place),
            _ => None,
        })
        .collect();
    assert!(pages.len() > 2, "{pages:?}");
    assert!(pages.iter().all(|place| *place == Place::NEWEST));
}

#[test]
fn reads_while_rooms_are_filled_are_no_figures() {
    let mut story = Story::new(2);
    let mut plan = Plan::default();
    for (name, counted) in [("fill", false), ("window", true)] {
        let load = Steady {
            name,
            senders: &[(0, 0)],
            rate: 1.0,
            seconds: 2.0,
            counted,
            seed: 1,
        };
        append_steady(&mut plan, &load).unwrap();
    }
    story.world.ledger.plan = Arc::new(plan);
    story.world.begin(story.now);
    let began = story.now;
    let read = |story: &mut Story, at_s: u64| {
        let at = began + Duration::from_secs(at_s);
        story.world.on_read(1, ReadKind::Page, at, at);
    };
    read(&mut story, 1);
    assert!(story.world.tally.requests.is_empty());
    read(&mut story, 3);
    assert_eq!(story.world.tally.requests[&ReadKind::Page].count(), 1);
}
