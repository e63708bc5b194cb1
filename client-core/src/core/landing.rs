//! Messages that the server has, and whose entry has not come back yet.

use std::collections::VecDeque;
use std::sync::Arc;

use parlor_protocol::RoomId;

use crate::api::{Delivery, MessageView};

/// Most of them: they stay for a round trip. Beyond, the oldest vanishes until its entry comes.
const MAX_LANDING: usize = 256;

/// Shown below the newest message, as sent, so that none vanishes between acknowledgement and
/// entry.
#[derive(Debug, Default)]
pub(crate) struct Landing {
    views: VecDeque<(u64, Arc<MessageView>)>,
}

impl Landing {
    /// Acknowledged as `seq`.
    pub(crate) fn add(&mut self, view: &MessageView, seq: u64, at_ms: u64) {
        let view = MessageView {
            delivery: Delivery::Sent,
            at_ms,
            ..view.clone()
        };
        self.views.push_back((seq, Arc::new(view)));
        if self.views.len() > MAX_LANDING {
            self.views.pop_front();
        }
    }

    /// Everything of the room up to `head` is among its messages now.
    pub(crate) fn landed(&mut self, room: RoomId, head: u64) {
        self.views
            .retain(|(seq, view)| view.room != room || *seq > head);
    }

    pub(crate) fn forget(&mut self, room: RoomId) {
        self.views.retain(|(_, view)| view.room != room);
    }

    pub(crate) fn clear(&mut self) {
        self.views.clear();
    }

    pub(crate) fn views(&self, room: RoomId) -> Vec<Arc<MessageView>> {
        let of_room = self.views.iter().filter(|(_, view)| view.room == room);
        of_room.map(|(_, view)| view.clone()).collect()
    }
}
