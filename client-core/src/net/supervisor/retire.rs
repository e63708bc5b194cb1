//! The farewell to a link that was left for another.

use std::time::Duration;

use tokio::time::timeout;

use crate::net::link::{Link, LinkEvents};

/// How long requests on the old link may wait for their replies.
const REPLIES_WITHIN: Duration = Duration::from_secs(2);

/// Leaves a link whose place another has taken. A silent one is dropped at once, so that whoever
/// waits for its replies asks again on the new one; from another the replies are still taken.
pub(super) fn move_from(link: Link, events: LinkEvents, silent: bool) {
    if silent {
        return link.close();
    }
    tokio::spawn(leave(link, events));
}

/// Waits for replies under way, says goodbye, ends the link. Pushes are let go: the new link
/// resumes from what is held.
pub(super) async fn leave(link: Link, mut events: LinkEvents) {
    // What is not answered by then is asked again elsewhere.
    let _ = timeout(REPLIES_WITHIN, events.drain()).await;
    link.goodbye().await;
}
