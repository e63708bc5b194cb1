//! The task of one link: reads its streams, drives its handshake, hands requests to dispatch.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parlor_protocol::frame::{self, Frame};
use parlor_protocol::hello::{Pong, Welcome, feature};
use parlor_protocol::limit::{BODY_BYTES, HELLO_WITHIN_MS, TEXT_BYTES};
use parlor_protocol::session::{Negotiated, ServerHandshake, ServerStep};
use parlor_protocol::tcp::{self, LinkToken};
use parlor_protocol::{Code, Extensions, Refusal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::context::now_ms;
use super::enter::{self, Way};
use super::state::Shard;
use super::{Lane, LinkRef};
use crate::dispatch;
use crate::guard::rate;
use crate::net::{Connection, Event, Inbound, InboundError, Pending};

/// What this server offers.
const FEATURES: u64 = feature::ZSTD | feature::SIGNALS | feature::LONG_TEXT;
/// Time for a QUIC handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for the last words of a link to leave before it is closed.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Why a link's task ends.
enum End {
    /// The client left, or the connection is gone.
    Gone,
    /// The server ends it: told to the client as the close code.
    Ended(Code, String),
}

type Go = Result<(), End>;

/// Takes a link from its first packet to its end.
pub(super) async fn serve(shard: Rc<Shard>, pending: Pending) {
    let connection = timeout(HANDSHAKE, pending.complete()).await.ok().flatten();
    shard.step(|state| state.half_open -= 1);
    shard.core.metrics.half_open.add(-1);
    if let Some(connection) = connection {
        serve_connection(shard, connection).await;
    }
}

/// Takes a link from the end of its handshake to its end.
pub(super) async fn serve_connection(shard: Rc<Shard>, connection: Connection) {
    // Under way when the drain began: nobody would tell it to go.
    if shard.step(|state| state.draining) {
        connection.close(Code::GOING_AWAY, Code::GOING_AWAY.text());
        return connection.linger().await;
    }
    // Looked at again: many handshakes of one address may have been under way at once.
    let counted_at = rate::Who::address(connection.address().ip());
    let bound = shard.core.config.link.max as usize;
    let added = shard.step(|state| match shard.crowded(state, counted_at) {
        true => Err("too many links from this address"),
        false if state.links.len() >= bound => Err("the server takes no more links now"),
        false => Ok(state.add(connection.clone(), &shard)),
    });
    let at = match added {
        Ok(at) => at,
        Err(reason) => {
            shard.core.metrics.refused_links.add(1);
            connection.close(Code::BUSY, reason);
            return connection.linger().await;
        }
    };
    let task = LinkTask {
        shard: shard.clone(),
        connection: connection.clone(),
        at,
        began: Instant::now(),
    };
    if let Err(End::Ended(code, reason)) = task.run().await {
        // The refusal was queued: let it leave before the close overtakes it.
        let _ = timeout(LAST_WORDS, connection.closed()).await;
        connection.close(code, &reason);
    }
    if connection.is_tcp() {
        // QUIC sees to all of this by itself.
        connection.close(Code(0), "goodbye");
        connection.linger().await;
    }
    shard.step(|state| state.remove(at, &shard));
}

struct LinkTask {
    shard: Rc<Shard>,
    connection: Connection,
    at: LinkRef,
    began: Instant,
}

impl LinkTask {
    async fn run(&self) -> Go {
        let hello_within = Duration::from_millis(HELLO_WITHIN_MS);
        let (control, inbound) = match timeout(hello_within, self.connection.event()).await {
            Ok(Event::Stream(outbound, inbound)) => (outbound, inbound),
            Ok(Event::Closed) => return Err(End::Gone),
            Ok(Event::Signal(_)) | Err(_) => return Err(ended(Code::TIMED_OUT, "no hello came")),
        };
        let mut inbound = self.reading(inbound);
        // A client that allows no push stream would let this wait for ever.
        let push = timeout(hello_within, self.connection.open_push()).await;
        let push = push.map_err(|_| ended(Code::TIMED_OUT, "no push stream is allowed"))?;
        let push = push.ok_or(End::Gone)?;
        self.shard.step(|state| {
            if let Some(link) = state.link(self.at) {
                link.control = Some(control);
                link.push = Some(push);
            }
        });
        let mut handshake = ServerHandshake::new(FEATURES, self.clock_ms());
        self.enter(&mut handshake, &mut inbound).await?;
        self.talk(&mut handshake, &mut inbound).await
    }

    /// Reads the control stream until the client has entered.
    async fn enter(&self, handshake: &mut ServerHandshake, inbound: &mut Inbound) -> Go {
        while !handshake.is_entered() {
            let left = handshake
                .deadline_ms()
                .unwrap_or(u64::MAX)
                .saturating_sub(self.clock_ms());
            let frame = timeout(
                Duration::from_millis(left),
                inbound.frame(handshake.body_bytes()),
            )
            .await;
            let frame = match frame {
                Ok(frame) => self.opened(frame)?,
                Err(_) => return Err(ended(Code::TIMED_OUT, "nobody logged in")),
            };
            let step = handshake.on_frame(frame, self.clock_ms());
            if let Some(way) = self.take(step)? {
                let granted = self.decide(way).await?;
                if granted {
                    handshake.entered();
                } else if handshake.not_entered() {
                    return Err(ended(Code::BAD_LOG_IN, "too many tries"));
                }
            }
        }
        Ok(())
    }

    /// Lets the core decide an entry; the link is watched meanwhile.
    async fn decide(&self, way: Way) -> Result<bool, End> {
        let (sender, decision) = oneshot::channel();
        self.shard.step(|state| {
            if let Some(link) = state.link(self.at) {
                link.decision = Some(sender);
            }
        });
        let core = self.shard.core.clone();
        core.runtime.spawn(enter::decide(
            core.clone(),
            self.at,
            self.connection.address(),
            way,
        ));
        tokio::select! {
            decision = decision => decision.map_err(|_| End::Gone),
            () = self.connection.closed() => Err(End::Gone),
        }
    }

    /// An entered link: commands, control frames, streams and signals as they come.
    async fn talk(&self, handshake: &mut ServerHandshake, control: &mut Inbound) -> Go {
        let mut command: Option<Inbound> = None;
        loop {
            tokio::select! {
                biased;
                frame = control.frame(BODY_BYTES), if self.takes_requests() => {
                    match self.connection.lane(self.opened(frame)?) {
                        tcp::Lane::Stream(frame) => self.control_frame(handshake, frame)?,
                        tcp::Lane::Signal(frame) => dispatch::signal(&self.shard, self.at, &frame),
                        tcp::Lane::Nowhere => {}
                    }
                }
                frame = next(&mut command), if self.takes_requests() => {
                    let frame = self.opened(frame)?;
                    self.requests(frame, &mut command)?;
                }
                () = self.unstalled(), if !self.takes_requests() => {}
                event = self.connection.event() => match event {
                    Event::Stream(outbound, inbound) if command.is_none() => {
                        self.shard.step(|state| state.link(self.at).map(|link| link.command = Some(outbound)));
                        command = Some(self.reading(inbound));
                    }
                    Event::Stream(outbound, inbound) => dispatch::bulk(&self.shard, self.at, outbound, inbound),
                    Event::Signal(signal) => dispatch::datagram(&self.shard, self.at, signal),
                    Event::Closed => return Err(End::Gone),
                },
            }
        }
    }

    /// A stream of frames, each of which has to arrive whole in time.
    fn reading(&self, mut inbound: Inbound) -> Inbound {
        let within = Duration::from_secs(self.shard.core.config.link.frame_s.into());
        inbound.set_frame_within(within);
        inbound
    }

    /// Hands a request on, and those that arrived with it.
    fn requests(&self, first: Frame, command: &mut Option<Inbound>) -> Go {
        let mut frame = Some(first);
        while let Some(request) = frame.take() {
            if request.header.request == 0 {
                return Err(self.fatal(Lane::Command, 0, Refusal::new(Code::UNEXPECTED)));
            }
            dispatch::request(&self.shard, self.at, Lane::Command, request);
            if self.takes_requests()
                && let Some(inbound) = command
            {
                frame = inbound
                    .ready(BODY_BYTES)
                    .map_err(|error| self.broken(error))?;
            }
        }
        Ok(())
    }

    fn control_frame(&self, handshake: &mut ServerHandshake, frame: Frame) -> Go {
        let step = handshake.on_frame(frame, self.clock_ms());
        self.take(step).map(drop)
    }

    /// Does what the handshake's rules say. `Some`: an entry is to be decided.
    fn take(&self, step: ServerStep) -> Result<Option<Way>, End> {
        match step {
            ServerStep::Welcome {
                request,
                negotiated,
                ..
            } => {
                self.shard.step(|state| {
                    let token = state.link(self.at).and_then(|link| {
                        link.zstd = negotiated.features & feature::ZSTD != 0;
                        link.token
                    });
                    let welcome = self.welcome(negotiated, token);
                    state.reply(self.at, Lane::Control, frame::encode(request, &welcome));
                });
            }
            ServerStep::LogIn { request, log_in } => return Ok(Some(Way::LogIn(request, log_in))),
            ServerStep::Register { request, register } => {
                return Ok(Some(Way::Register(request, register)));
            }
            ServerStep::Enter { request, enter } => return Ok(Some(Way::Token(request, enter))),
            ServerStep::Pong { request, opaque } => {
                let pong = Pong {
                    opaque,
                    clock_ms: now_ms(),
                    ext: Extensions::NONE,
                };
                self.reply(request, frame::encode(request, &pong));
            }
            ServerStep::Request(frame) => {
                dispatch::request(&self.shard, self.at, Lane::Control, frame)
            }
            ServerStep::Skip => {}
            ServerStep::Refuse { request, refusal } => {
                self.reply(request, frame::encode(request, &refusal))
            }
            ServerStep::Fatal { request, refusal } => {
                return Err(self.fatal(Lane::Control, request, refusal));
            }
            ServerStep::Goodbye => {
                self.connection.close(Code(0), "goodbye");
                return Err(End::Gone);
            }
        }
        Ok(None)
    }

    fn welcome(&self, negotiated: Negotiated, token: Option<LinkToken>) -> Welcome {
        let core = &self.shard.core;
        Welcome {
            minor: negotiated.minor,
            features: negotiated.features,
            body_bytes: BODY_BYTES as u32,
            text_bytes: TEXT_BYTES as u32,
            epoch: core.store.epoch(),
            installation: core.config.server.name.clone(),
            nodes: core.nodes.nodes().to_vec(),
            pins: core.pins.iter().map(|pin| pin.0).collect(),
            clock_ms: now_ms(),
            heartbeat_ms: core.config.link.heartbeat_s * 1000,
            idle_ms: core.config.link.idle_s * 1000,
            registration: core.config.server.registration.wire(),
            ext: token.map_or(Extensions::NONE, |token| token.extension()),
        }
    }

    fn reply(&self, _request: u32, frame: bytes::Bytes) {
        self.shard
            .step(|state| state.reply(self.at, Lane::Control, frame));
    }

    fn opened(&self, frame: Result<Option<Frame>, InboundError>) -> Result<Frame, End> {
        match frame {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(End::Gone),
            Err(error) => Err(self.broken(error)),
        }
    }

    fn broken(&self, error: InboundError) -> End {
        match error {
            InboundError::Broken => End::Gone,
            InboundError::Stalled(_) => self.fatal(
                Lane::Control,
                0,
                Refusal::with_text(Code::TIMED_OUT, format!("{error}.")),
            ),
            InboundError::Frame(error) => self.fatal(
                Lane::Control,
                0,
                Refusal::with_text(Code::MALFORMED, format!("{error}.")),
            ),
        }
    }

    fn fatal(&self, lane: Lane, request: u32, refusal: Refusal) -> End {
        self.shard.core.metrics.links_cut.add(1);
        self.shard
            .step(|state| state.reply(self.at, lane, frame::encode(request, &refusal)));
        End::Ended(refusal.code, refusal.text)
    }

    fn takes_requests(&self) -> bool {
        self.shard.step(|state| {
            state
                .link(self.at)
                .is_some_and(|link| link.takes_requests())
        })
    }

    /// Waits until requests in flight have been answered.
    async fn unstalled(&self) {
        poll_fn(|context| {
            self.shard.step(|state| match state.link(self.at) {
                Some(link) if !link.takes_requests() => {
                    link.stalled = Some(context.waker().clone());
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            })
        })
        .await;
    }

    fn clock_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

fn ended(code: Code, reason: &str) -> End {
    End::Ended(code, reason.to_owned())
}

/// The next frame of a stream that may not be there yet.
async fn next(inbound: &mut Option<Inbound>) -> Result<Option<Frame>, InboundError> {
    match inbound {
        Some(inbound) => inbound.frame(BODY_BYTES).await,
        None => std::future::pending().await,
    }
}
