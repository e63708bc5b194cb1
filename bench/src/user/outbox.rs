//! Posts of one user that are not acknowledged, in their order.

use std::collections::VecDeque;

use crate::plan::PostIndex;

/// One post on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    post: PostIndex,
    /// Given to the present link.
    sent: bool,
}

/// Bounded by the plan: a post enters once.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pending: VecDeque<Pending>,
}

impl Outbox {
    pub(super) fn push(&mut self, post: PostIndex) {
        self.pending.push_back(Pending { post, sent: false });
    }

    /// The next post to send and the one before it, if that is unacknowledged; marks it sent.
    pub(super) fn next(&mut self) -> Option<(PostIndex, Option<PostIndex>)> {
        // Nearly always the last one or nothing.
        let at = self.pending.partition_point(|it| it.sent);
        let after = at.checked_sub(1).map(|before| self.pending[before].post);
        let pending = self.pending.get_mut(at)?;
        pending.sent = true;
        Some((pending.post, after))
    }

    /// Acknowledged or given up.
    pub(super) fn remove(&mut self, post: PostIndex) {
        self.pending.retain(|it| it.post != post);
    }

    /// Sends again from this post on: a refusal refuses all that follow.
    pub(super) fn back_to(&mut self, post: PostIndex) {
        let from = self.pending.iter().position(|it| it.post == post);
        for pending in self.pending.iter_mut().skip(from.unwrap_or(usize::MAX)) {
            pending.sent = false;
        }
    }

    /// A new link: nothing was sent on it.
    pub(super) fn back_to_start(&mut self) {
        self.pending.iter_mut().for_each(|it| it.sent = false);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_post_names_the_unacknowledged_one_before_it() {
        let mut outbox = Outbox::default();
        outbox.push(4);
        outbox.push(9);
        assert_eq!(outbox.next(), Some((4, None)));
        assert_eq!(outbox.next(), Some((9, Some(4))));
        assert_eq!(outbox.next(), None);
        outbox.remove(4);
        outbox.push(11);
        assert_eq!(outbox.next(), Some((11, Some(9))));
    }

    #[test]
    fn a_refusal_sends_that_post_and_all_after_it_again() {
        let mut outbox = Outbox::default();
        for post in [1, 2, 3] {
            outbox.push(post);
            outbox.next();
        }
        outbox.back_to(2);
        assert_eq!(outbox.next(), Some((2, Some(1))));
        assert_eq!(outbox.next(), Some((3, Some(2))));
    }

    #[test]
    fn a_new_link_sends_everything_again_in_order() {
        let mut outbox = Outbox::default();
        for post in [1, 2] {
            outbox.push(post);
            outbox.next();
        }
        outbox.back_to_start();
        assert_eq!(outbox.next(), Some((1, None)));
        assert_eq!(outbox.next(), Some((2, Some(1))));
    }
}
