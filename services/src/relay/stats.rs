//! What a relay did with the packets it met.

/// Counts of both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Client to server.
    pub up: PathStats,
    /// Server to client.
    pub down: PathStats,
    /// Client addresses seen.
    pub clients: usize,
    /// Packets of client addresses beyond the relay's bound, or without a socket.
    pub refused: u64,
}

/// Counts of one direction, in packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PathStats {
    /// Arrived at the relay.
    pub received: u64,
    /// Sent on, copies included.
    pub forwarded: u64,
    /// Dropped by the plan's loss.
    pub lost: u64,
    /// Dropped by a cut.
    pub cut: u64,
    /// Dropped since too much was on the way, or the system took no more.
    pub overflowed: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Sent on after a packet that had arrived later.
    pub reordered: u64,
    /// On the way now, copies included.
    pub waiting: u64,
}

impl PathStats {
    /// Packets that arrived or were copied and did not come out.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lost + self.cut + self.overflowed
    }

    /// Whether every packet that arrived was dealt with.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.waiting == 0 && self.received + self.duplicated == self.forwarded + self.dropped()
    }
}
