//! Errors, one enum an operation. Their text says what happened and what to do; their code is
//! stable, for scripts.

mod enter;

use parlor_protocol::{Code, Refusal};

use crate::account::AccountError;
use crate::net::{ConnectError, EndpointError, TrustError};
use crate::profile::ProfileError;
use crate::store::StoreError;

pub use enter::{EnterError, RedeemError};

/// What every error of this surface can tell.
pub trait Explain: std::error::Error {
    /// Stable name, for scripts: `not_found`.
    fn code(&self) -> &'static str;

    /// Whether the same call may succeed later without anyone changing anything.
    fn is_transient(&self) -> bool {
        false
    }
}

/// Why nothing could be asked of the server, or it did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AskError {
    #[error("nobody is logged in: join by a link or log in first")]
    NotLoggedIn,
    #[error(
        "there is no connection to the server: it is tried again by itself; try once more when it is back"
    )]
    Offline,
    /// Dialling has stopped: somebody must act.
    #[error("{why}")]
    Stopped { code: &'static str, why: String },
    #[error("the server did not answer in time; try again")]
    TimedOut,
    #[error("too many requests wait for their answers; try again in a moment")]
    Busy,
    #[error("the connection ended before the answer; look whether it was done, then try again")]
    Lost,
    #[error("{0}")]
    Refused(Refusal),
    #[error("the server's answer cannot be read ({0}); update the older of the two programs")]
    Unreadable(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this part of the program has been closed")]
    Closed,
}

impl Explain for AskError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotLoggedIn => "not_logged_in",
            Self::Offline => "offline",
            Self::Stopped { code, .. } => code,
            Self::TimedOut => "timed_out",
            Self::Busy => "busy",
            Self::Lost => "lost",
            Self::Refused(refusal) => refused(refusal.code),
            Self::Unreadable(_) => "unreadable",
            Self::Store(error) => error.code(),
            Self::Closed => "closed",
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Offline | Self::TimedOut | Self::Busy | Self::Lost => true,
            Self::Refused(refusal) => refusal.code.is_transient(),
            Self::NotLoggedIn
            | Self::Stopped { .. }
            | Self::Unreadable(_)
            | Self::Store(_)
            | Self::Closed => false,
        }
    }
}

/// The stable name of a refusal that no operation tells apart.
fn refused(code: Code) -> &'static str {
    match code {
        Code::RATE_LIMITED => "rate_limited",
        Code::STORAGE_FULL => "server_storage_full",
        Code::STORAGE_AWAY => "server_storage_away",
        Code::NOT_ENTERED | Code::SESSION_ENDED => "session_ended",
        Code::LIMIT => "limit",
        code if code.is_transient() => "server_busy",
        _ => "refused",
    }
}

/// An operation's errors: the refusals it tells apart, and everything else that may happen to a
/// request.
macro_rules! operation {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $code:ident $stable:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, thiserror::Error)]
        pub enum $name {
            $(#[error("{0}")] $variant(Refusal),)*
            #[error(transparent)]
            Ask(AskError),
        }

        impl From<AskError> for $name {
            fn from(error: AskError) -> Self {
                match error {
                    $(AskError::Refused(refusal) if refusal.code == Code::$code => Self::$variant(refusal),)*
                    other => Self::Ask(other),
                }
            }
        }

        impl Explain for $name {
            fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $stable,)*
                    Self::Ask(error) => error.code(),
                }
            }

            fn is_transient(&self) -> bool {
                matches!(self, Self::Ask(error) if error.is_transient())
            }
        }
    )*};
}

operation! {
    /// Why a room was not made.
    CreateRoomError {
        NameTaken = ROOM_NAME_TAKEN "room_name_taken",
        NameInvalid = ROOM_NAME_INVALID "room_name_invalid",
        TopicInvalid = TOPIC_INVALID "topic_invalid",
        TooManyRooms = TOO_MANY_ROOMS "too_many_rooms",
    }
    /// Why a room was not joined.
    JoinRoomError {
        NotFound = NOT_FOUND "not_found",
        Forbidden = FORBIDDEN "forbidden",
        TooManyRooms = TOO_MANY_ROOMS "too_many_rooms",
    }
    /// Why a room was not left.
    LeaveRoomError {
        NotFound = NOT_FOUND "not_found",
        LastOwner = LAST_OWNER "last_owner",
        NotForDirect = NOT_FOR_DIRECT "not_for_direct",
    }
    /// Why there is no direct room.
    OpenDirectError {
        NoSuchPerson = NO_SUCH_PERSON "no_such_person",
        TooManyRooms = TOO_MANY_ROOMS "too_many_rooms",
    }
    /// Why a member was not brought in, removed or given a role.
    MemberError {
        NotFound = NOT_FOUND "not_found",
        Forbidden = FORBIDDEN "forbidden",
        NoSuchPerson = NO_SUCH_PERSON "no_such_person",
        LastOwner = LAST_OWNER "last_owner",
        NotForDirect = NOT_FOR_DIRECT "not_for_direct",
    }
    /// Why the topic stays as it was.
    SetTopicError {
        NotFound = NOT_FOUND "not_found",
        Forbidden = FORBIDDEN "forbidden",
        Invalid = TOPIC_INVALID "topic_invalid",
        NotForDirect = NOT_FOR_DIRECT "not_for_direct",
    }
    /// Why messages, members or a text could not be read.
    ReadError {
        NotFound = NOT_FOUND "not_found",
        Forbidden = FORBIDDEN "forbidden",
    }
    /// Why no join code was made.
    InviteError {
        Forbidden = FORBIDDEN "forbidden",
        NotAdministrator = NOT_ADMINISTRATOR "not_administrator",
        NotFound = NOT_FOUND "not_found",
    }
    /// Why the list of sessions, or one of them, stays as it is.
    SessionError {
        NoSuchSession = SESSION_ENDED "no_such_session",
    }
    /// Why the password stays as it was.
    ChangePasswordError {
        WrongOld = BAD_LOG_IN "wrong_password",
        Invalid = PASSWORD_INVALID "password_invalid",
    }
}

/// Why the core did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl Explain for OpenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Profile(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Account(error) => error.code(),
            Self::Endpoint(_) => "no_socket",
            Self::Trust(_) => "no_trust",
        }
    }
}

/// The stable name of a failed dial.
pub fn connect_code(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Resolve { .. } => "name_unknown",
        ConnectError::NoFamily { .. } => "no_ipv6",
        ConnectError::NoAnswer { .. } => "no_answer",
        ConnectError::TimedOut { .. } => "timed_out",
        ConnectError::Refused { .. } => "server_busy",
        ConnectError::WrongPin { .. } => "wrong_pin",
        ConnectError::UnknownKey { .. } => "unknown_key",
        ConnectError::Certificate { .. } => "certificate",
        ConnectError::NotParlor { .. } => "not_parlor",
        ConnectError::Version(_) => "version",
        ConnectError::Hello(_) | ConnectError::Lost(_) => "lost",
        ConnectError::Entry(refusal) => refused(refusal.code),
        ConnectError::Local { .. } => "no_network",
        ConnectError::NoEntry { code, .. } => code,
    }
}

/// Why a message did not enter the outbox. Nothing was sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PostError {
    #[error("nobody is logged in: join by a link or log in first")]
    NotLoggedIn,
    #[error("the message is empty")]
    Empty,
    #[error(
        "the message has {bytes} bytes, more than the {bound} of 1 MB; send it in parts or as a file"
    )]
    TooLong { bytes: usize, bound: usize },
    #[error("the message holds U+0000, which no message may; remove it")]
    HasNul,
    #[error(
        "{waiting} messages wait to be sent, as many as are kept: let some go before you write more"
    )]
    OutboxFull { waiting: usize },
    #[error("there is no such room among yours; join it first")]
    NoSuchRoom,
    /// Disk full, or a damaged outbox: the message is still the face's.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this part of the program has been closed")]
    Closed,
}

impl Explain for PostError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotLoggedIn => "not_logged_in",
            Self::Empty => "text_empty",
            Self::TooLong { .. } => "text_too_long",
            Self::HasNul => "text_has_nul",
            Self::OutboxFull { .. } => "outbox_full",
            Self::NoSuchRoom => "not_found",
            Self::Store(error) => error.code(),
            Self::Closed => "closed",
        }
    }
}

/// Why a message of the outbox did not arrive (yet).
#[derive(Clone, Debug, thiserror::Error)]
pub enum SendError {
    /// Refused for good. It stays in the outbox until it is retried or discarded.
    #[error("{why}")]
    Failed { code: &'static str, why: String },
    #[error("it was discarded before it was sent")]
    Discarded,
    #[error("there is no such message in the outbox")]
    Unknown,
    /// The session ended: the message is kept, log in again.
    #[error("{why}; the message is kept and goes out after the next log-in")]
    SessionEnded { why: String },
    /// The server cannot be reached until somebody acts: the message is kept.
    #[error("{why}; the message is kept")]
    Stopped { code: &'static str, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this part of the program has been closed; the message is kept")]
    Closed,
}

impl Explain for SendError {
    fn code(&self) -> &'static str {
        match self {
            Self::Failed { code, .. } | Self::Stopped { code, .. } => code,
            Self::Discarded => "discarded",
            Self::Unknown => "unknown_send_key",
            Self::SessionEnded { .. } => "session_ended",
            Self::Store(error) => error.code(),
            Self::Closed => "closed",
        }
    }
}

/// Why nobody was logged out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogOutError {
    #[error(
        "{} not sent yet and would be lost: wait until nothing is left, or log out all the same",
        match .0 {
            1 => "1 message is".to_owned(),
            more => format!("{more} messages are"),
        }
    )]
    Unsent(usize),
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl Explain for LogOutError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsent(_) => "unsent",
            Self::Ask(error) => error.code(),
        }
    }
}

/// Why a ROOM argument names no room.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FindRoomError {
    #[error("there is no room {0:?} that you may see; `parlor rooms` lists them")]
    NotFound(String),
    #[error("several rooms are called {name:?}: name one by its id: {}", ids(.rooms))]
    Ambiguous {
        name: String,
        rooms: Vec<super::RoomId>,
    },
    #[error("there is nobody called {0:?} here")]
    NoSuchPerson(String),
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl Explain for FindRoomError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NoSuchPerson(_) => "no_such_person",
            Self::Ask(error) => error.code(),
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Ask(error) if error.is_transient())
    }
}

fn ids(rooms: &[super::RoomId]) -> String {
    let texts: Vec<String> = rooms.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
