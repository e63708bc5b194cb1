//! Why there is no link, told apart so that a person knows what to do.

use std::net::SocketAddr;
use std::time::Duration;

use parlor_protocol::error::{Code, Refusal};
use parlor_protocol::link::Pin;
use quinn::ConnectionError;

use super::link::CloseReason;

/// Why a link was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "the name {host} does not resolve ({reason}): check its spelling and that this machine is online"
    )]
    Resolve { host: String, reason: String },
    #[error(
        "{host} has no IPv4 address, and this machine has no IPv6: connect from a network with IPv6"
    )]
    NoFamily { host: String },
    #[error("nothing answers at {}: the server is down, or port {port} is blocked on the way, for UDP and TCP alike", list(.tried))]
    NoAnswer { tried: Vec<SocketAddr>, port: u16 },
    #[error(
        "{address} began to answer and then did not go on: the network or the server is overloaded; try again in a moment"
    )]
    TimedOut { address: SocketAddr },
    #[error("{address} takes no new links now: try again in a moment")]
    Refused { address: SocketAddr },
    #[error(
        "{address} holds another key ({got}) than the one agreed on: do not go on unless its operator says that the key was changed; then use a new join link"
    )]
    WrongPin { address: SocketAddr, got: Pin },
    #[error(
        "the server's key is not known yet; its fingerprint is {pin}: compare it with what the operator says"
    )]
    UnknownKey { address: SocketAddr, pin: Pin },
    #[error(
        "the certificate of {host} is not to be trusted ({reason}): use a join link, which carries the server's pin, or confirm its fingerprint"
    )]
    Certificate { host: String, reason: String },
    #[error("{address} is not a Parlor server: check host and port")]
    NotParlor { address: SocketAddr },
    /// Hello was refused: no common version.
    #[error("{0}")]
    Version(Refusal),
    /// Hello was refused for another reason.
    #[error("{0}")]
    Hello(Refusal),
    /// The entry was refused: name, password, code or token.
    #[error("{0}")]
    Entry(Refusal),
    /// The link was made and lost before the session was entered.
    #[error("{0}")]
    Lost(CloseReason),
    #[error("cannot send to {address}: {reason}; check that this machine is online")]
    Local { address: SocketAddr, reason: String },
    /// There is nothing to enter by: the session cannot be read now. Nothing was sent.
    #[error("{why}")]
    NoEntry { code: &'static str, why: String },
}

impl ConnectError {
    /// Whether the same dial may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::NoAnswer { .. }
            | Self::TimedOut { .. }
            | Self::Refused { .. }
            | Self::Local { .. } => true,
            Self::Hello(refusal) | Self::Entry(refusal) => refusal.code.is_transient(),
            Self::Lost(reason) => reason.is_transient(),
            Self::NoFamily { .. }
            | Self::WrongPin { .. }
            | Self::UnknownKey { .. }
            | Self::Certificate { .. }
            | Self::NotParlor { .. }
            | Self::NoEntry { .. }
            | Self::Version(_) => false,
        }
    }

    /// Whether the server is there and takes no links now.
    pub(super) fn is_put_off(&self) -> bool {
        match self {
            Self::Refused { .. } => true,
            Self::Hello(refusal) | Self::Entry(refusal) => refusal.code == Code::GOING_AWAY,
            Self::Lost(CloseReason::Server { code, .. }) => *code == Code::GOING_AWAY,
            _ => false,
        }
    }

    /// When the server wants to be asked again; zero where it does not say.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Hello(refusal) | Self::Entry(refusal) => {
                Duration::from_millis(refusal.retry_after_ms.into())
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether TCP may do where QUIC failed so: nothing was heard, or not enough.
    pub(super) fn may_be_udp(&self) -> bool {
        matches!(
            self,
            Self::NoAnswer { .. } | Self::TimedOut { .. } | Self::Local { .. }
        )
    }

    /// Which of two failures of a race says more about the installation; the greater is told.
    pub(super) fn weight(&self) -> u8 {
        match self {
            Self::Local { .. } => 0,
            Self::Resolve { .. } | Self::NoFamily { .. } => 1,
            Self::NoAnswer { .. } => 2,
            Self::TimedOut { .. } => 3,
            Self::Refused { .. } => 4,
            Self::NotParlor { .. } => 5,
            Self::Lost(_) => 6,
            Self::Certificate { .. } => 7,
            Self::UnknownKey { .. } | Self::WrongPin { .. } => 8,
            Self::Version(_) | Self::Hello(_) | Self::Entry(_) | Self::NoEntry { .. } => 9,
        }
    }
}

/// TLS alerts as QUIC carries them: 0x100 and the alert's number.
const ALERTS: std::ops::Range<u64> = 0x100..0x200;
const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;
const CONNECTION_REFUSED: u64 = 0x2;

/// What a failed QUIC handshake with `host` at `address` says.
pub(super) fn handshake_failed(
    error: ConnectionError,
    address: SocketAddr,
    host: &str,
) -> ConnectError {
    let (code, reason) = match &error {
        ConnectionError::TransportError(error) => (u64::from(error.code), error.reason.clone()),
        ConnectionError::ConnectionClosed(close) => (
            u64::from(close.error_code),
            String::from_utf8_lossy(&close.reason).into_owned(),
        ),
        ConnectionError::VersionMismatch => return ConnectError::NotParlor { address },
        ConnectionError::TimedOut => return ConnectError::TimedOut { address },
        ConnectionError::CidsExhausted => {
            let reason = "too many links on one socket".to_owned();
            return ConnectError::Local { address, reason };
        }
        ConnectionError::ApplicationClosed(_)
        | ConnectionError::Reset
        | ConnectionError::LocallyClosed => {
            return ConnectError::Lost(error.into());
        }
    };
    let ours = matches!(error, ConnectionError::TransportError(_));
    match code {
        CONNECTION_REFUSED => ConnectError::Refused { address },
        NO_APPLICATION_PROTOCOL => ConnectError::NotParlor { address },
        // An alert raised here is about the server's certificate: nothing else is checked here.
        code if ALERTS.contains(&code) && ours => ConnectError::Certificate {
            host: host.to_owned(),
            reason,
        },
        code if ALERTS.contains(&code) => ConnectError::NotParlor { address },
        _ => ConnectError::Lost(error.into()),
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" or ")
}
