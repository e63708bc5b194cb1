//! Sessions recorded with each release, replayed against today's code.
//!
//! A line of a `.frames` file is a direction (`>` client to server, `<` server to client), the
//! stream, and one frame in hexadecimal; `#` starts a comment. A release adds a folder of its own
//! and leaves the others as they are. Raw bytes behind a bulk frame are not recorded.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use parlor_protocol::frame::{self, Frame, FrameReader, from_datagram};
use parlor_protocol::hello::feature;
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::session::{ClientHandshake, ClientStep, Entry, ServerHandshake, ServerStep};
use parlor_protocol::{Kind, RoomId};

use crate::common::bodies::{open_entries, reopen};
use crate::common::files::{WRITE, adding, folder};
use crate::common::story;

/// One line: direction, stream, frame.
struct Line {
    up: bool,
    stream: String,
    bytes: Bytes,
}

fn read(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut word = || words.next().expect("direction, stream, frame");
            Line {
                up: word() == ">",
                stream: word().to_owned(),
                bytes: HEXLOWER.decode(word().as_bytes()).unwrap().into(),
            }
        })
        .collect()
}

/// Today's ends of the recorded link.
struct Replay {
    server: ServerHandshake,
    client: ClientHandshake,
    readers: HashMap<(bool, String), FrameReader>,
    frames: usize,
}

impl Replay {
    fn new() -> Self {
        let mut client = ClientHandshake::new();
        // Only the request numbers count: the recorded flight is what travels.
        client.start(&story::hello(), Some(&Entry::LogIn(story::log_in())));
        Self {
            server: ServerHandshake::new(feature::ZSTD, 0),
            client,
            readers: HashMap::new(),
            frames: 0,
        }
    }

    fn take(&mut self, line: &Line) {
        if line.stream == "datagram" {
            let frame = from_datagram(line.bytes.clone()).unwrap();
            return self.opened(&frame);
        }
        let key = (line.up, line.stream.clone());
        let mut reader = self.readers.remove(&key).unwrap_or_default();
        for chunk in line.bytes.chunks(11) {
            reader.feed(line.bytes.slice_ref(chunk));
            while let Some(frame) = reader.next(BODY_BYTES).unwrap() {
                self.opened(&frame);
                if line.stream == "control" {
                    self.control(line.up, frame);
                }
            }
        }
        assert_eq!(reader.buffered_bytes(), 0, "a line is one frame");
        self.readers.insert(key, reader);
    }

    fn opened(&mut self, frame: &Frame) {
        let kind = frame.header.kind;
        if kind.name().is_some() {
            let again = reopen(frame).expect("a known type");
            assert!(again.is_ok(), "{kind:?}: {again:?}");
            open_entries(frame);
        }
        self.frames += 1;
    }

    fn control(&mut self, up: bool, frame: Frame) {
        if !up {
            let kind = frame.header.kind;
            let step = self.client.on_frame(frame);
            assert!(step.is_ok(), "the client met {kind:?}: {step:?}");
            if matches!(step, Ok(ClientStep::Entered(_))) {
                assert!(self.client.is_entered());
            }
            return;
        }
        match self.server.on_frame(frame, 0) {
            ServerStep::Register { .. } | ServerStep::LogIn { .. } | ServerStep::Enter { .. } => {
                self.server.entered();
            }
            ServerStep::Fatal { refusal, .. } | ServerStep::Refuse { refusal, .. } => {
                panic!("the server refused: {refusal}")
            }
            _ => {}
        }
    }
}

#[test]
fn sessions_of_every_release_are_understood() {
    let ours = folder("recorded/0.1/first-evening.frames");
    if !ours.exists() {
        assert!(
            adding(),
            "{} is missing: {WRITE}=write adds it",
            ours.display()
        );
        std::fs::write(&ours, first_evening()).unwrap();
    }
    let mut sessions = 0;
    for release in std::fs::read_dir(folder("recorded")).unwrap() {
        for file in std::fs::read_dir(release.unwrap().path()).unwrap() {
            replay(&file.unwrap().path());
            sessions += 1;
        }
    }
    assert!(sessions > 0);
}

fn replay(path: &Path) {
    let lines = read(&std::fs::read_to_string(path).unwrap());
    let mut replay = Replay::new();
    for line in &lines {
        replay.take(line);
    }
    assert_eq!(replay.frames, lines.len(), "{}", path.display());
    assert!(!replay.client.is_entered(), "it ends with a goodbye");
}

/// Every line of the first release's recording: direction, stream, type, request.
const FIRST_EVENING: &[(&str, &str, Kind, u32)] = &[
    (">", "control", Kind::HELLO, 1),
    (">", "control", Kind::REGISTER, 2),
    (">", "command", Kind::SYNC_USER, 3),
    ("<", "control", Kind::WELCOME, 1),
    ("<", "control", Kind::ENTERED, 2),
    ("<", "command", Kind::USER_CHANGES, 3),
    (">", "command", Kind::OPEN_ROOM, 4),
    (">", "command", Kind::LIST_MEMBERS, 5),
    ("<", "command", Kind::MEMBERS, 5),
    ("<", "command", Kind::ROOM_OPENED, 4),
    (">", "datagram", Kind::PRESENCE, 0),
    (">", "datagram", Kind::TYPING, 0),
    ("<", "datagram", Kind::TYPING_DIGEST, 0),
    ("<", "datagram", Kind::PRESENCE_DIGEST, 0),
    (">", "command", Kind::POST, 6),
    ("<", "push", Kind::ROOM_BATCH, 0),
    ("<", "command", Kind::POSTED, 6),
    ("<", "push", Kind::HEADS, 0),
    ("<", "push", Kind::USER_BATCH, 0),
    (">", "command", Kind::MARK, 7),
    ("<", "command", Kind::DONE, 7),
    ("<", "push", Kind::BEHIND, 0),
    (">", "command", Kind::GET_CHANGES, 8),
    ("<", "command", Kind::CHANGES, 8),
    (">", "command", Kind::GET_PAGE, 9),
    ("<", "command", Kind::PAGE, 9),
    (">", "bulk", Kind::GET_TEXT, 10),
    ("<", "bulk", Kind::TEXT, 10),
    (">", "command", Kind::POST, 11),
    ("<", "command", Kind::REFUSED, 11),
    (">", "command", Kind::CLOSE_ROOM, 12),
    ("<", "command", Kind::DONE, 12),
    (">", "control", Kind::PING, 13),
    ("<", "control", Kind::PONG, 13),
    ("<", "control", Kind::GO_AWAY, 0),
    (">", "control", Kind::GOODBYE, 0),
    ("<", "control", Kind::GOODBYE, 0),
];

fn first_evening() -> String {
    let mut text = String::from(
        "# Release 0.1: Ada comes in by a join link, opens the kitchen and posts.\n\
         # > client to server, < server to client; stream; one frame.\n",
    );
    for (way, stream, kind, request) in FIRST_EVENING {
        let bytes = story::frame_of(*kind).bytes(*request);
        let name = kind.name().unwrap();
        text += &format!("{way} {stream} {} # {name}\n", HEXLOWER.encode(&bytes));
        if *kind == Kind::ROOM_BATCH {
            let large = frame::encode_compressed(0, &story::large_batch());
            text += &format!("< push {} # {name}, zstd\n", HEXLOWER.encode(&large));
        }
    }
    text
}

#[test]
fn a_direct_room_is_the_same_for_both_and_for_ever() {
    let (ada, bo) = (story::ada(), story::bo());
    assert_eq!(RoomId::direct(ada, bo), RoomId::direct(bo, ada));
    // Frozen like a body: another id would be another room.
    assert_eq!(
        RoomId::direct(ada, bo).to_string(),
        "13caab65-b3cc-88af-9501-4cde480c0c78"
    );
    assert_eq!(RoomId::direct(ada, bo).made_at_ms(), None);
    assert_eq!(story::key(1).made_at_ms(), Some(story::EVENING_MS));
}
