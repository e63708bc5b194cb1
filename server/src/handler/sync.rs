//! Catching up: rooms that are opened, changes, the person's own rev.

use parlor_protocol::limit::PAGE_MESSAGES;
use parlor_protocol::message::{Page, Place, Timeline};
use parlor_protocol::room::{Head, Role, RoomSummary};
use parlor_protocol::sync::{GetChanges, OpenRoom, RoomChanges, RoomOpened, SyncUser, UserChanges};
use parlor_protocol::{Code, Extensions, Refusal, RoomId};

use super::{Answered, allowed, answer_of, failed};
use crate::room::rules::Action;
use crate::shard::{Core, ToShard, Who, Wish};

/// Opens a room for a link: live batches from here on, and what changed before.
///
/// The room is activated before its changes are read, so that a commit is either in what is read
/// here or comes as a batch behind the activation.
pub async fn open(core: &Core, who: &Who, wish: Wish, request: OpenRoom) -> Answered<RoomOpened> {
    let OpenRoom {
        room,
        since,
        page,
        ext: _,
    } = request;
    let access = allowed(core, who, room, Action::Read).await?;
    let before = summary(core, who, room).await?;
    let head = Head {
        room,
        head: before.head,
        rev: before.rev,
    };
    let member = access.role >= Role::MEMBER;
    core.shard
        .send(ToShard::Activate { wish, head, member })
        .await;
    let seen = access.visible_from;
    // A rev above the room's is from a life of the data that is over.
    let held = since.filter(|since| *since <= before.rev);
    let changes = match held {
        Some(since) => Some(
            core.store
                .changes(room, since, seen)
                .await
                .map_err(failed)?,
        ),
        None => None,
    };
    let (changes, page) = match changes {
        Some(changes) if !changes.reset => (changes, None),
        _ if page > 0 => newest(core, room, page, seen).await?,
        _ => (anew(&summary(core, who, room).await?), None),
    };
    let summary = RoomSummary {
        rev: before.rev.max(changes.rev),
        head: before.head.max(changes.head),
        ..before
    };
    let opened = RoomOpened {
        summary,
        changes,
        page,
        ext: Extensions::NONE,
    };
    Ok(answer_of(opened, room, access))
}

async fn summary(core: &Core, who: &Who, room: RoomId) -> Result<RoomSummary, Refusal> {
    let found = core.store.summary(room, who.user).await.map_err(failed)?;
    found.ok_or_else(|| Refusal::new(Code::NOT_FOUND))
}

/// The newest page instead of changes. Read after the activation, so that nothing lies between it
/// and the first batch.
async fn newest(
    core: &Core,
    room: RoomId,
    limit: u16,
    visible_from: u64,
) -> Result<(RoomChanges, Option<Page>), Refusal> {
    let limit = limit.min(PAGE_MESSAGES);
    let page = core
        .store
        .page(room, Timeline::ROOM, Place::NEWEST, 0, limit, visible_from)
        .await
        .map_err(failed)?;
    let changes = reset(room, page.as_of, page.head, page.floor);
    Ok((changes, Some(page)))
}

/// Nothing held and no page wanted: live from where the room stands.
fn anew(now: &RoomSummary) -> RoomChanges {
    reset(now.room, now.rev, now.head, now.floor)
}

fn reset(room: RoomId, rev: u64, head: u64, floor: u64) -> RoomChanges {
    RoomChanges {
        room,
        since: rev,
        through: rev,
        rev,
        head,
        floor,
        reset: true,
        entries: Vec::new(),
        ext: Extensions::NONE,
    }
}

pub async fn changes(core: &Core, who: &Who, request: GetChanges) -> Answered<RoomChanges> {
    let access = allowed(core, who, request.room, Action::Read).await?;
    let changes = core
        .store
        .changes(request.room, request.since, access.visible_from)
        .await
        .map_err(failed)?;
    Ok(answer_of(changes, request.room, access))
}

pub async fn user(core: &Core, who: &Who, request: SyncUser) -> Answered<UserChanges> {
    let changes = core
        .store
        .user_changes(who.user, request.since)
        .await
        .map_err(failed)?;
    Ok(changes.into())
}
