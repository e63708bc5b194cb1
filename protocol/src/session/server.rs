use super::{Negotiated, negotiate};
use crate::error::{Code, Refusal};
use crate::frame::{FLAG_CRITICAL, FLAG_ZSTD, Frame, FrameError};
use crate::hello::{Enter, Goodbye, Hello, LogIn, Ping, Register};
use crate::kind::{Body, Kind, Way};
use crate::limit::{
    BODY_BYTES, BODY_UNENTERED_BYTES, ENTER_TRIES, ENTER_WITHIN_MS, HELLO_WITHIN_MS,
};
use crate::{MINOR_NEWEST, MINOR_OLDEST};

/// The server's side of one link's session. Instants are ms of any steady clock.
#[derive(Debug)]
pub struct ServerHandshake {
    state: State,
    features: u64,
    deadline_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Greeted {
        negotiated: Negotiated,
        tries: u8,
        deciding: bool,
    },
    Entered {
        negotiated: Negotiated,
    },
    Ended,
}

/// What the driver does with a frame of the control stream.
#[derive(Debug, PartialEq)]
pub enum ServerStep {
    /// Answer with a welcome of this version and these features.
    Welcome {
        request: u32,
        hello: Box<Hello>,
        negotiated: Negotiated,
    },
    /// Decide, then call [`ServerHandshake::entered`] or [`ServerHandshake::not_entered`]; take no
    /// further frame before.
    LogIn {
        request: u32,
        log_in: LogIn,
    },
    Register {
        request: u32,
        register: Register,
    },
    Enter {
        request: u32,
        enter: Enter,
    },
    Pong {
        request: u32,
        opaque: u64,
    },
    /// A request of an entered session, for dispatch.
    Request(Frame),
    /// Nothing to do.
    Skip,
    /// Answer so; the link goes on.
    Refuse {
        request: u32,
        refusal: Refusal,
    },
    /// Answer so, then end the link.
    Fatal {
        request: u32,
        refusal: Refusal,
    },
    /// The client is leaving: end the link.
    Goodbye,
}

impl ServerHandshake {
    /// `features`: what this server offers. `now_ms`: when the transport was ready.
    pub fn new(features: u64, now_ms: u64) -> Self {
        Self {
            state: State::Fresh,
            features,
            deadline_ms: now_ms + HELLO_WITHIN_MS,
        }
    }

    /// When the link is ended if it has not come further; `None` once entered.
    pub fn deadline_ms(&self) -> Option<u64> {
        match self.state {
            State::Fresh | State::Greeted { .. } => Some(self.deadline_ms),
            State::Entered { .. } | State::Ended => None,
        }
    }

    /// Largest body to accept now, bytes.
    pub fn body_bytes(&self) -> usize {
        if self.is_entered() {
            BODY_BYTES
        } else {
            BODY_UNENTERED_BYTES
        }
    }

    /// Whether an entry is being decided: the next frame must wait.
    pub fn is_deciding(&self) -> bool {
        matches!(self.state, State::Greeted { deciding: true, .. })
    }

    pub fn is_entered(&self) -> bool {
        matches!(self.state, State::Entered { .. })
    }

    pub fn negotiated(&self) -> Option<Negotiated> {
        match self.state {
            State::Greeted { negotiated, .. } | State::Entered { negotiated } => Some(negotiated),
            State::Fresh | State::Ended => None,
        }
    }

    /// The entry being decided was granted.
    pub fn entered(&mut self) {
        if let State::Greeted {
            negotiated,
            deciding: true,
            ..
        } = self.state
        {
            self.state = State::Entered { negotiated };
        }
    }

    /// The entry being decided was refused: another try may follow, within bounds. `true` when the
    /// link must end instead.
    pub fn not_entered(&mut self) -> bool {
        if let State::Greeted {
            deciding, tries, ..
        } = &mut self.state
        {
            *deciding = false;
            if *tries < ENTER_TRIES {
                return false;
            }
        }
        self.state = State::Ended;
        true
    }

    /// Takes the next frame of the control stream.
    pub fn on_frame(&mut self, frame: Frame, now_ms: u64) -> ServerStep {
        let request = frame.header.request;
        match self.step(frame, now_ms) {
            Ok(step) => step,
            Err(refusal) => {
                self.state = State::Ended;
                ServerStep::Fatal { request, refusal }
            }
        }
    }

    fn step(&mut self, frame: Frame, now_ms: u64) -> Result<ServerStep, Refusal> {
        let request = frame.header.request;
        self.refuse_early(&frame)?;
        match (self.state, frame.header.kind) {
            (State::Ended, _) => Ok(ServerStep::Skip),
            (State::Fresh, Kind::HELLO) => {
                let hello: Hello = open(&frame)?;
                let negotiated = negotiate(&hello, MINOR_OLDEST, MINOR_NEWEST, self.features)?;
                self.state = State::Greeted {
                    negotiated,
                    tries: 0,
                    deciding: false,
                };
                self.deadline_ms = now_ms + ENTER_WITHIN_MS;
                Ok(ServerStep::Welcome {
                    request,
                    hello: Box::new(hello),
                    negotiated,
                })
            }
            (State::Fresh, _) => Err(Refusal::with_text(
                Code::UNEXPECTED,
                "The first frame must be a hello.",
            )),
            (State::Greeted { .. }, Kind::LOG_IN) => {
                let log_in: LogIn = open(&frame)?;
                self.decide()?;
                Ok(ServerStep::LogIn { request, log_in })
            }
            (State::Greeted { .. }, Kind::REGISTER) => {
                let register: Register = open(&frame)?;
                self.decide()?;
                Ok(ServerStep::Register { request, register })
            }
            (State::Greeted { .. }, Kind::ENTER) => {
                let enter: Enter = open(&frame)?;
                self.decide()?;
                Ok(ServerStep::Enter { request, enter })
            }
            (_, Kind::PING) => {
                let ping: Ping = open(&frame)?;
                Ok(ServerStep::Pong {
                    request,
                    opaque: ping.opaque,
                })
            }
            (_, Kind::GOODBYE) => {
                let _: Goodbye = open(&frame)?;
                self.state = State::Ended;
                Ok(ServerStep::Goodbye)
            }
            (_, Kind::HELLO | Kind::LOG_IN | Kind::REGISTER | Kind::ENTER) => Err(
                Refusal::with_text(Code::UNEXPECTED, "The session has that step behind it."),
            ),
            (State::Greeted { .. }, _) if request != 0 => Ok(ServerStep::Refuse {
                request,
                refusal: Refusal::new(Code::NOT_ENTERED),
            }),
            (State::Greeted { .. }, _) => Ok(ServerStep::Skip),
            (State::Entered { .. }, _) => entered(frame),
        }
    }

    /// What no frame may be before it is looked at: a request that cannot be answered, or a
    /// compressed body of someone unknown, who could make this side spend far more than they sent.
    fn refuse_early(&self, frame: &Frame) -> Result<(), Refusal> {
        let unentered = matches!(self.state, State::Fresh | State::Greeted { .. });
        if unentered && frame.header.flags & FLAG_ZSTD != 0 {
            return Err(Refusal::with_text(
                Code::UNEXPECTED,
                "Nothing may be compressed before the session is entered.",
            ));
        }
        if frame.header.kind.is_request() && frame.header.request == 0 && self.state != State::Ended
        {
            return Err(Refusal::with_text(
                Code::UNEXPECTED,
                "A request needs a number other than 0.",
            ));
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<(), Refusal> {
        match &mut self.state {
            State::Greeted {
                deciding, tries, ..
            } if !*deciding && *tries < ENTER_TRIES => {
                *deciding = true;
                *tries += 1;
                Ok(())
            }
            _ => Err(Refusal::with_text(
                Code::UNEXPECTED,
                "One entry at a time, and not more than five on one link.",
            )),
        }
    }
}

fn entered(frame: Frame) -> Result<ServerStep, Refusal> {
    let request = frame.header.request;
    match frame.header.kind.way() {
        Some(Way::Request) => Ok(ServerStep::Request(frame)),
        Some(_) => Err(Refusal::new(Code::UNEXPECTED)),
        None if frame.header.flags & FLAG_CRITICAL != 0 => Ok(ServerStep::Refuse {
            request,
            refusal: Refusal::new(Code::UNSUPPORTED),
        }),
        None => Ok(ServerStep::Skip),
    }
}

fn open<T: Body>(frame: &Frame) -> Result<T, Refusal> {
    frame.open().map_err(|error| match error {
        FrameError::Revision { .. } => Refusal::with_text(Code::UNSUPPORTED, error.to_string()),
        error => Refusal::with_text(Code::MALFORMED, error.to_string()),
    })
}
