//! What a replay left behind, read by the terminal client range by range and held against the log.

mod client;
mod compare;

use std::collections::HashMap;

use parlor_protocol::{RoomId, UserId};

pub use client::{Client, ClientError};
pub use compare::{Comparison, Line};

use crate::accounts::Accounts;
use crate::check::Fate;
use crate::plan::{Plan, PostIndex, Texts, UserIndex};

/// Messages of one `parlor tail`.
const RANGE: u64 = 5_000;

/// A message of the log and where the server's acknowledgement put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub seq: u64,
    pub author: UserId,
    pub text: String,
}

/// Reads the room as the first account, and compares it with what the log said.
pub async fn read_back(
    accounts: &Accounts,
    room: RoomId,
    plan: &Plan,
    texts: &Texts,
    fates: &[Fate],
) -> Result<Comparison, ClientError> {
    let authors: Vec<UserId> = accounts.users.iter().map(|account| account.user).collect();
    let (said, unsaid) = said(plan, texts, fates, &authors);
    let mut comparison = Comparison::new(said, unsaid);
    let account = accounts.users.first().ok_or(ClientError::NoAccount)?;
    let client = Client::beside_this_one()?;
    client.log_in(&accounts.link, account).await?;
    let (mut from, head) = comparison.range();
    while from <= head {
        let count = RANGE.min(head + 1 - from);
        comparison.take(client.tail(room, from, count).await?);
        from += count;
    }
    comparison.end();
    Ok(comparison)
}

/// All of the log in the order of its seqs, and in how many ways the acknowledgements contradict
/// it: a message that has none, or a person whose messages changed places.
fn said(plan: &Plan, texts: &Texts, fates: &[Fate], authors: &[UserId]) -> (Vec<Said>, u64) {
    let mut unsaid = 0;
    let mut last: HashMap<UserIndex, u64> = HashMap::new();
    let mut said = Vec::with_capacity(plan.posts.len());
    for (index, (post, fate)) in plan.posts.iter().zip(fates).enumerate() {
        let author = authors.get(post.sender as usize);
        let Some(author) = author.filter(|_| fate.acked_seq != 0) else {
            unsaid += 1;
            continue;
        };
        let before = last.insert(post.sender, fate.acked_seq);
        unsaid += u64::from(before.is_some_and(|before| before >= fate.acked_seq));
        said.push(Said {
            seq: fate.acked_seq,
            author: *author,
            text: texts.text(index as PostIndex, post.sender).into_owned(),
        });
    }
    said.sort_by_key(|message| message.seq);
    (said, unsaid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlannedPost;

    fn fates(seqs: &[u64]) -> Vec<Fate> {
        let fate = |&acked_seq| Fate {
            sent: true,
            acked_seq,
            ..Fate::default()
        };
        seqs.iter().map(fate).collect()
    }

    fn of(seqs: &[u64]) -> (Vec<u64>, u64) {
        let post = |at_ns| PlannedPost {
            at_ns,
            sender: (at_ns % 2) as u32,
            room: 0,
            segment: 0,
        };
        let plan = Plan {
            posts: (0..seqs.len() as u64).map(post).collect(),
            segments: Vec::new(),
        };
        let authors = [UserId([1; 16]), UserId([2; 16])];
        let texts = Texts::Made { bytes: 20 };
        let (said, unsaid) = said(&plan, &texts, &fates(seqs), &authors);
        (said.iter().map(|message| message.seq).collect(), unsaid)
    }

    #[test]
    fn different_people_may_change_places_and_one_person_may_not() {
        assert_eq!(of(&[2, 1, 3, 4]), (vec![1, 2, 3, 4], 0));
        assert_eq!(of(&[3, 2, 1, 4]), (vec![1, 2, 3, 4], 1));
    }

    #[test]
    fn what_was_never_acknowledged_counts() {
        assert_eq!(of(&[1, 0, 2, 3]), (vec![1, 2, 3], 1));
    }
}
