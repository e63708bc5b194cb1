//! A small server for tests of the link: real QUIC, the protocol's own handshake, and every step in
//! the hands of the test.

mod killed;
mod server;
mod session;

use parlor_protocol::hello::{Enter, GoAway, Node, Ping, Pong, Token};
use parlor_protocol::link::{Pin, ServerAddress};
use parlor_protocol::session::Entry;
use parlor_protocol::sync::Heads;
use parlor_protocol::{Extensions, frame};

pub use killed::KilledServer;
pub use server::{Identity, Options, TestServer};
pub use session::{Session, Stream};

use crate::net::{Connected, Dial, Endpoint, Flight, Link, Target, Trust, hello};

/// What a client with a session sends first.
pub fn entry() -> Entry {
    Entry::Token(Enter {
        token: Token([7; 32]),
        ext: Extensions::NONE,
    })
}

pub fn flight() -> Flight {
    Flight::new(&hello("test 0", 0), &entry())
}

pub fn address(server: &TestServer) -> ServerAddress {
    ServerAddress {
        hosts: vec!["127.0.0.1".to_owned()],
        port: server.port(),
    }
}

/// A dial of the server by its pin, from a socket of its own.
pub fn dial(server: &TestServer) -> Dial {
    dial_trusting(server, Trust::Pins(vec![server.pin()]))
}

pub fn dial_trusting(server: &TestServer, trust: Trust) -> Dial {
    Dial::new(
        Endpoint::open().unwrap(),
        Target::new(address(server), trust).unwrap(),
    )
}

/// A dial of a server that this runtime does not hold.
pub fn dial_at(port: u16, pin: Pin) -> Dial {
    let address = ServerAddress {
        hosts: vec!["127.0.0.1".to_owned()],
        port,
    };
    Dial::new(
        Endpoint::open().unwrap(),
        Target::new(address, Trust::Pins(vec![pin])).unwrap(),
    )
}

/// Another installation's pin.
pub fn other_pin() -> Pin {
    Pin([9; 32])
}

/// A frame of a type that no version knows, skippable.
pub fn unknown_frame() -> bytes::Bytes {
    let mut bytes = frame::encode(0, &parlor_protocol::hello::Done::default()).to_vec();
    bytes[4..6].copy_from_slice(&0x7fff_u16.to_le_bytes());
    bytes.into()
}

/// A link that is up, and the server's end of it.
pub async fn connected(server: &TestServer) -> (Connected, Session) {
    let dial = dial(server);
    let (link, session) = tokio::join!(Link::connect(&dial, flight()), server.entered());
    (link.unwrap(), session)
}

pub fn ping(opaque: u64) -> Ping {
    Ping {
        opaque,
        ext: Extensions::NONE,
    }
}

pub fn pong(opaque: u64) -> Pong {
    Pong {
        opaque,
        clock_ms: 0,
        ext: Extensions::NONE,
    }
}

pub fn heads() -> Heads {
    Heads {
        heads: Vec::new(),
        ext: Extensions::NONE,
    }
}

/// The farewell of a lone server.
pub fn go_away() -> GoAway {
    GoAway {
        retry_min_ms: 0,
        retry_max_ms: 20,
        nodes: Vec::new(),
        reason: "restarting".to_owned(),
        ext: Extensions::NONE,
    }
}

/// The server as others name it.
pub fn node(server: &TestServer, load: u8) -> Node {
    Node {
        address: address(server).to_string(),
        load,
    }
}

/// A farewell that names where to go.
pub fn go_away_to(server: &TestServer) -> GoAway {
    GoAway {
        nodes: vec![node(server, 0)],
        ..go_away()
    }
}
