//! Coming in by a server's address, the same way for the app and for scripts.

use parlor_client_core::api::{Core, EnterError, Me, Pin, ServerAddress, SignUp, Trust};
use parlor_client_core::net::ConnectError;

/// Whose key to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A certificate by an authority; else the fingerprint comes back as
    /// [`EnterError::UnknownKey`], for the person to compare.
    Ask,
    /// The one with this fingerprint.
    Pinned(Pin),
}

/// As whom somebody comes in.
pub(crate) enum As<'a> {
    /// With an account one has.
    Known { name: &'a str, password: &'a str },
    /// With a new account, on a server that is open to all.
    New(&'a SignUp),
}

/// Enters a server. Nothing secret is sent to one whose key is not known.
pub(crate) async fn enter(
    core: &Core,
    server: &ServerAddress,
    key: Key,
    who: &As<'_>,
) -> Result<Me, EnterError> {
    if let Key::Pinned(pin) = key {
        return by(core, server, Trust::Pins(vec![pin]), who).await;
    }
    match by(core, server, Trust::Ca, who).await {
        // No authority vouches for it, or there is none on this machine to ask.
        Err(EnterError::Connect(ConnectError::Certificate { .. }) | EnterError::Trust(_)) => {
            by(core, server, Trust::AskFingerprint, who).await
        }
        other => other,
    }
}

async fn by(
    core: &Core,
    server: &ServerAddress,
    trust: Trust,
    who: &As<'_>,
) -> Result<Me, EnterError> {
    match who {
        As::Known { name, password } => core.log_in(server, trust, name, password).await,
        As::New(sign_up) => core.register(server, trust, (*sign_up).clone()).await,
    }
}
