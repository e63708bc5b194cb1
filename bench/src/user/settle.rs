//! The judgement at the end of a run: what was expected, what came.

use super::world::World;

/// Deliveries of a whole run against its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Of the segments that count.
    pub sent: u64,
    pub acknowledged: u64,
    pub deliveries_expected: u64,
    pub deliveries: u64,
    /// Of the whole run, warm-up included: nothing may be lost at any time.
    pub lost: u64,
    pub duplicated: u64,
    pub out_of_order: u64,
    /// Sent, and neither acknowledged nor refused.
    pub unacknowledged: u64,
}

impl World {
    /// Whether everything due has been sent, acknowledged and received.
    pub fn is_settled(&self) -> bool {
        self.next_post >= self.ledger.plan.posts.len()
            && self.open_posts == 0
            && self.users.iter().all(|user| user.outbox.is_empty())
            && self.tally.deliveries >= self.expected
    }

    /// Holds every post against what became of it.
    pub fn settle(&mut self) -> Settled {
        let mut settled = Settled {
            duplicated: self.tally.duplicated,
            out_of_order: self.tally.out_of_order,
            ..Settled::default()
        };
        let mut misplaced = 0;
        for (index, (post, fate)) in self
            .ledger
            .plan
            .posts
            .iter()
            .zip(&self.tally.fates)
            .enumerate()
        {
            if !fate.sent {
                continue;
            }
            let readers = match fate.refused {
                true => 0,
                false => u64::from(self.readers[post.room as usize]),
            };
            let received = u64::from(fate.deliveries);
            settled.lost += readers.saturating_sub(received);
            settled.duplicated += received.saturating_sub(readers);
            settled.unacknowledged += u64::from(fate.acked_seq == 0 && !fate.refused);
            // What was acknowledged at a seq must be what everybody received there.
            let book = &self.books[post.room as usize];
            misplaced += u64::from(
                fate.acked_seq != 0 && book.post_at(fate.acked_seq) != Some(index as u32),
            );
            if self.ledger.plan.segments[usize::from(post.segment)].counted {
                settled.sent += 1;
                settled.acknowledged += u64::from(fate.acked_seq != 0);
                settled.deliveries_expected += readers;
                settled.deliveries += received.min(readers);
            }
        }
        for _ in 0..misplaced {
            self.tally
                .error("a message was not delivered at the seq of its acknowledgement");
        }
        for _ in 0..settled.unacknowledged {
            self.tally.error("a message was never acknowledged");
        }
        settled
    }
}
