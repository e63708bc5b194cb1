//! Rooms: making, joining, leaving, roles, lists.

use parlor_protocol::limit::PAGE_TEXT_BYTES;
use parlor_protocol::room::{
    AddMember, CreateRoom, JoinRoom, LeaveRoom, ListMembers, ListRooms, Member, Members,
    OpenDirect, RemoveMember, RoomDone, RoomKind, RoomListing, Rooms, SetRole, SetTopic,
};
use parlor_protocol::{Code, Extensions, Refusal, RoomId, SendKey};

use super::{Answered, allowed, answer_of, conditional, failed};
use crate::guard::name;
use crate::room::rules::Action;
use crate::shard::{Core, Who};
use crate::store::{Change, RoomCommand, RoomName};

async fn commit(
    core: &Core,
    who: &Who,
    room: RoomId,
    send_key: SendKey,
    change: Change,
) -> Answered<RoomDone> {
    let command = RoomCommand {
        room,
        actor: who.user,
        send_key,
        change,
    };
    let done = core.committer.commit(command).await?;
    Ok(RoomDone {
        room: done.room,
        rev: done.rev,
        ext: Extensions::NONE,
    }
    .into())
}

pub async fn create(core: &Core, who: &Who, request: CreateRoom) -> Answered<RoomDone> {
    if request.kind != RoomKind::PUBLIC && request.kind != RoomKind::PRIVATE {
        return Err(Refusal::with_text(
            Code::UNSUPPORTED,
            "A room is made public or private.",
        ));
    }
    let name = name::room_name(&request.name)?;
    let name = RoomName {
        shown: name.shown,
        folded: name.folded,
    };
    let topic = name::topic(&request.topic)?;
    // Derived from the send key, so that a retry makes the same room.
    let room = RoomId(request.send_key.0);
    commit(
        core,
        who,
        room,
        request.send_key,
        Change::Create {
            kind: request.kind,
            name,
            topic,
        },
    )
    .await
}

pub async fn open_direct(core: &Core, who: &Who, request: OpenDirect) -> Answered<RoomDone> {
    let known = core.store.user(request.with).await.map_err(failed)?;
    if known.is_none_or(|user| user.disabled) || request.with == who.user {
        return Err(Refusal::new(Code::NO_SUCH_PERSON));
    }
    let room = RoomId::direct(who.user, request.with);
    commit(
        core,
        who,
        room,
        request.send_key,
        Change::CreateDirect { with: request.with },
    )
    .await
}

pub async fn join(core: &Core, who: &Who, request: JoinRoom) -> Answered<RoomDone> {
    let room = match request.room {
        Some(room) => Some(room),
        None => core
            .store
            .room_by_name(&name::fold(&request.name))
            .await
            .map_err(failed)?,
    };
    let room =
        room.ok_or_else(|| Refusal::with_text(Code::NOT_FOUND, "There is no such public room."))?;
    commit(core, who, room, request.send_key, Change::Join).await
}

pub async fn leave(core: &Core, who: &Who, request: LeaveRoom) -> Answered<RoomDone> {
    commit(core, who, request.room, request.send_key, Change::Leave).await
}

pub async fn add(core: &Core, who: &Who, request: AddMember) -> Answered<RoomDone> {
    // Permission first: whether somebody exists is not told to who may not ask.
    allowed(core, who, request.room, Action::Add).await?;
    let known = core.store.user(request.user).await.map_err(failed)?;
    if known.is_none_or(|user| user.disabled) {
        return Err(Refusal::new(Code::NO_SUCH_PERSON));
    }
    commit(
        core,
        who,
        request.room,
        request.send_key,
        Change::Add { user: request.user },
    )
    .await
}

pub async fn remove(core: &Core, who: &Who, request: RemoveMember) -> Answered<RoomDone> {
    commit(
        core,
        who,
        request.room,
        request.send_key,
        Change::Remove { user: request.user },
    )
    .await
}

pub async fn set_role(core: &Core, who: &Who, request: SetRole) -> Answered<RoomDone> {
    let change = Change::SetRole {
        user: request.user,
        role: request.role,
    };
    commit(core, who, request.room, request.send_key, change).await
}

pub async fn set_topic(core: &Core, who: &Who, request: SetTopic) -> Answered<RoomDone> {
    let topic = name::topic(&request.topic)?;
    commit(
        core,
        who,
        request.room,
        request.send_key,
        Change::SetTopic { topic },
    )
    .await
}

pub async fn list(core: &Core, who: &Who, request: ListRooms) -> Answered<Rooms> {
    let limit = request.limit.clamp(1, PAGE_ROWS);
    let after = if request.after.is_empty() {
        String::new()
    } else {
        name::fold(&request.after)
    };
    let mut rooms = core
        .store
        .directory(who.user, &after, limit + 1)
        .await
        .map_err(failed)?;
    let keep = fitting(&rooms).min(limit.into());
    let more = rooms.len() > keep;
    rooms.truncate(keep);
    let ext = conditional::spare(&request.ext, &mut rooms, &[more.into()]);
    Ok(Rooms { rooms, more, ext }.into())
}

pub async fn members(core: &Core, who: &Who, request: ListMembers) -> Answered<Members> {
    let access = allowed(core, who, request.room, Action::Read).await?;
    let limit = request.limit.clamp(1, PAGE_ROWS);
    let mut rows = core
        .store
        .members(request.room, request.after, limit + 1)
        .await
        .map_err(failed)?;
    let more = rows.len() > limit.into();
    rows.truncate(limit.into());
    let members = rows.into_iter().map(|(person, role)| Member {
        online: core.is_online(person.id),
        person,
        role,
    });
    let mut members = members.collect();
    let ext = conditional::spare(&request.ext, &mut members, &[more.into()]);
    let body = Members {
        room: request.room,
        members,
        more,
        ext,
    };
    Ok(answer_of(body, request.room, access))
}

/// How many rooms from the first fit a frame: names and topics may be long.
fn fitting(rooms: &[RoomListing]) -> usize {
    let mut bytes = 0;
    let fits = |room: &&RoomListing| {
        bytes += LISTING_BYTES + room.name.len() + room.topic.len();
        bytes <= PAGE_TEXT_BYTES
    };
    rooms.iter().take_while(fits).count().max(1)
}

/// What a room takes in a list beside its texts, bytes, at most.
const LISTING_BYTES: usize = 48;
/// Rows of one page.
const PAGE_ROWS: u16 = parlor_protocol::limit::PAGE_ROWS;
