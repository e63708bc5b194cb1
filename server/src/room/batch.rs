//! A room batch as it travels: encoded once, shared by all readers.

use bytes::Bytes;
use parlor_protocol::frame;
use parlor_protocol::sync::RoomBatch;

/// The two classes a batch is encoded in. They are the same bytes where zstd does not pay.
#[derive(Clone, Debug)]
pub struct BatchFrames {
    pub plain: Bytes,
    pub zstd: Bytes,
}

impl BatchFrames {
    pub fn new(batch: &RoomBatch) -> Self {
        Self::of(frame::encode(0, batch))
    }

    /// Of a ROOM_BATCH frame as another node encoded it.
    pub fn of(plain: Bytes) -> Self {
        let zstd = frame::compress(&plain);
        Self { plain, zstd }
    }

    pub fn for_reader(&self, zstd: bool) -> &Bytes {
        if zstd { &self.zstd } else { &self.plain }
    }

    /// Memory held, bytes.
    pub fn bytes(&self) -> usize {
        let shared = self.plain.as_ptr() == self.zstd.as_ptr();
        self.plain.len() + if shared { 0 } else { self.zstd.len() }
    }
}
