//! The first frames of a link: hello, welcome, and the ways to enter.

use std::fmt;

use crate::codec::{Decode, Encode, rows};
use crate::extension::Extensions;
use crate::id::{Epoch, SessionId, UserId};
use crate::kind::{at_most, bodies};
use crate::limit::{DEVICE_BYTES, NODE_ADDRESS_BYTES, NODES, PINS};

/// Feature bits of hello and welcome; what both have is in force.
pub mod feature {
    /// Bodies may be zstd.
    pub const ZSTD: u64 = 1 << 0;
    /// Volatile signals in datagrams.
    pub const SIGNALS: u64 = 1 << 1;
    /// Long texts on bulk streams.
    pub const LONG_TEXT: u64 = 1 << 2;
}

/// Client → server, first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// Oldest and newest minor version the client speaks.
    pub minor_oldest: u16,
    pub minor_newest: u16,
    pub features: u64,
    /// Largest body the client takes, bytes; at least 4 KiB.
    pub body_bytes: u32,
    /// Program and version, for logs: `parlor 0.1.0`.
    pub client: String,
    /// The client's clock, ms since the Unix epoch.
    pub clock_ms: u64,
    /// The epoch of what the client holds; 0 when it holds nothing.
    pub epoch: u64,
    pub ext: Extensions,
}

/// Server → client, answers hello.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The minor version in force.
    pub minor: u16,
    /// The features in force.
    pub features: u64,
    /// Largest body the server takes once entered, bytes.
    pub body_bytes: u32,
    /// Longest message text, bytes.
    pub text_bytes: u32,
    pub epoch: Epoch,
    /// The installation's name for people.
    pub installation: String,
    /// Nodes to connect to, this one first.
    pub nodes: Vec<Node>,
    /// SHA-256 of the public keys (SPKI) in force and next in force; empty with a CA certificate.
    pub pins: Vec<[u8; 32]>,
    /// The server's clock, ms since the Unix epoch.
    pub clock_ms: u64,
    /// Heartbeat for background clients and when the server gives a silent link up, ms.
    pub heartbeat_ms: u32,
    pub idle_ms: u32,
    /// 0 invite, 1 open, 2 closed.
    pub registration: u8,
    pub ext: Extensions,
}

/// A node that takes links.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Node {
    /// `host:port`.
    pub address: String,
    /// Links over what it will take, 0 to 255, on a logarithmic scale.
    pub load: u8,
}

/// A password on its way; never printed.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Password(pub String);

/// A session's secret: 256 random bits. Never printed; the server stores a hash.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Token(pub [u8; 32]);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Enter by name and password.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LogIn {
    pub name: String,
    pub password: Password,
    /// What the session is called in the person's list.
    pub device: String,
    pub ext: Extensions,
}

/// Make an account and enter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Register {
    /// Join code; empty where registration is open.
    pub code: String,
    pub name: String,
    /// Empty: the same as the name.
    pub display_name: String,
    pub password: Password,
    pub device: String,
    pub ext: Extensions,
}

/// Enter by a session's token.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Enter {
    pub token: Token,
    pub ext: Extensions,
}

/// Entered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entered {
    pub user: UserId,
    pub name: String,
    pub display_name: String,
    pub administrator: bool,
    pub session: SessionId,
    /// A new token to keep in the old one's place. The old one stays good until the new one is
    /// used, so that a lost reply locks nobody out.
    pub token: Option<Token>,
    pub ext: Extensions,
}

/// The server will end this link.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GoAway {
    /// Connect again after a random time within this window, ms.
    pub retry_min_ms: u32,
    pub retry_max_ms: u32,
    /// Where to go; empty: here again.
    pub nodes: Vec<Node>,
    /// For people.
    pub reason: String,
    pub ext: Extensions,
}

/// The sender ends this link now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Goodbye {
    pub ext: Extensions,
}

/// Extension of a PING: bytes that say nothing, so that the server may answer an address that it has
/// not validated yet with a whole packet.
pub const PING_PADDING: u16 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ping {
    /// Comes back in the pong.
    pub opaque: u64,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Pong {
    pub opaque: u64,
    /// The server's clock, ms since the Unix epoch.
    pub clock_ms: u64,
    pub ext: Extensions,
}

/// The request was done; nothing to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Done {
    pub ext: Extensions,
}

fn check_nodes(nodes: &[Node]) -> Result<(), crate::codec::DecodeError> {
    at_most("the number of nodes", nodes.len(), NODES)?;
    nodes
        .iter()
        .try_for_each(|node| at_most("a node's address", node.address.len(), NODE_ADDRESS_BYTES))
}

rows! {
    Node { address, load }
}

bodies! {
    Hello = HELLO, |it| at_most("the client's name", it.client.len(), DEVICE_BYTES);
    Welcome = WELCOME, |it| check_nodes(&it.nodes).and(at_most("the number of pins", it.pins.len(), PINS));
    LogIn = LOG_IN, |it| at_most("the device's name", it.device.len(), DEVICE_BYTES);
    Register = REGISTER, |it| at_most("the device's name", it.device.len(), DEVICE_BYTES);
    Enter = ENTER;
    Entered = ENTERED;
    GoAway = GO_AWAY, |it| check_nodes(&it.nodes);
    Goodbye = GOODBYE;
    Ping = PING;
    Pong = PONG;
    Done = DONE;
}
