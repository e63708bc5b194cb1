//! Bulk transfers: each on a stream of its own, whole in memory, within bounds.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::frame::{self, Frame};
use parlor_protocol::limit::{BODY_UNENTERED_BYTES, TEXT_BYTES};
use parlor_protocol::message::{GetText, PutText};
use parlor_protocol::{Body, Code, Kind, Refusal, RoomId, UserId};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::open;
use crate::guard::rate::{self, Class};
use crate::handler::message;
use crate::net::{Inbound, Outbound};
use crate::shard::{LinkRef, Shard, Who};

/// Longest that a bulk transfer may take: a megabyte on a slow line.
const TRANSFER_WITHIN: Duration = Duration::from_secs(120);

/// Memory that a transfer holds until it ends, however it ends.
struct Held {
    shard: Rc<Shard>,
    user: UserId,
    bytes: usize,
}

impl Held {
    fn take(shard: &Rc<Shard>, user: UserId, bytes: usize) -> Result<Self, Refusal> {
        shard.bulk.borrow_mut().take(user, bytes)?;
        Ok(Self {
            shard: shard.clone(),
            user,
            bytes,
        })
    }

    /// Gives back what the transfer turned out not to need.
    fn shrink(&mut self, bytes: usize) {
        let over = self.bytes.saturating_sub(bytes);
        self.shard.bulk.borrow_mut().release(self.user, over);
        self.bytes -= over;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shard.bulk.borrow_mut().release(self.user, self.bytes);
    }
}

/// A frame to send back, and raw bytes behind it.
struct Reply {
    frame: Bytes,
    rest: Option<(Bytes, Held)>,
}

/// A bulk transfer on a stream of its own.
pub(crate) fn bulk(shard: &Rc<Shard>, at: LinkRef, outbound: Outbound, inbound: Inbound) {
    outbound.lower_priority();
    let shard = shard.clone();
    spawn_local(async move { bulk_transfer(&shard, at, outbound, inbound).await });
}

/// The same, until it has ended.
pub(crate) async fn bulk_transfer(
    shard: &Rc<Shard>,
    at: LinkRef,
    outbound: Outbound,
    inbound: Inbound,
) {
    let Some(who) = entered(shard, at) else {
        return;
    };
    // Dropping the streams resets them, which tells the client.
    let _ = timeout(TRANSFER_WITHIN, transfer(shard, at, who, outbound, inbound)).await;
}

fn entered(shard: &Shard, at: LinkRef) -> Option<Who> {
    shard.step(|state| {
        let link = state.link(at).filter(|link| link.entered)?;
        link.who.clone()
    })
}

async fn transfer(
    shard: &Rc<Shard>,
    at: LinkRef,
    who: Who,
    mut outbound: Outbound,
    mut inbound: Inbound,
) -> Option<()> {
    let frame = inbound.frame(BODY_UNENTERED_BYTES).await.ok()??;
    let (kind, request) = (frame.header.kind, frame.header.request);
    let done = match admit(shard, &who, kind).await {
        Err(refusal) => Err(refusal),
        Ok(()) => match kind {
            Kind::PUT_TEXT => put_text(shard, &who, &frame, inbound).await,
            Kind::GET_TEXT => get_text(shard, at, &who, &frame).await,
            _ => Err(Refusal::new(Code::UNSUPPORTED)),
        },
    };
    let refused = done.as_ref().err().map(|refusal| refusal.code);
    shard.core.metrics.requests.count(kind, refused);
    let Reply { frame, rest } = match done {
        Ok(reply) => reply,
        Err(refusal) => reply(request, &refusal),
    };
    outbound.push(frame, 0);
    match rest {
        Some((bytes, held)) => {
            let sent = outbound.send_all(bytes).await;
            drop(held);
            sent.then_some(())
        }
        None => outbound.send_all(Bytes::new()).await.then_some(()),
    }
}

/// Counts the transfer against the person's rate, here and over all nodes.
async fn admit(shard: &Shard, who: &Who, kind: Kind) -> Result<(), Refusal> {
    if who.unlimited {
        return Ok(());
    }
    let class = match kind {
        Kind::PUT_TEXT => Class::Upload,
        _ => Class::Read,
    };
    let (person, now_ms) = (rate::Who::person(who.user), shard.core.steady_ms());
    let taken = shard.step(|state| state.rates.take(class, person, 1, now_ms));
    taken.map_err(Refusal::from)?;
    let core = shard.core.clone();
    let shared = async move { core.take_shared(class, person).await };
    let counted = shard.core.runtime.spawn(shared).await;
    counted.unwrap_or_else(|_| Err(Refusal::new(Code::INTERNAL)))
}

fn reply<B: Body>(request: u32, body: &B) -> Reply {
    Reply {
        frame: frame::encode(request, body),
        rest: None,
    }
}

async fn put_text(
    shard: &Rc<Shard>,
    who: &Who,
    frame: &Frame,
    mut inbound: Inbound,
) -> Result<Reply, Refusal> {
    let put: PutText = open(frame)?;
    let bytes = put.long.bytes as usize;
    let allowed = match message::may_put(&shard.core, who, &put).await {
        Ok(()) => Held::take(shard, who.user, bytes),
        Err(refusal) => Err(refusal),
    };
    let _held = match allowed {
        Ok(held) => held,
        Err(refusal) => {
            inbound.stop();
            return Err(refusal);
        }
    };
    let Some(bytes) = inbound.rest(bytes).await else {
        return Err(Refusal::with_text(
            Code::MALFORMED,
            "The text's bytes do not fit its length; send it again.",
        ));
    };
    let core = shard.core.clone();
    let done = core
        .runtime
        .clone()
        .spawn(async move { message::put_text(&core, put, bytes).await })
        .await;
    let done = done.unwrap_or_else(|_| Err(Refusal::new(Code::INTERNAL)))?;
    Ok(reply(frame.header.request, &done))
}

async fn get_text(
    shard: &Rc<Shard>,
    at: LinkRef,
    who: &Who,
    frame: &Frame,
) -> Result<Reply, Refusal> {
    let get: GetText = open(frame)?;
    // How long it is is known once it has been read.
    let mut held = Held::take(shard, who.user, TEXT_BYTES)?;
    let (core, who) = (shard.core.clone(), who.clone());
    let found = core
        .runtime
        .clone()
        .spawn(async move { message::get_text(&core, &who, get).await })
        .await;
    let found = found.unwrap_or_else(|_| Err(Refusal::new(Code::INTERNAL)));
    let (answer, bytes) = found?;
    if entered(shard, at).is_none() || removed(shard, at, answer.members_of) {
        return Err(Refusal::new(Code::NOT_FOUND));
    }
    held.shrink(bytes.len());
    Ok(Reply {
        frame: frame::encode(frame.header.request, &answer.body),
        rest: Some((bytes, held)),
    })
}

fn removed(shard: &Shard, at: LinkRef, members_of: Option<RoomId>) -> bool {
    members_of.is_some_and(|room| !shard.step(|state| state.is_member(at, room)))
}
