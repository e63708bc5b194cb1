use std::sync::Arc;

use parlor_protocol::RoomId;

use super::inner::Inner;

/// Holds a room open: it is received at full depth while one of these exists.
#[derive(Debug)]
pub(crate) struct Hold {
    inner: Arc<Inner>,
    room: RoomId,
}

impl Hold {
    pub(crate) fn new(inner: Arc<Inner>, room: RoomId) -> Self {
        inner.wish(|state| *state.wishes.holds.entry(room).or_default() += 1);
        Self { inner, room }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.inner.wish(|state| {
            let left = match state.wishes.holds.get_mut(&self.room) {
                Some(1) | None => state.wishes.holds.remove(&self.room).is_some(),
                Some(count) => {
                    *count -= 1;
                    false
                }
            };
            if left {
                state.wishes.left.insert(self.room);
            }
        });
    }
}
