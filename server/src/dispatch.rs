//! From a frame to its handler: one line per request type.

mod bulk;
mod depth;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_protocol::frame::{self, Frame, FrameError};
use parlor_protocol::hello::Done;
use parlor_protocol::message::{Post, Timeline};
use parlor_protocol::signal::{Presence, Typing};
use parlor_protocol::{Body, Code, Kind, Refusal};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::guard::rate::{self, Class};
use crate::handler::{Answer, Answered, account, invite, message, people, room, sync};
use crate::room::{ReplyTo, Submission, committer};
use crate::shard::{Core, Lane, LinkRef, ReplyAddress, Shard, State, ToShard, Who};
use crate::store::{Change, RoomCommand};

pub(crate) use bulk::{bulk, bulk_transfer};

/// Longest that a request may take before its asker is told.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// What a request counts for in the link's bound: a page is held in memory until it has left.
const LIGHT: u8 = 1;
const HEAVY: u8 = 8;

/// A request on its way to its handler.
struct Call {
    core: Arc<Core>,
    who: Who,
    to: ReplyAddress,
    class: Class,
    zstd: bool,
    frame: Frame,
}

/// Takes a request of an entered link.
pub(crate) fn request(shard: &Rc<Shard>, at: LinkRef, lane: Lane, frame: Frame) {
    let (class, weight) = class(frame.header.kind);
    let to = ReplyAddress {
        link: at,
        lane,
        request: frame.header.request,
        kind: frame.header.kind,
        weight,
    };
    let admitted = shard.step(|state| admit(state, shard, at, class, weight));
    match admitted {
        Some(Ok((who, zstd))) => route(
            shard,
            Call {
                core: shard.core.clone(),
                who,
                to,
                class,
                zstd,
                frame,
            },
        ),
        Some(Err(refusal)) => shard.step(|state| {
            shard
                .core
                .metrics
                .requests
                .count(to.kind, Some(refusal.code));
            state.reply(at, lane, frame::encode(to.request, &refusal));
        }),
        None => {}
    }
}

/// Counts the request against the person's rate and the link's bound.
fn admit(
    state: &mut State,
    shard: &Shard,
    at: LinkRef,
    class: Class,
    weight: u8,
) -> Option<Result<(Who, bool), Refusal>> {
    let link = state.link(at).filter(|link| link.entered)?;
    let (who, zstd) = (link.who.clone()?, link.zstd);
    if !who.unlimited {
        let now = shard.core.steady_ms();
        if let Err(refused) = state.rates.take(class, rate::Who::person(who.user), 1, now) {
            return Some(Err(refused.into()));
        }
    }
    state.link(at)?.in_flight += u32::from(weight);
    Some(Ok((who, zstd)))
}

fn class(kind: Kind) -> (Class, u8) {
    match kind {
        Kind::POST => (Class::Send, LIGHT),
        Kind::GET_PAGE
        | Kind::OPEN_ROOM
        | Kind::GET_CHANGES
        | Kind::SYNC_USER
        | Kind::LIST_MEMBERS => (Class::Read, HEAVY),
        Kind::FIND_PEOPLE | Kind::LIST_ROOMS => (Class::Read, HEAVY),
        Kind::CLOSE_ROOM => (Class::Read, LIGHT),
        Kind::MARK => (Class::Marker, LIGHT),
        _ => (Class::Command, LIGHT),
    }
}

/// Names the handler of a request; its argument's type says how the frame is read.
macro_rules! handle {
    ($call:expr, $handler:path) => {
        run($call, |core, who, request| async move {
            $handler(&core, &who, request).await
        })
    };
}

fn route(shard: &Rc<Shard>, call: Call) {
    match call.frame.header.kind {
        Kind::LOG_OUT => handle!(call, account::log_out),
        Kind::LIST_SESSIONS => handle!(call, account::sessions),
        Kind::REVOKE_SESSION => handle!(call, account::revoke_session),
        Kind::CHANGE_PASSWORD => handle!(call, account::change_password),
        Kind::CREATE_INVITE => handle!(call, invite::create),
        Kind::REDEEM_INVITE => handle!(call, invite::redeem),
        Kind::FIND_PEOPLE => handle!(call, people::find),
        Kind::CREATE_ROOM => handle!(call, room::create),
        Kind::OPEN_DIRECT => handle!(call, room::open_direct),
        Kind::JOIN_ROOM => handle!(call, room::join),
        Kind::LEAVE_ROOM => handle!(call, room::leave),
        Kind::ADD_MEMBER => handle!(call, room::add),
        Kind::REMOVE_MEMBER => handle!(call, room::remove),
        Kind::SET_ROLE => handle!(call, room::set_role),
        Kind::SET_TOPIC => handle!(call, room::set_topic),
        Kind::LIST_ROOMS => handle!(call, room::list),
        Kind::LIST_MEMBERS => handle!(call, room::members),
        Kind::POST => post(shard, call),
        Kind::GET_PAGE => handle!(call, message::page),
        Kind::MARK => handle!(call, message::mark),
        Kind::OPEN_ROOM => depth::open_room(shard, call),
        Kind::CLOSE_ROOM => depth::close_room(shard, call),
        Kind::GET_CHANGES => depth::changes(shard, call),
        Kind::SYNC_USER => handle!(call, sync::user),
        _ => refuse(shard, call.to, &Refusal::new(Code::UNEXPECTED)),
    }
}

/// Lets the core work on a request, within bounds of number and time.
fn run<T, R, F, A>(call: Call, handler: F)
where
    T: Body + Send + 'static,
    R: Body + Send + 'static,
    F: FnOnce(Arc<Core>, Who, T) -> A + Send + 'static,
    A: Future<Output = Answered<R>> + Send,
{
    let Call {
        core,
        who,
        to,
        class,
        zstd,
        frame,
    } = call;
    let Some(permit) = permit(&core) else {
        return busy(core, to);
    };
    let runtime = core.runtime.clone();
    let began = Instant::now();
    runtime.spawn(async move {
        let answer = match open(&frame) {
            Ok(request) => {
                within(async {
                    shared(&core, &who, class).await?;
                    handler(core.clone(), who, request).await
                })
                .await
            }
            Err(refusal) => Err(refusal),
        };
        answer_with(&core, to, zstd, answer).await;
        core.metrics.request_duration.observe(began.elapsed());
        drop(permit);
    });
}

/// Counts the request over all nodes, where that is done for its class.
async fn shared(core: &Core, who: &Who, class: Class) -> Result<(), Refusal> {
    match who.unlimited {
        true => Ok(()),
        false => core.take_shared(class, rate::Who::person(who.user)).await,
    }
}

async fn within<R>(answer: impl Future<Output = Answered<R>>) -> Answered<R> {
    timeout(ANSWER_WITHIN, answer)
        .await
        .unwrap_or_else(|_| Err(Refusal::new(Code::TIMED_OUT)))
}

async fn answer_with<R: Body>(core: &Core, to: ReplyAddress, zstd: bool, answer: Answered<R>) {
    core.metrics
        .requests
        .count(to.kind, answer.as_ref().err().map(|refusal| refusal.code));
    let (frame, members_of) = match answer {
        Ok(Answer { body, members_of }) if zstd => {
            (frame::encode_compressed(to.request, &body), members_of)
        }
        Ok(Answer { body, members_of }) => (frame::encode(to.request, &body), members_of),
        Err(refusal) => (frame::encode(to.request, &refusal), None),
    };
    core.shard
        .send(ToShard::Reply {
            to,
            frame,
            members_of,
        })
        .await;
}

fn permit(core: &Core) -> Option<OwnedSemaphorePermit> {
    core.requests.clone().try_acquire_owned().ok()
}

fn busy(core: Arc<Core>, to: ReplyAddress) {
    let runtime = core.runtime.clone();
    runtime
        .spawn(async move { answer_with::<Done>(&core, to, false, Err(committer::busy())).await });
}

/// A message goes straight to the committer, which answers it.
fn post(shard: &Rc<Shard>, call: Call) {
    let post: Post = match open(&call.frame) {
        Ok(post) => post,
        Err(refusal) => return refuse(shard, call.to, &refusal),
    };
    let Post {
        room,
        timeline,
        send_key,
        after,
        text,
        long,
        ext: _,
    } = post;
    // A batch goes to all who have the room open, and not all of them may see the root of a thread:
    // replies wait until the fan-out knows that.
    if timeline != Timeline::ROOM {
        return refuse(shard, call.to, &Refusal::new(Code::UNSUPPORTED));
    }
    let change = Change::Post {
        timeline,
        after,
        text,
        long,
    };
    let command = RoomCommand {
        room,
        actor: call.who.user,
        send_key,
        change,
    };
    let submission = Submission {
        command,
        to: ReplyTo::Link(call.to),
    };
    if call.core.committer.submit(submission).is_err() {
        refuse(shard, call.to, &committer::busy());
    }
}

fn refuse(shard: &Shard, to: ReplyAddress, refusal: &Refusal) {
    shard
        .core
        .metrics
        .requests
        .count(to.kind, Some(refusal.code));
    shard.step(|state| state.answer(to, frame::encode(to.request, refusal), None));
}

fn open<T: Body>(frame: &Frame) -> Result<T, Refusal> {
    frame.open().map_err(|error| match error {
        FrameError::Revision { .. } => Refusal::with_text(Code::UNSUPPORTED, format!("{error}.")),
        error => Refusal::with_text(Code::MALFORMED, format!("{error}.")),
    })
}

/// A volatile signal: whatever is wrong with it, it is dropped.
pub(crate) fn datagram(shard: &Rc<Shard>, at: LinkRef, datagram: Bytes) {
    if let Ok(frame) = frame::from_datagram(datagram) {
        signal(shard, at, &frame);
    }
}

pub(crate) fn signal(shard: &Rc<Shard>, at: LinkRef, frame: &Frame) {
    shard.step(|state| {
        let Some(who) = state
            .link(at)
            .filter(|link| link.entered)
            .and_then(|link| link.who.clone())
        else {
            return;
        };
        let now = shard.core.steady_ms();
        if !who.unlimited
            && state
                .rates
                .take(Class::Signal, rate::Who::person(who.user), 1, now)
                .is_err()
        {
            return;
        }
        match frame.header.kind {
            Kind::TYPING => {
                if let Ok(Typing { room, on, ext: _ }) = frame.open() {
                    state.typing(at, who.user, room, on, now);
                }
            }
            Kind::PRESENCE => {
                if let Ok(Presence {
                    state: presence,
                    ext: _,
                }) = frame.open()
                {
                    state.set_presence(at, who.user, presence);
                }
            }
            _ => {}
        }
    });
}
