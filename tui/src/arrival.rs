//! Rooms that were just opened, made or joined: the server has said yes, and the list follows.

use std::time::Duration;

use parlor_client_core::api::{Change, Core, RoomId};
use tokio::time::timeout;

/// How long the list may take after the server's yes.
const LISTED_WITHIN: Duration = Duration::from_secs(3);

/// Waits until a room is among the person's own; `false` where it does not come.
pub(crate) async fn listed(core: &Core, room: RoomId) -> bool {
    let mut changes = core.changes();
    let listed = async {
        while core.room(room).is_none() {
            if changes.next().await == Change::Closed {
                return false;
            }
        }
        true
    };
    timeout(LISTED_WITHIN, listed).await.unwrap_or(false)
}
