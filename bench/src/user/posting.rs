//! Sending what is due, and its acknowledgements.

use std::time::{Duration, Instant};

use parlor_protocol::limit::REQUESTS_IN_FLIGHT;
use parlor_protocol::message::{Post, Posted, Timeline};
use parlor_protocol::{Extensions, Frame};

use super::waiting::{Asked, Question};
use super::world::{Link, World, nanos};
use crate::plan::{PostIndex, UserIndex};

/// Posts of one link that wait for their acknowledgement; the rest of what a link may ask at once
/// is left to pulls.
const POSTS_IN_FLIGHT: usize = REQUESTS_IN_FLIGHT - 8;

impl World {
    /// Puts every post that is due into its sender's outbox, whatever the server does.
    pub(super) fn post_due(&mut self, now: Instant) {
        let Some(start) = self.start else {
            return;
        };
        let elapsed = nanos(now.saturating_duration_since(start));
        while let Some(post) = self.ledger.plan.posts.get(self.next_post).copied() {
            if post.at_ns > elapsed {
                break;
            }
            let index = self.next_post as PostIndex;
            self.next_post += 1;
            self.open_posts += 1;
            self.type_before(index);
            self.users[post.sender as usize].outbox.push(index);
            if self.send_posts(post.sender) {
                self.tally.send_lag.record_ns(elapsed - post.at_ns);
            }
        }
    }

    /// Sends what the outbox holds, as far as the link takes it.
    pub(super) fn send_posts(&mut self, user: UserIndex) -> bool {
        let mut sent = false;
        loop {
            let state = &mut self.users[user as usize];
            let ready = state.link == Link::Up
                && state.views.iter().all(|view| view.known)
                && state.in_flight < POSTS_IN_FLIGHT;
            if !ready {
                return sent;
            }
            let Some((post, after)) = state.outbox.next() else {
                return sent;
            };
            let body = self.post_body(post, after);
            self.ask(user, Asked::Post(post), Question::Post(body));
            self.count_sent(post);
            sent = true;
        }
    }

    fn count_sent(&mut self, post: PostIndex) {
        let fate = &mut self.tally.fates[post as usize];
        if !fate.sent {
            fate.sent = true;
            let planned = self.ledger.post(post);
            self.expected += u64::from(self.readers[planned.room as usize]);
            self.tally.segments[usize::from(planned.segment)].sent += 1;
            self.tally.sent += 1;
        }
    }

    /// A post that was refused for good is not delivered to anybody.
    pub(super) fn give_up(&mut self, post: PostIndex) {
        let fate = &mut self.tally.fates[post as usize];
        if !fate.refused {
            fate.refused = true;
            let room = self.ledger.post(post).room;
            self.expected -= u64::from(self.readers[room as usize]);
        }
    }

    fn post_body(&self, index: PostIndex, after: Option<PostIndex>) -> Post {
        let key = |index: PostIndex| {
            let made_at_ms = self.wall_ms + self.ledger.post(index).at_ns / 1_000_000;
            self.ledger.keys.key(index, made_at_ms)
        };
        let post = self.ledger.post(index);
        Post {
            room: self.ledger.rooms[post.room as usize],
            timeline: Timeline::ROOM,
            send_key: key(index),
            after: after.map(key),
            text: self.ledger.texts.text(index, post.sender).into_owned(),
            long: None,
            ext: Extensions::NONE,
        }
    }

    pub(super) fn on_posted(
        &mut self,
        user: UserIndex,
        post: PostIndex,
        frame: &Frame,
        at: Instant,
    ) {
        let posted: Posted = match frame.open() {
            Ok(posted) => posted,
            Err(error) => {
                return self
                    .tally
                    .error(format!("a damaged acknowledgement: {error}"));
            }
        };
        self.users[user as usize].outbox.remove(post);
        let planned = self.ledger.post(post);
        let fate = &mut self.tally.fates[post as usize];
        if fate.acked_seq == 0 {
            fate.acked_seq = posted.seq;
            self.open_posts -= 1;
            let due = self
                .start
                .map(|start| start + Duration::from_nanos(planned.at_ns));
            let segment = &mut self.tally.segments[usize::from(planned.segment)];
            segment.acknowledged += 1;
            self.tally.acknowledged += 1;
            if let Some(due) = due {
                segment
                    .ack
                    .record_ns(nanos(at.saturating_duration_since(due)));
            }
        } else if fate.acked_seq != posted.seq {
            self.tally.error("one message was acknowledged at two seqs");
        }
        self.send_posts(user);
    }
}
