//! Join links and server addresses, as people paste them.
//!
//! `parlor://host[,host2][:port]/j/CODE[.PIN]`: nothing in it needs quoting in a shell.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

use crate::DEFAULT_PORT;

/// SHA-256 of an installation's public key (SPKI).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin(pub [u8; 32]);

/// Where an installation is: hosts that share one port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// Names or addresses, at least one, at most [`MAX_HOSTS`]; IPv6 without brackets.
    pub hosts: Vec<String>,
    pub port: u16,
}

/// What a person pastes to come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinLink {
    pub server: ServerAddress,
    pub code: String,
    /// `None` where the server has a certificate by a CA.
    pub pin: Option<Pin>,
}

/// Hosts in one link.
pub const MAX_HOSTS: usize = 8;
const MAX_TEXT_BYTES: usize = 1_024;
const MAX_CODE_BYTES: usize = 64;

/// Why a text is not a join link or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error(
        "not a join link: it must look like parlor://HOST:PORT/j/CODE.PIN; copy it whole and paste it again"
    )]
    Form,
    #[error("the link's host {0:?} is not a host name or an address")]
    Host(String),
    #[error("the link's port {0:?} is not a number from 1 to 65535")]
    Port(String),
    #[error(
        "the link's code {0:?} is not letters and digits; copy the link whole and paste it again"
    )]
    Code(String),
    #[error(
        "the link's pin is damaged: {0} characters instead of 52, or one mistyped; copy the link whole and paste it again"
    )]
    Pin(usize),
}

impl FromStr for JoinLink {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.len() > MAX_TEXT_BYTES {
            return Err(LinkError::Form);
        }
        let rest = text.strip_prefix("parlor://").ok_or(LinkError::Form)?;
        let (server, path) = rest.split_once('/').ok_or(LinkError::Form)?;
        let tail = path.strip_prefix("j/").ok_or(LinkError::Form)?;
        let (code, pin) = match tail.split_once('.') {
            Some((code, pin)) => (code, Some(pin.parse()?)),
            None => (tail, None),
        };
        if code.is_empty()
            || code.len() > MAX_CODE_BYTES
            || !code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(LinkError::Code(code.chars().take(MAX_CODE_BYTES).collect()));
        }
        Ok(Self {
            server: server.parse()?,
            code: code.to_owned(),
            pin,
        })
    }
}

impl FromStr for ServerAddress {
    type Err = LinkError;

    /// `host[,host2][:port]`; IPv6 addresses in brackets.
    fn from_str(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        let (hosts, port) = match text.rsplit_once(':') {
            // A colon inside the last brackets belongs to an address.
            Some((hosts, port)) if !port.contains(']') => (hosts, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => match port.parse() {
                Ok(number) if number != 0 => number,
                _ => return Err(LinkError::Port(port.to_owned())),
            },
        };
        let hosts: Vec<String> = hosts.split(',').map(host).collect::<Result<_, _>>()?;
        if hosts.len() > MAX_HOSTS {
            return Err(LinkError::Form);
        }
        Ok(Self { hosts, port })
    }
}

fn host(text: &str) -> Result<String, LinkError> {
    let bad = || LinkError::Host(text.to_owned());
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or_else(bad)?;
        return inner
            .parse::<std::net::Ipv6Addr>()
            .map(|address| address.to_string())
            .map_err(|_| bad());
    }
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let fits = !text.is_empty() && text.len() <= 253 && text.bytes().all(name);
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(bad())
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, host) in self.hosts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match host.contains(':') {
                true => write!(f, "{comma}[{host}]")?,
                false => write!(f, "{comma}{host}")?,
            }
        }
        write!(f, ":{}", self.port)
    }
}

impl fmt::Display for JoinLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parlor://{}/j/{}", self.server, self.code)?;
        self.pin.map_or(Ok(()), |pin| write!(f, ".{pin}"))
    }
}

impl FromStr for Pin {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let bytes = BASE32_NOPAD
            .decode(text.to_ascii_uppercase().as_bytes())
            .ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(LinkError::Pin(text.chars().count()))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}
