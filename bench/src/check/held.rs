/// What one link holds of one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The newest rev and seq taken.
    pub rev: u64,
    pub seq: u64,
    /// Up to this rev it was caught up by a pull: a live batch below it is an overlap, not a double.
    pub pulled_rev: u64,
}

impl Held {
    /// A link that starts here, without what came before.
    pub fn from_now(rev: u64, seq: u64) -> Self {
        Self {
            rev,
            seq,
            pulled_rev: rev,
        }
    }
}
