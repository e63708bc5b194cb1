//! Logging in, the same way for the app and for scripts.

use parlor_client_core::api::{Core, EnterError, Me, Pin, ServerAddress, Trust};
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

/// Enters with an account one has. Nothing secret is sent to a server whose key is not known.
pub(crate) async fn log_in(
    core: &Core,
    server: &ServerAddress,
    key: Key,
    name: &str,
    password: &str,
) -> Result<Me, EnterError> {
    if let Key::Pinned(pin) = key {
        return core
            .log_in(server, Trust::Pins(vec![pin]), name, password)
            .await;
    }
    match core.log_in(server, Trust::Ca, name, password).await {
        // No authority vouches for it, or there is none on this machine to ask.
        Err(EnterError::Connect(ConnectError::Certificate { .. }) | EnterError::Trust(_)) => {
            core.log_in(server, Trust::AskFingerprint, name, password)
                .await
        }
        other => other,
    }
}
