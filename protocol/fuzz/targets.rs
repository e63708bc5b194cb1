//! What is fuzzed: plain functions of bytes, called by cargo-fuzz and by ordinary tests alike.
//! Each panics when a promise is broken and returns otherwise, whatever the bytes are.

#![allow(unreachable_pub)]

use bytes::Bytes;
use parlor_protocol::frame::{self, FLAG_ZSTD, Frame, FrameReader, Header, from_datagram};
use parlor_protocol::hello::{Enter, Hello, Token, feature};
use parlor_protocol::limit::{BODY_BYTES, BODY_PLAIN_BYTES, ENTER_TRIES, HEADER_BYTES};
use parlor_protocol::link::{JoinLink, ServerAddress};
use parlor_protocol::session::{ClientHandshake, ClientStep, Entry, ServerHandshake, ServerStep};
use parlor_protocol::{Extensions, Kind};

use crate::bodies::{open_entries, reopen};

/// A target: its name (and its folder of the corpus), and the function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const TARGETS: &[Target] = &[
    ("decode", decode),
    ("frame_reader", frame_reader),
    ("server_session", server_session),
    ("client_session", client_session),
    ("link", link),
    ("compressed", compressed),
];

/// Two bytes of type, then a body: it is refused, or it is read and what is written from it is
/// read as the same again.
pub fn decode(data: &[u8]) {
    let Some((kind, body)) = data.split_first_chunk::<2>() else {
        return;
    };
    let header = Header {
        kind: Kind(u16::from_le_bytes(*kind)),
        revision: 1,
        flags: 0,
        request: 1,
    };
    let body = Bytes::copy_from_slice(body);
    let frame = Frame { header, body };
    open_entries(&frame);
    let Some(Ok(written)) = reopen(&frame) else {
        return;
    };
    let mut again = frame;
    again.body = written.slice(HEADER_BYTES..);
    let twice = reopen(&again).map(|result| result.expect("what was read is written well"));
    assert_eq!(twice, Some(written));
}

/// One byte of chunk size, then a stream: cut anyhow, it gives the same frames and the same end.
pub fn frame_reader(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else {
        return;
    };
    let cut = stream.chunks(usize::from(*size).max(1));
    let (pieces, whole) = (frames(cut), frames(std::iter::once(stream)));
    assert_eq!(pieces, whole);
    let _ = from_datagram(Bytes::copy_from_slice(stream));
}

fn frames<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<String>) {
    let (mut reader, mut frames) = (FrameReader::new(), Vec::new());
    for chunk in chunks {
        reader.feed(Bytes::copy_from_slice(chunk));
        loop {
            match reader.next(BODY_BYTES) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
    }
    (frames, None)
}

/// One byte of decisions, then what a client sends: nobody is inside without a decision, nothing
/// is heard after the end.
pub fn server_session(data: &[u8]) {
    let Some((decisions, stream)) = data.split_first() else {
        return;
    };
    let (mut server, mut reader) = (ServerHandshake::new(u64::MAX, 0), FrameReader::new());
    reader.feed(Bytes::copy_from_slice(stream));
    let (mut tries, mut inside) = (0, false);
    while let Ok(Some(frame)) = reader.next(server.body_bytes()) {
        assert_eq!(server.is_entered(), inside);
        match server.on_frame(frame, 0) {
            ServerStep::LogIn { .. } | ServerStep::Register { .. } | ServerStep::Enter { .. } => {
                assert!(server.is_deciding() && !inside);
                if decisions >> tries & 1 == 1 {
                    server.entered();
                    inside = true;
                } else if server.not_entered() {
                    return;
                }
                tries += 1;
                assert!(tries <= ENTER_TRIES);
            }
            ServerStep::Request(frame) => {
                assert!(inside, "{:?} from a stranger", frame.header.kind);
                reopen(&frame);
            }
            ServerStep::Fatal { .. } | ServerStep::Goodbye => {
                assert!(!server.is_entered() && server.deadline_ms().is_none());
                return;
            }
            _ => {}
        }
    }
}

/// What a server sends: the client is inside only after a welcome and an entry.
pub fn client_session(data: &[u8]) {
    let (mut client, mut reader) = (ClientHandshake::new(), FrameReader::new());
    client.start(&hello(), Some(&entry()));
    reader.feed(Bytes::copy_from_slice(data));
    let (mut welcomed, mut inside) = (false, false);
    while let Ok(Some(frame)) = reader.next(client.body_bytes()) {
        match client.on_frame(frame) {
            Ok(ClientStep::Welcomed(_)) => {
                assert!(!welcomed, "welcomed twice");
                welcomed = true;
            }
            Ok(ClientStep::Entered(_)) => {
                assert!(welcomed && !inside);
                inside = true;
            }
            Ok(ClientStep::Refused(_)) if welcomed => drop(client.enter(&entry())),
            Ok(ClientStep::Frame(frame)) => {
                assert!(welcomed);
                reopen(&frame);
            }
            Ok(ClientStep::Goodbye) | Err(_) => return,
            Ok(_) => {}
        }
        assert_eq!(client.is_entered(), inside);
    }
}

fn hello() -> Hello {
    Hello {
        minor_oldest: 0,
        minor_newest: 0,
        features: feature::ZSTD,
        body_bytes: BODY_BYTES as u32,
        client: String::new(),
        clock_ms: 0,
        epoch: 0,
        ext: Extensions::NONE,
    }
}

fn entry() -> Entry {
    Entry::Token(Enter {
        token: Token([0; 32]),
        ext: Extensions::NONE,
    })
}

/// A pasted text: refused, or read and printed to the same again.
pub fn link(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(link) = text.parse::<JoinLink>() {
        assert_eq!(link.to_string().parse(), Ok(link));
    }
    if let Ok(address) = text.parse::<ServerAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

/// A compressed body stays within its bound; any bytes, compressed here, come back.
pub fn compressed(data: &[u8]) {
    let header = Header {
        kind: Kind::ROOM_BATCH,
        revision: 1,
        flags: FLAG_ZSTD,
        request: 0,
    };
    let body = Bytes::copy_from_slice(data);
    let hostile = Frame { header, body };
    if let Ok(plain) = hostile.plain_body() {
        assert!(plain.len() <= BODY_PLAIN_BYTES);
    }
    open_entries(&hostile);

    let mut plain = hostile;
    plain.header.flags = 0;
    let packed = frame::compress(&plain.to_bytes());
    let (all, error) = frames(std::iter::once(&packed[..]));
    if plain.body.len() <= BODY_BYTES {
        assert_eq!((all.len(), error), (1, None));
        assert_eq!(all[0].plain_body().as_ref(), Ok(&plain.body));
    }
}
