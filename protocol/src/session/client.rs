use bytes::Bytes;

use crate::error::Refusal;
use crate::frame::{self, FLAG_CRITICAL, Frame, FrameError};
use crate::hello::{Enter, Entered, GoAway, Goodbye, Hello, LogIn, Register, Welcome};
use crate::kind::{Kind, Way};
use crate::limit::{BODY_BYTES, BODY_WELCOME_BYTES};

/// How the client means to enter.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    LogIn(LogIn),
    Register(Register),
    Token(Enter),
}

/// The client's side of one link's session.
#[derive(Debug)]
pub struct ClientHandshake {
    state: State,
    next_request: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    AwaitWelcome { hello: u32, entry: Option<u32> },
    AwaitEntered { entry: Option<u32> },
    Entered,
    Ended,
}

/// What the driver does with a frame of the control stream.
#[derive(Debug, PartialEq)]
pub enum ClientStep {
    Welcomed(Box<Welcome>),
    Entered(Box<Entered>),
    /// Hello or entry was refused. After a refused entry another may be tried.
    Refused(Refusal),
    GoAway(GoAway),
    Goodbye,
    /// A reply to a later request, or a push.
    Frame(Frame),
}

/// The server broke the protocol: end the link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("the server sent a damaged frame: {0}")]
    Frame(#[from] FrameError),
    #[error("the server sent {0:?} where it has no place")]
    Unexpected(Kind),
    #[error("the server sent {0:?}, which this program is too old to know; update it")]
    Unsupported(Kind),
}

impl Default for ClientHandshake {
    fn default() -> Self {
        Self {
            state: State::Fresh,
            next_request: 1,
        }
    }
}

impl ClientHandshake {
    pub fn new() -> Self {
        Self::default()
    }

    /// A number for the next request of this link; never 0.
    pub fn next_request(&mut self) -> u32 {
        let request = self.next_request;
        self.next_request = self.next_request.checked_add(1).unwrap_or(1);
        request
    }

    /// The first flight: hello, and the entry when it is known already.
    pub fn start(&mut self, hello: &Hello, entry: Option<&Entry>) -> Bytes {
        let request = self.next_request();
        let mut flight = frame::encode(request, hello).to_vec();
        let entry = entry.map(|entry| {
            let number = self.next_request();
            flight.extend_from_slice(&entry.encode(number));
            number
        });
        self.state = State::AwaitWelcome {
            hello: request,
            entry,
        };
        flight.into()
    }

    /// The entry of a later flight: behind a hello that went without, or after a refused entry.
    pub fn enter(&mut self, entry: &Entry) -> Bytes {
        let request = self.next_request();
        match &mut self.state {
            State::AwaitWelcome { entry, .. } | State::AwaitEntered { entry } => {
                *entry = Some(request);
            }
            // The server refuses an entry out of place; the state stays what it is.
            State::Fresh | State::Entered | State::Ended => {}
        }
        entry.encode(request)
    }

    pub fn is_entered(&self) -> bool {
        self.state == State::Entered
    }

    /// Largest body to accept now, bytes.
    pub fn body_bytes(&self) -> usize {
        if self.is_entered() {
            BODY_BYTES
        } else {
            BODY_WELCOME_BYTES
        }
    }

    /// Takes the next frame of the control stream.
    pub fn on_frame(&mut self, frame: Frame) -> Result<ClientStep, HandshakeError> {
        let request = Some(frame.header.request);
        match (self.state, frame.header.kind) {
            (_, Kind::GO_AWAY) => Ok(ClientStep::GoAway(frame.open::<GoAway>()?)),
            (_, Kind::GOODBYE) => {
                frame.open::<Goodbye>()?;
                self.state = State::Ended;
                Ok(ClientStep::Goodbye)
            }
            (State::AwaitWelcome { hello, entry }, Kind::WELCOME) if request == Some(hello) => {
                let welcome = frame.open()?;
                self.state = State::AwaitEntered { entry };
                Ok(ClientStep::Welcomed(Box::new(welcome)))
            }
            (State::AwaitWelcome { .. }, Kind::REFUSED) => {
                self.state = State::Ended;
                Ok(ClientStep::Refused(frame.open()?))
            }
            (State::AwaitEntered { entry: Some(entry) }, Kind::ENTERED)
                if request == Some(entry) =>
            {
                let entered = frame.open()?;
                self.state = State::Entered;
                Ok(ClientStep::Entered(Box::new(entered)))
            }
            (State::AwaitEntered { entry: Some(entry) }, Kind::REFUSED)
                if request == Some(entry) =>
            {
                self.state = State::AwaitEntered { entry: None };
                Ok(ClientStep::Refused(frame.open()?))
            }
            (_, Kind::WELCOME | Kind::ENTERED) => {
                Err(HandshakeError::Unexpected(frame.header.kind))
            }
            // Requests of the first flight behind a refused entry are refused too, one by one.
            (State::AwaitEntered { .. } | State::Entered, _) => later(frame),
            (_, kind) => Err(HandshakeError::Unexpected(kind)),
        }
    }
}

/// A reply or a push. What is unknown is the driver's to skip, unless it may not be skipped.
fn later(frame: Frame) -> Result<ClientStep, HandshakeError> {
    match frame.header.kind.way() {
        Some(Way::Request) => Err(HandshakeError::Unexpected(frame.header.kind)),
        None if frame.header.flags & FLAG_CRITICAL != 0 => {
            Err(HandshakeError::Unsupported(frame.header.kind))
        }
        _ => Ok(ClientStep::Frame(frame)),
    }
}

impl Entry {
    fn encode(&self, request: u32) -> Bytes {
        match self {
            Self::LogIn(body) => frame::encode(request, body),
            Self::Register(body) => frame::encode(request, body),
            Self::Token(body) => frame::encode(request, body),
        }
    }
}
