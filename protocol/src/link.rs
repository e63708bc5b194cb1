//! Join links and server addresses, as people paste them.
//!
//! `parlor://host[,host2][:port]/j/CODE[.PIN]`: nothing in it needs quoting in a shell.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

use crate::DEFAULT_PORT;
use crate::limit::INVITE_CODE_BYTES;

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
const MAX_HOST_BYTES: usize = 253;
const MAX_EXCERPT_CHARS: usize = 64;

/// Why a text is not a join link or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error(
        "not a join link: it must look like parlor://HOST:PORT/j/CODE.PIN; copy it whole and paste it again"
    )]
    Form,
    #[error("the host {0:?} is not a name or an address; an IPv6 address goes in brackets")]
    Host(String),
    #[error("more than {MAX_HOSTS} hosts; name fewer of them")]
    Hosts,
    #[error("the port {0:?} is not a number from 1 to 65535")]
    Port(String),
    #[error(
        "the link's code {0:?} is not letters and digits; copy the link whole and paste it again"
    )]
    Code(String),
    #[error(
        "the link's pin is damaged: it has {0} characters and must have 52, letters and the digits 2 to 7; copy the link whole and paste it again"
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
            || code.len() > INVITE_CODE_BYTES
            || !code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(LinkError::Code(excerpt(code)));
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
            // A colon inside brackets belongs to an address.
            Some((hosts, port)) if hosts.matches('[').count() == hosts.matches(']').count() => {
                (hosts, Some(port))
            }
            _ => (text, None),
        };
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => match port.parse() {
                // Not "+7443", which `parse` would take.
                Ok(number) if number != 0 && port.as_bytes()[0].is_ascii_digit() => number,
                _ => return Err(LinkError::Port(excerpt(port))),
            },
        };
        if hosts.split(',').count() > MAX_HOSTS {
            return Err(LinkError::Hosts);
        }
        let hosts: Vec<String> = hosts.split(',').map(host).collect::<Result<_, _>>()?;
        Ok(Self { hosts, port })
    }
}

fn host(text: &str) -> Result<String, LinkError> {
    let bad = || LinkError::Host(excerpt(text));
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or_else(bad)?;
        return inner
            .parse::<std::net::Ipv6Addr>()
            .map(|address| address.to_string())
            .map_err(|_| bad());
    }
    // A dot at the end says that the name is whole.
    let labels = text.strip_suffix('.').unwrap_or(text);
    if text.len() <= MAX_HOST_BYTES && labels.split('.').all(is_label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(bad())
    }
}

fn is_label(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&text.len())
        && text.bytes().all(known)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// As much of a bad part as an error shows.
fn excerpt(text: &str) -> String {
    text.chars().take(MAX_EXCERPT_CHARS).collect()
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
