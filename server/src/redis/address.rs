//! Where a Redis is, as the operator wrote it: `redis[s]://[user][:password]@host[:port][/number]`.

use std::fmt;
use std::path::PathBuf;

use redis::{ConnectionAddr, IntoConnectionInfo};

use crate::config::Secret;

/// A Redis and how to enter it. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: i64,
    /// PEM of an authority trusted instead of the system's.
    pub(super) authority: Option<PathBuf>,
}

/// Why a text is no address of a Redis. The text is not shown: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the Redis URL must begin with redis:// or rediss://")]
    Scheme,
    #[error("the Redis URL is not of the form redis://[user][:password]@host[:port][/number]")]
    Form,
}

impl RedisAddress {
    /// Trusts this authority's certificates (a PEM file), for `rediss://`, and not the system's.
    #[must_use]
    pub fn with_authority(mut self, file: PathBuf) -> Self {
        self.authority = Some(file);
        self
    }
}

impl std::str::FromStr for RedisAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(AddressError::Scheme)?;
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => return Err(AddressError::Scheme),
        };
        // TLS is this module's own: the library is asked about the rest only.
        let plain = format!("redis://{rest}");
        let info = plain
            .into_connection_info()
            .map_err(|_| AddressError::Form)?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(AddressError::Form);
        };
        let settings = info.redis_settings();
        Ok(Self {
            host: host.clone(),
            port: *port,
            tls,
            user: settings.username().map(str::to_owned),
            password: settings.password().map(Secret::new),
            database: settings.db(),
            authority: None,
        })
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let host = &self.host;
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{}", self.port),
            false => write!(f, "{scheme}://{host}:{}", self.port),
        }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(text: &str) -> Result<RedisAddress, AddressError> {
        text.parse()
    }

    #[test]
    fn an_address_is_read_and_shown_without_its_password() {
        let address = parse("rediss://ann:s%40cret@cache.example:6380/2").unwrap();
        assert_eq!(address.host, "cache.example");
        assert_eq!((address.port, address.database), (6380, 2));
        assert!(address.tls);
        assert_eq!(address.user.as_deref(), Some("ann"));
        assert_eq!(address.password.as_ref().unwrap().expose(), "s@cret");
        assert_eq!(address.to_string(), "rediss://cache.example:6380");
        assert!(!format!("{address:?}").contains("cret"));
    }

    #[test]
    fn a_port_and_a_password_may_be_left_out() {
        let address = parse("redis://localhost").unwrap();
        assert_eq!((address.port, address.password), (6379, None));
        let address = parse("redis://[::1]:7000").unwrap();
        assert_eq!(address.to_string(), "redis://[::1]:7000");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_shown() {
        assert_eq!(parse("localhost:6379"), Err(AddressError::Scheme));
        assert_eq!(parse("http://localhost"), Err(AddressError::Scheme));
        for bad in ["redis://", "redis://:hidden@:x", "redis://h/hidden"] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error, AddressError::Form, "{bad}");
            assert!(!error.to_string().contains("hidden"));
        }
    }
}
