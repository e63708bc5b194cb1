use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use parlor_protocol::error::Refusal;
use parlor_protocol::frame::{self, FLAG_CRITICAL, Frame};
use parlor_protocol::hello::GoAway;
use parlor_protocol::kind::{Kind, Way};
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::session::{ClientHandshake, ClientStep, HandshakeError};
use parlor_protocol::tcp::Lane;

use super::CloseReason;
use super::incoming::Incoming;
use super::request::Waiter;
use super::shared::Shared;
use super::source::Source;
use super::wire::Wire;

/// What comes out of a link.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEvent {
    /// A batch, heads, user entries or a behind marker, as it travelled.
    Push(Frame),
    /// The reply, or refusal, to a request that was fired or sent in the first flight.
    Reply { request: u32, frame: Frame },
    /// A volatile signal.
    Signal(Frame),
    /// The server will end this link: make another first.
    GoAway(Box<GoAway>),
    /// The link is over. Comes last, and again whenever asked.
    Closed(CloseReason),
}

/// Receives on a link. Whoever holds it drives the link: nothing arrives, and nothing that the
/// transport could not take at once leaves, unless [`LinkEvents::next`] is polled. Dropping it ends
/// the link.
#[derive(Debug)]
pub struct LinkEvents {
    shared: Arc<Shared>,
    handshake: ClientHandshake,
    control: Incoming,
    /// Over TCP everything comes on the control stream.
    commands: Option<Incoming>,
    push: Option<Incoming>,
}

/// What one wait brought.
enum Arrived {
    Bytes,
    Push(Incoming),
    Signal(Bytes),
}

impl LinkEvents {
    pub(super) fn new(
        shared: Arc<Shared>,
        handshake: ClientHandshake,
        control: Incoming,
        commands: Option<Incoming>,
    ) -> Self {
        Self {
            shared,
            handshake,
            control,
            commands,
            push: None,
        }
    }

    /// The next event. Cancel-safe: dropped while pending, nothing is lost. Order holds within the
    /// pushes, within the signals that arrive, and within each sender's replies; not across them.
    pub async fn next(&mut self) -> LinkEvent {
        loop {
            let step = match self.take() {
                Ok(Some(event)) => return event,
                Ok(None) => self.arrive().await,
                Err(reason) => Err(reason),
            };
            match step.map(|arrived| self.keep(arrived)) {
                Ok(Some(signal)) => return LinkEvent::Signal(signal),
                Ok(None) => {}
                Err(reason) => return LinkEvent::Closed(self.end(reason)),
            }
        }
    }

    /// Drives the link until no request waits for its reply, or it ends. All else that arrives is
    /// let go: for a link that another has taken the place of.
    pub async fn drain(&mut self) {
        loop {
            let step = match self.take() {
                Ok(Some(_)) => continue,
                Ok(None) if self.shared.in_flight() == 0 => return,
                Ok(None) => self.arrive().await,
                Err(reason) => Err(reason),
            };
            match step {
                Ok(arrived) => drop(self.keep(arrived)),
                Err(reason) => return drop(self.end(reason)),
            }
        }
    }

    /// What has arrived and was not told yet. Control first: it may say that the rest is void.
    fn take(&mut self) -> Result<Option<LinkEvent>, CloseReason> {
        while let Some(frame) = self.control.next(self.handshake.body_bytes())? {
            if let Some(event) = self.on_lane(frame)? {
                return Ok(Some(event));
            }
        }
        while let Some(commands) = &mut self.commands
            && let Some(frame) = commands.next(BODY_BYTES)?
        {
            if let Some(event) = self.on_reply(frame)? {
                return Ok(Some(event));
            }
        }
        while let Some(push) = &mut self.push
            && let Some(frame) = push.next(BODY_BYTES)?
        {
            if let Some(event) = on_push(frame)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Waits for the transport. Streams come before datagrams: signals never delay a message.
    async fn arrive(&mut self) -> Result<Arrived, CloseReason> {
        let Self {
            shared,
            control,
            commands,
            push,
            ..
        } = self;
        let quic = match &shared.wire {
            Wire::Quic(quic) => quic,
            Wire::Tcp(_) => {
                return std::future::poll_fn(|cx| {
                    shared.poll_write(cx);
                    control.poll_fill(cx).map_ok(|()| Arrived::Bytes)
                })
                .await;
            }
        };
        let mut datagram = pin!(quic.read_datagram());
        let mut opened = pin!(quic.accept_uni());
        std::future::poll_fn(|cx| {
            shared.poll_write(cx);
            // What came before the end is told before the end: go on after the first that is over.
            let mut over = None;
            for stream in [Some(&mut *control), commands.as_mut(), push.as_mut()]
                .into_iter()
                .flatten()
            {
                match stream.poll_fill(cx) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Ok(Arrived::Bytes)),
                    Poll::Ready(Err(reason)) => over = over.or(Some(reason)),
                    Poll::Pending => {}
                }
            }
            if push.is_none()
                && let Poll::Ready(Ok(stream)) = opened.as_mut().poll(cx)
            {
                return Poll::Ready(Ok(Arrived::Push(Incoming::new(Source::Quic(stream)))));
            }
            match datagram.as_mut().poll(cx) {
                Poll::Ready(Ok(datagram)) => Poll::Ready(Ok(Arrived::Signal(datagram))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(over.unwrap_or_else(|| error.into()))),
                Poll::Pending => over.map_or(Poll::Pending, |reason| Poll::Ready(Err(reason))),
            }
        })
        .await
    }

    fn keep(&mut self, arrived: Arrived) -> Option<Frame> {
        match arrived {
            // They lie in their stream's reader.
            Arrived::Bytes => None,
            Arrived::Push(stream) => {
                self.push = Some(stream);
                None
            }
            Arrived::Signal(datagram) => signal(datagram),
        }
    }

    /// A frame of the control stream, which over TCP is all there is.
    fn on_lane(&mut self, frame: Frame) -> Result<Option<LinkEvent>, CloseReason> {
        match &self.shared.wire {
            Wire::Quic(_) => self.on_control(frame),
            Wire::Tcp(_) => match Lane::of(frame) {
                Lane::Stream(frame) => self.on_control(frame),
                Lane::Signal(frame) => Ok(Some(LinkEvent::Signal(frame))),
                Lane::Nowhere => Ok(None),
            },
        }
    }

    fn on_control(&mut self, frame: Frame) -> Result<Option<LinkEvent>, CloseReason> {
        match self.handshake.on_frame(frame)? {
            ClientStep::Frame(frame) => match frame.header.kind.way() {
                Some(Way::Reply) => self.on_reply(frame),
                Some(Way::Push) => on_push(frame),
                None => Ok(None),
                Some(_) => Err(unexpected(&frame)),
            },
            ClientStep::GoAway(go_away) => Ok(Some(LinkEvent::GoAway(Box::new(go_away)))),
            ClientStep::Goodbye => Err(CloseReason::Goodbye),
            ClientStep::Refused(refusal) => Err(refusal.into()),
            ClientStep::Welcomed(_) => Err(HandshakeError::Unexpected(Kind::WELCOME).into()),
            ClientStep::Entered(_) => Err(HandshakeError::Unexpected(Kind::ENTERED).into()),
        }
    }

    fn on_reply(&self, frame: Frame) -> Result<Option<LinkEvent>, CloseReason> {
        let request = frame.header.request;
        match frame.header.kind {
            // Nothing was asked: the server says why it will end the link.
            Kind::REFUSED if request == 0 => return Err(frame.open::<Refusal>()?.into()),
            kind if !is_reply(kind, &frame)? => return Ok(None),
            _ => {}
        }
        match self.shared.answered(request) {
            Some(Waiter::Event) => Ok(Some(LinkEvent::Reply { request, frame })),
            Some(Waiter::Call(reply)) => {
                // Whoever asked may have given up.
                let _ = reply.send(frame);
                Ok(None)
            }
            None => Err(unexpected(&frame)),
        }
    }

    /// Ends the link here, too, and tells why it ended first.
    fn end(&mut self, reason: CloseReason) -> CloseReason {
        if let CloseReason::Protocol(error) = &reason {
            let code = parlor_protocol::Code::MALFORMED.0.into();
            self.shared.wire.close(code, error.to_string().as_bytes());
        }
        self.shared.wire.close(0, b"");
        self.shared.end(reason.clone());
        self.shared.closed().unwrap_or(reason)
    }
}

impl Drop for LinkEvents {
    fn drop(&mut self) {
        self.end(CloseReason::Local);
    }
}

fn on_push(frame: Frame) -> Result<Option<LinkEvent>, CloseReason> {
    match frame.header.kind.way() {
        Some(Way::Push) => Ok(Some(LinkEvent::Push(frame))),
        None => skip(&frame).map(|()| None),
        Some(_) => Err(unexpected(&frame)),
    }
}

/// Whether it is a reply of a type known here; an unknown one still answers its request.
fn is_reply(kind: Kind, frame: &Frame) -> Result<bool, CloseReason> {
    match kind.way() {
        Some(Way::Reply) => Ok(true),
        None if frame.header.request != 0 => Ok(true),
        None => skip(frame).map(|()| false),
        Some(_) => Err(unexpected(frame)),
    }
}

/// A frame from a newer server: skipped, unless it says that it may not be.
fn skip(frame: &Frame) -> Result<(), CloseReason> {
    if frame.header.flags & FLAG_CRITICAL == 0 {
        return Ok(());
    }
    Err(HandshakeError::Unsupported(frame.header.kind).into())
}

/// A signal that is whole and known; anything else in a datagram is dropped, as the network might.
fn signal(datagram: Bytes) -> Option<Frame> {
    let frame = frame::from_datagram(datagram).ok()?;
    (frame.header.kind.way() == Some(Way::Signal)).then_some(frame)
}

fn unexpected(frame: &Frame) -> CloseReason {
    HandshakeError::Unexpected(frame.header.kind).into()
}
