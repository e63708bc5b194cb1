//! One room's batches as its links receive them.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use parlor_protocol::Frame;
use parlor_protocol::codec::DecodeError;
use parlor_protocol::frame::FrameError;
use parlor_protocol::sync::{Entry, RoomBatch, RoomEntry};

use super::{Held, Ledger, Wrong};
use crate::plan::{PostIndex, RoomIndex};

/// Verified frames that are remembered: above what the slowest link is behind the fastest.
const FRAMES: usize = 1_024;
/// Seqs that a link may be ahead of all that was seen of its room.
const LEAP: usize = 100_000;
/// No link saw this seq yet.
const UNSEEN: PostIndex = PostIndex::MAX;

/// What all links of a room must agree on.
#[derive(Debug, Default)]
pub struct RoomBook {
    index: RoomIndex,
    frames: HashMap<u64, Verified>,
    order: VecDeque<u64>,
    /// The post at each seq, from `first_seq` on, as the first link saw it.
    posts: Vec<PostIndex>,
    first_seq: u64,
}

/// A frame that was decoded and found right, by the rev before it.
#[derive(Debug)]
struct Verified {
    frame: Frame,
    rev: u64,
    /// The seq of the first post, 0 without posts; the others follow without a gap.
    first_seq: u64,
    posts: Box<[PostIndex]>,
}

/// What was wrong with what one link received; nothing, as a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// Posts that it had received before.
    pub duplicated: u64,
    /// Such posts that came along with newer ones: the wire lets a batch begin before what is held,
    /// as one that was read from the database and one of another node may meet.
    pub overlapped: u64,
    /// Posts that came before others that they follow.
    pub out_of_order: u64,
    /// Messages that are not what was sent, or not what other links got.
    pub wrong: Vec<Wrong>,
}

/// Why nothing could be taken from a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a damaged frame: {0}")]
    Frame(#[from] FrameError),
    #[error("a damaged entry: {0}")]
    Entry(#[from] DecodeError),
    /// The link holds an older rev than the batch builds on: it must pull.
    #[error("a batch from rev {before} on where {held} is held")]
    Gap { held: u64, before: u64 },
    #[error("a batch of another room")]
    Elsewhere,
}

impl Flaws {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl RoomBook {
    pub fn new(index: RoomIndex) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }

    /// Takes a live batch for the link that holds `held`.
    ///
    /// `on_post` is told of each post that is new to this link.
    pub fn take(
        &mut self,
        held: &mut Held,
        frame: &Frame,
        ledger: &Ledger,
        mut on_post: impl FnMut(PostIndex),
    ) -> Result<Flaws, Fault> {
        if let Some(known) = self.frames.get(&held.rev)
            && known.frame.header == frame.header
            && known.frame.body == frame.body
            && (known.posts.is_empty() || known.first_seq == held.seq + 1)
        {
            known.posts.iter().copied().for_each(&mut on_post);
            held.rev = known.rev;
            held.seq += known.posts.len() as u64;
            return Ok(Flaws::default());
        }
        let batch: RoomBatch = frame.open()?;
        if batch.room != ledger.rooms[self.index as usize] {
            return Err(Fault::Elsewhere);
        }
        if batch.before > held.rev {
            return Err(Fault::Gap {
                held: held.rev,
                before: batch.before,
            });
        }
        let in_place = batch.before == held.rev;
        let mut posts = Vec::new();
        let known = batch.entries.partition_point(|it| it.rev <= held.rev);
        // All of it known is a double, some of it an overlap.
        let overlap = if batch.rev > held.rev { known } else { 0 };
        let before = held.pulled_rev;
        let (over, entries) = batch.entries.split_at(overlap);
        let mut flaws = self.apply(held, entries, ledger, &mut posts)?;
        flaws.overlapped = over.iter().filter(|it| it.rev > before).count() as u64;
        held.rev = held.rev.max(batch.rev);
        posts.iter().copied().for_each(&mut on_post);
        if in_place && flaws.is_none() {
            let first_seq = held.seq + 1 - posts.len() as u64;
            self.remember(batch.before, batch.rev, first_seq, frame, posts);
        }
        Ok(flaws)
    }

    /// Takes the entries of a pull: sparse, so that `through` is held after them.
    pub fn take_pulled(
        &mut self,
        held: &mut Held,
        through: u64,
        entries: &[Entry],
        ledger: &Ledger,
        mut on_post: impl FnMut(PostIndex),
    ) -> Result<Flaws, Fault> {
        let mut posts = Vec::new();
        let flaws = self.apply(held, entries, ledger, &mut posts)?;
        posts.into_iter().for_each(&mut on_post);
        held.rev = held.rev.max(through);
        held.pulled_rev = held.pulled_rev.max(through);
        Ok(flaws)
    }

    /// The post that all links saw at a seq, if any saw it.
    pub fn post_at(&self, seq: u64) -> Option<PostIndex> {
        let at = seq.checked_sub(self.first_seq)?;
        self.posts
            .get(at as usize)
            .copied()
            .filter(|post| *post != UNSEEN)
    }

    /// The highest seq that any link saw.
    pub fn head(&self) -> u64 {
        match self.posts.len() {
            0 => 0,
            seen => self.first_seq + seen as u64 - 1,
        }
    }

    fn apply(
        &mut self,
        held: &mut Held,
        entries: &[Entry],
        ledger: &Ledger,
        posts: &mut Vec<PostIndex>,
    ) -> Result<Flaws, Fault> {
        let mut flaws = Flaws::default();
        for entry in entries {
            let RoomEntry::Message(message) = entry.open_room()? else {
                continue;
            };
            if message.seq <= held.seq {
                // Below a pull's end the server may repeat what is on its way already.
                flaws.duplicated += u64::from(entry.rev > held.pulled_rev);
                continue;
            }
            flaws.out_of_order += u64::from(message.seq != held.seq + 1);
            held.seq = message.seq;
            let known = ledger
                .recognise(self.index, &message)
                .and_then(|post| self.agree(message.seq, post).map(|()| post));
            match known {
                Ok(post) => posts.push(post),
                Err(wrong) => flaws.wrong.push(wrong),
            }
        }
        Ok(flaws)
    }

    /// All links must see the same post at the same seq.
    fn agree(&mut self, seq: u64, here: PostIndex) -> Result<(), Wrong> {
        if self.posts.is_empty() {
            self.first_seq = seq;
        }
        let Some(at) = seq.checked_sub(self.first_seq) else {
            return Ok(());
        };
        let at = at as usize;
        // A leap beyond what can be under way is out of order anyway: do not grow for it.
        if at >= self.posts.len() + LEAP {
            return Ok(());
        }
        if at >= self.posts.len() {
            self.posts.resize(at + 1, UNSEEN);
        }
        match self.posts[at] {
            UNSEEN => {
                self.posts[at] = here;
                Ok(())
            }
            elsewhere if elsewhere == here => Ok(()),
            elsewhere => Err(Wrong::Disagreement {
                seq,
                here,
                elsewhere,
            }),
        }
    }

    fn remember(
        &mut self,
        before: u64,
        rev: u64,
        first_seq: u64,
        frame: &Frame,
        posts: Vec<PostIndex>,
    ) {
        // A copy: the body is a slice of a whole packet buffer.
        let verified = Verified {
            frame: Frame {
                header: frame.header,
                body: Bytes::copy_from_slice(&frame.body),
            },
            rev,
            first_seq,
            posts: posts.into(),
        };
        if self.frames.insert(before, verified).is_none() {
            self.order.push_back(before);
        }
        if self.order.len() > FRAMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.frames.remove(&oldest);
        }
    }
}
