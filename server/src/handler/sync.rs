//! Catching up: rooms that are opened, changes, the person's own rev.

use parlor_protocol::limit::PAGE_MESSAGES;
use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::room::Head;
use parlor_protocol::sync::{GetChanges, OpenRoom, RoomChanges, RoomOpened, SyncUser, UserChanges};
use parlor_protocol::{Code, Extensions, Refusal};

use super::{Answered, allowed, answer_of, failed};
use crate::room::rules::Action;
use crate::shard::{Core, LinkRef, ToShard, Who};

/// Opens a room for a link: live batches from here on, and what changed before.
///
/// The room is activated before its changes are read, so that a commit is either in what is read
/// here or comes as a batch behind the activation.
pub async fn open(
    core: &Core,
    who: &Who,
    link: LinkRef,
    request: OpenRoom,
) -> Answered<RoomOpened> {
    let OpenRoom {
        room,
        since,
        page,
        ext: _,
    } = request;
    let access = allowed(core, who, room, Action::Read).await?;
    let not_found = || Refusal::new(Code::NOT_FOUND);
    let before = core
        .store
        .summary(room, who.user)
        .await
        .map_err(failed)?
        .ok_or_else(not_found)?;
    let head = Head {
        room,
        head: before.head,
        rev: before.rev,
    };
    core.shard
        .send(ToShard::Activate { link, room, head })
        .await;
    let changes = match since {
        // What is held is from a life of the data that is over.
        Some(since) if since > before.rev => fresh(before.rev, &before),
        Some(since) => core
            .store
            .changes(room, since, access.visible_from)
            .await
            .map_err(failed)?,
        None => fresh(0, &before),
    };
    // Read after the activation, so that nothing lies between the page and the first batch.
    let page = match changes.reset && page > 0 {
        true => {
            let limit = page.min(PAGE_MESSAGES);
            let page = core
                .store
                .page(
                    room,
                    Timeline::ROOM,
                    Place::NEWEST,
                    0,
                    limit,
                    access.visible_from,
                )
                .await;
            Some(page.map_err(failed)?)
        }
        false => None,
    };
    let changes = match &page {
        Some(page) => RoomChanges {
            since: page.as_of,
            through: page.as_of,
            rev: page.as_of,
            head: page.head,
            ..changes
        },
        None if changes.reset && changes.through == 0 => {
            let now = core
                .store
                .summary(room, who.user)
                .await
                .map_err(failed)?
                .ok_or_else(not_found)?;
            RoomChanges {
                since: now.rev,
                through: now.rev,
                rev: now.rev,
                head: now.head,
                ..changes
            }
        }
        None => changes,
    };
    let mut summary = before;
    summary.rev = summary.rev.max(changes.rev);
    summary.head = summary.head.max(changes.head);
    Ok(answer_of(
        RoomOpened {
            summary,
            changes,
            page,
            ext: Extensions::NONE,
        },
        room,
        access,
    ))
}

fn fresh(rev: u64, summary: &parlor_protocol::room::RoomSummary) -> RoomChanges {
    RoomChanges {
        room: summary.room,
        since: rev,
        through: rev,
        rev,
        head: summary.head,
        floor: summary.floor,
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
