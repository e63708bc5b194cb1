//! What requests do, one file per domain. Handlers run on the core; each names what it needs of it.

pub mod account;
mod conditional;
pub mod invite;
pub mod message;
pub mod people;
pub mod room;
pub mod sync;

use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{Code, Refusal, RoomId};

use crate::room::committer;
use crate::room::rules::{self, Action};
use crate::shard::{Core, Who};
use crate::store::{Access, StoreError};

/// A reply, and whose content it holds.
#[derive(Debug)]
pub struct Answer<R> {
    pub body: R,
    /// Content of this room, which only members may see: the reply is dropped if the asker has
    /// been removed by the time it leaves.
    pub members_of: Option<RoomId>,
}

impl<R> From<R> for Answer<R> {
    fn from(body: R) -> Self {
        Self {
            body,
            members_of: None,
        }
    }
}

/// What a handler gives.
pub type Answered<R> = Result<Answer<R>, Refusal>;

/// A database that failed, as the asker hears of it; the operator finds the cause in the log.
pub(crate) fn failed(error: StoreError) -> Refusal {
    tracing::error!(%error, "a query failed");
    committer::refusal(&error)
}

/// What the asker may do in a room; refused alike where there is none and where it is not theirs.
pub(crate) async fn allowed(
    core: &Core,
    who: &Who,
    room: RoomId,
    action: Action,
) -> Result<Access, Refusal> {
    let access = core.store.access(room, who.user).await.map_err(failed)?;
    let access = access.ok_or_else(|| Refusal::new(Code::NOT_FOUND))?;
    if !rules::allowed(action, access.role, access.kind) {
        // Who is no member hears the same as where there is no room, unless anyone may know of it.
        let known = access.role >= Role::MEMBER || access.kind == RoomKind::PUBLIC;
        return Err(Refusal::new(if known {
            Code::FORBIDDEN
        } else {
            Code::NOT_FOUND
        }));
    }
    Ok(access)
}

/// Ties a reply to the asker's membership, unless anyone may read the room.
pub(crate) fn answer_of<R>(body: R, room: RoomId, access: Access) -> Answer<R> {
    let public = access.kind == RoomKind::PUBLIC;
    Answer {
        body,
        members_of: (!public).then_some(room),
    }
}
