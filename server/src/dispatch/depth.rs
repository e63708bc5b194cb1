//! Requests about what a link receives of rooms: they touch the shard, not only the database.

use std::rc::Rc;

use parlor_protocol::hello::Done;
use parlor_protocol::sync::{CloseRoom, GetChanges, OpenRoom, RoomChanges};
use parlor_protocol::{Extensions, frame};

use super::{Call, open, refuse, run};
use crate::handler::sync;
use crate::shard::{LinkRef, Shard, State, Wish};

/// Notes that the room is being opened before its access is checked: a removal that comes
/// meanwhile then undoes it.
pub(super) fn open_room(shard: &Rc<Shard>, call: Call) {
    let link = call.to.link;
    let request = match open::<OpenRoom>(&call.frame) {
        Ok(request) => request,
        Err(refusal) => return refuse(shard, call.to, &refusal),
    };
    let noted = shard.step(|state| {
        let link = state.link(link)?;
        Some(link.note_opening(request.room))
    });
    let Some(number) = noted else { return };
    let wish = Wish { link, number };
    run(call, move |core, who, request| async move {
        sync::open(&core, &who, wish, request).await
    });
}

pub(super) fn close_room(shard: &Rc<Shard>, call: Call) {
    match open::<CloseRoom>(&call.frame) {
        Ok(request) => shard.step(|state| {
            state.close_room(call.to.link, request.room);
            state.answer(
                call.to,
                frame::encode(call.to.request, &Done::default()),
                None,
            );
        }),
        Err(refusal) => refuse(shard, call.to, &refusal),
    }
}

/// Answered by the room's ring where that reaches back far enough, else by the database.
pub(super) fn changes(shard: &Rc<Shard>, call: Call) {
    let request: GetChanges = match open(&call.frame) {
        Ok(request) => request,
        Err(refusal) => return refuse(shard, call.to, &refusal),
    };
    let at = call.to.link;
    let recent = shard.step(|state| recent(state, at, &request));
    match recent {
        Some(changes) => {
            shard.core.metrics.ring_hits.add(1);
            shard.core.metrics.requests.count(call.to.kind, None);
            let reply = match call.zstd {
                true => frame::encode_compressed(call.to.request, &changes),
                false => frame::encode(call.to.request, &changes),
            };
            shard.step(|state| state.answer(call.to, reply, None));
        }
        None => {
            shard.core.metrics.ring_misses.add(1);
            run(call, |core, who, request| async move {
                sync::changes(&core, &who, request).await
            });
        }
    }
}

/// Only for who has the room at full depth, and no further back than they have been in it.
fn recent(state: &mut State, at: LinkRef, request: &GetChanges) -> Option<RoomChanges> {
    if !state.may_see_since(at, request.room, request.since) {
        return None;
    }
    let slot = state.hub.slot(request.room)?;
    let room = state.hub.get(slot)?;
    let (entries, through) = room.ring.since(request.since)?;
    let head = room.head;
    Some(RoomChanges {
        room: request.room,
        since: request.since,
        through,
        rev: head.rev,
        head: head.head,
        // Not said: a ring holds no change of it.
        floor: 0,
        reset: false,
        entries,
        ext: Extensions::NONE,
    })
}
