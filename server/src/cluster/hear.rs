//! What other nodes say, handed to the shard.

use std::time::Instant;

use bytes::Bytes;
use parlor_protocol::bus::{NodeBatch, NodePresence, NodeUserBatch, SessionsEnded};
use parlor_protocol::frame::{Frame, FrameError, FrameReader};
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::sync::UserBatch;
use parlor_protocol::{Code, Kind};

use super::Peers;
use crate::bus::NodeNumber;
use crate::room::BatchFrames;
use crate::shard::{Committed, Core, RoomCommitted, ToShard};
use crate::store::{ReaderChange, UserAppended};

/// Why a frame was not taken: a node of another release, or a fault of ours.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("it is cut off")]
    Cut,
}

/// Takes one whole frame of another node. What cannot be read is said, and found by comparing.
pub(super) async fn hear(core: &Core, peers: &Peers, node: NodeNumber, bytes: Bytes) {
    if let Err(error) = take(core, peers, node, bytes).await {
        tracing::warn!(%error, "a frame of another node could not be read; is it of another version?");
    }
}

async fn take(core: &Core, peers: &Peers, node: NodeNumber, bytes: Bytes) -> Result<(), Unheard> {
    let frame = whole(bytes)?;
    match frame.header.kind {
        Kind::NODE_BATCH => {
            let batch = frame.open()?;
            // First the cache: whoever opens the room then reads what the shard has.
            if let Some(cached) = peers.cached() {
                cached.cache().heard_batch(&batch);
            }
            let room = room(batch);
            peers.heard_of(room.head.room);
            core.store.noted(room.head.room, room.head.rev);
            let committed = Committed {
                rooms: vec![room],
                ..Committed::default()
            };
            core.shard
                .send(ToShard::Committed(Box::new(committed)))
                .await;
        }
        Kind::NODE_USER_BATCH => {
            let appended = user(frame.open()?)?;
            core.shard
                .send(ToShard::UserElsewhere(Box::new(appended)))
                .await;
        }
        Kind::SESSIONS_ENDED => {
            let ended = frame.open()?;
            if let Some(cached) = peers.cached() {
                cached.cache().heard_sessions(&ended);
            }
            let SessionsEnded {
                user,
                sessions,
                but,
                code,
                ext: _,
            } = ended;
            let named = (!sessions.is_empty()).then_some(sessions);
            core.sessions_ended_elsewhere(user, named, but, Code(code))
                .await;
        }
        Kind::NODE_PRESENCE => {
            let said: Box<NodePresence> = Box::new(frame.open()?);
            core.shard
                .send(ToShard::PresenceElsewhere { node, said })
                .await;
        }
        Kind::NODE_TYPING => {
            core.shard
                .send(ToShard::TypingElsewhere(frame.open()?))
                .await;
        }
        // From a newer node: what it is about is found by comparing.
        kind => tracing::debug!(?kind, "another node says what this one does not know"),
    }
    Ok(())
}

fn whole(bytes: Bytes) -> Result<Frame, Unheard> {
    let mut reader = FrameReader::new();
    reader.feed(bytes);
    reader.next(BODY_BYTES)?.ok_or(Unheard::Cut)
}

fn room(batch: NodeBatch) -> RoomCommitted {
    let NodeBatch {
        head,
        before,
        direct,
        joined,
        left,
        frame,
        ext: _,
    } = batch;
    RoomCommitted {
        head,
        before,
        direct,
        frames: BatchFrames::of(frame.into()),
        readers: match left {
            Some(user) => ReaderChange::Left(user),
            None if joined.is_empty() => ReaderChange::None,
            None => ReaderChange::Joined(joined),
        },
        at: Instant::now(),
    }
}

fn user(batch: NodeUserBatch) -> Result<UserAppended, Unheard> {
    let NodeUserBatch {
        user,
        before: _,
        rev: _,
        frame,
        ext: _,
    } = batch;
    let UserBatch {
        before,
        rev,
        entries,
        ext: _,
    } = whole(frame.into())?.open()?;
    Ok(UserAppended {
        user,
        before,
        rev,
        entries,
    })
}
