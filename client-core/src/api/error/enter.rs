//! Coming in: with an account, without one, into a link's rooms.

use parlor_protocol::link::Pin;
use parlor_protocol::{Code, Refusal};

use super::{AskError, Explain, connect_code};
use crate::account::AccountError;
use crate::net::{ConnectError, TrustError};
use crate::secret::SecretError;
use crate::store::StoreError;

/// Why nobody was let in: joining by a link and logging in.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Ask the person whether the fingerprint is the operator's, then log in with
    /// `Trust::Pins(vec![pin])`.
    #[error(
        "the server's key is not known yet; its fingerprint is {pin}: compare it with what the operator says"
    )]
    UnknownKey { pin: Pin },
    #[error("{0}")]
    BadLogIn(Refusal),
    #[error("{0}")]
    InviteInvalid(Refusal),
    /// Registration is by invite, or closed.
    #[error("{0}")]
    NotOpen(Refusal),
    #[error("{0}")]
    NameTaken(Refusal),
    #[error("{0}")]
    NameInvalid(Refusal),
    #[error("{0}")]
    PasswordInvalid(Refusal),
    #[error("{0}")]
    Disabled(Refusal),
    #[error(
        "this profile belongs to {name} at {server}: log out first, or use another profile (-P NAME)"
    )]
    ProfileTaken { name: String, server: String },
    #[error(
        "{name} has unsent messages here ({unsent}): log in as {name} and let them go or discard them, or use another profile (-P NAME)"
    )]
    UnsentOfAnother { name: String, unsent: usize },
    #[error(transparent)]
    Connect(ConnectError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("this part of the program has been closed")]
    Closed,
}

impl From<ConnectError> for EnterError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::UnknownKey { pin, .. } => Self::UnknownKey { pin },
            ConnectError::Entry(refusal) => match refusal.code {
                Code::BAD_LOG_IN => Self::BadLogIn(refusal),
                Code::INVITE_INVALID => Self::InviteInvalid(refusal),
                Code::INVITE_REQUIRED | Code::REGISTRATION_CLOSED => Self::NotOpen(refusal),
                Code::NAME_TAKEN => Self::NameTaken(refusal),
                Code::NAME_INVALID => Self::NameInvalid(refusal),
                Code::PASSWORD_INVALID => Self::PasswordInvalid(refusal),
                Code::ACCOUNT_DISABLED => Self::Disabled(refusal),
                _ => Self::Connect(ConnectError::Entry(refusal)),
            },
            other => Self::Connect(other),
        }
    }
}

impl Explain for EnterError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => "unknown_key",
            Self::BadLogIn(_) => "bad_log_in",
            Self::InviteInvalid(_) => "invite_invalid",
            Self::NotOpen(_) => "registration_closed",
            Self::NameTaken(_) => "name_taken",
            Self::NameInvalid(_) => "name_invalid",
            Self::PasswordInvalid(_) => "password_invalid",
            Self::Disabled(_) => "account_disabled",
            Self::ProfileTaken { .. } => "profile_taken",
            Self::UnsentOfAnother { .. } => "unsent_of_another",
            Self::Connect(error) => connect_code(error),
            Self::Trust(_) => "no_trust",
            Self::Store(error) => error.code(),
            Self::Secret(error) => error.code(),
            Self::Account(error) => error.code(),
            Self::Closed => "closed",
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_transient())
    }
}

/// Why a join code opened nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RedeemError {
    /// The code was not sent: it is another server's to know.
    #[error(
        "that link is for {link}, and this profile belongs to {name} at {server}: open it with another profile (-P PROFILE)"
    )]
    OtherServer {
        link: String,
        name: String,
        server: String,
    },
    #[error("{0}")]
    InviteInvalid(Refusal),
    #[error("{0}")]
    TooManyRooms(Refusal),
    #[error(transparent)]
    Ask(AskError),
}

impl From<AskError> for RedeemError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) if refusal.code == Code::INVITE_INVALID => {
                Self::InviteInvalid(refusal)
            }
            AskError::Refused(refusal) if refusal.code == Code::TOO_MANY_ROOMS => {
                Self::TooManyRooms(refusal)
            }
            other => Self::Ask(other),
        }
    }
}

impl Explain for RedeemError {
    fn code(&self) -> &'static str {
        match self {
            Self::OtherServer { .. } => "other_server",
            Self::InviteInvalid(_) => "invite_invalid",
            Self::TooManyRooms(_) => "too_many_rooms",
            Self::Ask(error) => error.code(),
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Ask(error) if error.is_transient())
    }
}
