//! One link of the bare server: handshake, then requests from its two streams.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parlor_protocol::frame::{self, FrameReader};
use parlor_protocol::hello::{Done, Entered, Node, Pong, Welcome};
use parlor_protocol::limit::{BODY_BYTES, HEARTBEAT_MS, IDLE_MS, TEXT_BYTES};
use parlor_protocol::message::Post;
use parlor_protocol::session::{ServerHandshake, ServerStep};
use parlor_protocol::sync::{OpenRoom, UserChanges};
use parlor_protocol::{
    Body, Code, Epoch, Extensions, Frame, Kind, Refusal, RoomId, SessionId, UserId,
};
use quinn::{Connection, Incoming, RecvStream, SendStream};

use super::hub::LinkId;
use super::serve::{Shared, wall_ms};

/// Bytes read from a stream at once.
const READ_BYTES: usize = 16 << 10;

/// Serves one link to its end; how it ends is of no interest here.
pub(super) async fn run(incoming: Incoming, shared: Arc<Shared>) {
    let Ok(connection) = incoming.await else {
        return;
    };
    let Ok(push) = connection.open_uni().await else {
        return;
    };
    let link = shared.hub().add(push);
    let mut session = Session {
        shared,
        link,
        user: UserId::default(),
        rooms: Vec::new(),
        handshake: ServerHandshake::new(0, 0),
    };
    // Damage and departure end a link alike.
    let _ended = session.serve(&connection).await;
    session.shared.hub().remove(link, &session.rooms);
}

struct Session {
    shared: Arc<Shared>,
    link: LinkId,
    user: UserId,
    rooms: Vec<RoomId>,
    handshake: ServerHandshake,
}

/// A stream's two halves and the frames it brings.
struct Lane {
    send: SendStream,
    receive: RecvStream,
    frames: FrameReader,
}

impl Lane {
    fn new((send, receive): (SendStream, RecvStream)) -> Self {
        Self {
            send,
            receive,
            frames: FrameReader::new(),
        }
    }

    /// The next bytes; `None` at the stream's end. Loses nothing when dropped unfinished.
    async fn read(&mut self) -> Option<Bytes> {
        match self.receive.read_chunk(READ_BYTES, true).await {
            Ok(Some(chunk)) => Some(chunk.bytes),
            Ok(None) | Err(_) => None,
        }
    }
}

impl Session {
    async fn serve(&mut self, connection: &Connection) -> Option<()> {
        let mut control = Lane::new(connection.accept_bi().await.ok()?);
        let mut command = loop {
            tokio::select! {
                lane = connection.accept_bi() => break Lane::new(lane.ok()?),
                bytes = control.read() => self.take(&mut control, bytes?).await?,
            }
        };
        loop {
            tokio::select! {
                bytes = command.read() => self.take(&mut command, bytes?).await?,
                bytes = control.read() => self.take(&mut control, bytes?).await?,
            }
        }
    }

    /// Answers what a chunk asks for, all of it in one write.
    async fn take(&mut self, lane: &mut Lane, bytes: Bytes) -> Option<()> {
        lane.frames.feed(bytes);
        let mut answers = Vec::new();
        while let Some(frame) = lane.frames.next(BODY_BYTES).ok()? {
            answers.push(self.answer(frame)?);
        }
        lane.send.write_all_chunks(&mut answers).await.ok()
    }

    fn answer(&mut self, frame: Frame) -> Option<Bytes> {
        Some(match self.handshake.on_frame(frame, 0) {
            ServerStep::Welcome { request, .. } => frame::encode(request, &self.welcome()),
            ServerStep::Enter { request, enter } => {
                let mut id = [0; 16];
                id.copy_from_slice(&enter.token.0[..16]);
                self.user = UserId(id);
                self.handshake.entered();
                frame::encode(request, &self.entered())
            }
            ServerStep::Pong { request, opaque } => {
                let pong = Pong {
                    opaque,
                    clock_ms: wall_ms(),
                    ext: Extensions::NONE,
                };
                frame::encode(request, &pong)
            }
            ServerStep::Request(frame) => self.request(&frame),
            ServerStep::Refuse { request, refusal } => frame::encode(request, &refusal),
            ServerStep::Skip => Bytes::new(),
            ServerStep::LogIn { .. }
            | ServerStep::Register { .. }
            | ServerStep::Fatal { .. }
            | ServerStep::Goodbye => return None,
        })
    }

    fn request(&mut self, frame: &Frame) -> Bytes {
        let request = frame.header.request;
        match frame.header.kind {
            Kind::POST => reply(request, self.post(frame)),
            Kind::OPEN_ROOM => reply(request, self.open(frame)),
            Kind::SYNC_USER => frame::encode(request, &self.changes()),
            Kind::CLOSE_ROOM | Kind::MARK => frame::encode(request, &Done::default()),
            _ => frame::encode(request, &Refusal::new(Code::UNSUPPORTED)),
        }
    }

    fn post(&self, frame: &Frame) -> Result<parlor_protocol::message::Posted, Refusal> {
        let post: Post = open(frame)?;
        self.shared.hub().post(self.user, post, Instant::now())
    }

    fn open(&mut self, frame: &Frame) -> Result<parlor_protocol::sync::RoomOpened, Refusal> {
        let wanted: OpenRoom = open(frame)?;
        if self.rooms.contains(&wanted.room) {
            return Err(Refusal::new(Code::UNEXPECTED));
        }
        let opened = self.shared.hub().open(self.link, wanted.room)?;
        self.rooms.push(wanted.room);
        Ok(opened)
    }

    fn changes(&self) -> UserChanges {
        UserChanges {
            since: 0,
            through: 1,
            rev: 1,
            reset: true,
            entries: Vec::new(),
            heads: Vec::new(),
            ext: Extensions::NONE,
        }
    }

    fn welcome(&self) -> Welcome {
        Welcome {
            minor: parlor_protocol::MINOR_NEWEST,
            features: 0,
            body_bytes: BODY_BYTES as u32,
            text_bytes: TEXT_BYTES as u32,
            epoch: Epoch(1),
            installation: "bare".to_owned(),
            nodes: vec![Node {
                address: self.shared.address.clone(),
                load: 0,
            }],
            pins: vec![self.shared.pin],
            clock_ms: wall_ms(),
            heartbeat_ms: HEARTBEAT_MS,
            idle_ms: IDLE_MS,
            registration: 2,
            ext: Extensions::NONE,
        }
    }

    fn entered(&self) -> Entered {
        Entered {
            user: self.user,
            name: String::new(),
            display_name: String::new(),
            administrator: false,
            session: SessionId(self.user.0),
            token: None,
            ext: Extensions::NONE,
        }
    }
}

fn reply<T: Body>(request: u32, answer: Result<T, Refusal>) -> Bytes {
    match answer {
        Ok(body) => frame::encode(request, &body),
        Err(refusal) => frame::encode(request, &refusal),
    }
}

fn open<T: Body>(frame: &Frame) -> Result<T, Refusal> {
    frame
        .open()
        .map_err(|error| Refusal::with_text(Code::MALFORMED, error.to_string()))
}
