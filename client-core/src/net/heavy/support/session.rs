use bytes::Bytes;
use parlor_protocol::error::Refusal;
use parlor_protocol::frame::{Frame, FrameReader};
use parlor_protocol::hello::{Entered, Node, Welcome, feature};
use parlor_protocol::kind::Body;
use parlor_protocol::limit::{BODY_BYTES, HEARTBEAT_MS, IDLE_MS, TEXT_BYTES};
use parlor_protocol::session::{Negotiated, ServerHandshake, ServerStep};
use parlor_protocol::{Epoch, Extensions, SessionId, UserId, frame};
use quinn::{RecvStream, SendStream};

/// The server's end of a link.
pub struct Session {
    pub connection: quinn::Connection,
    handshake: ServerHandshake,
    pub control: Stream,
    commands: Option<Stream>,
    push: Option<SendStream>,
}

pub struct Stream {
    pub send: SendStream,
    receive: RecvStream,
    frames: FrameReader,
}

impl Stream {
    pub async fn accept(connection: &quinn::Connection) -> Self {
        let (send, receive) = connection.accept_bi().await.unwrap();
        Self {
            send,
            receive,
            frames: FrameReader::new(),
        }
    }

    /// The next frame; `None` once the client has gone.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.next(BODY_BYTES).unwrap() {
                return Some(frame);
            }
            self.frames
                .feed(self.receive.read_chunk(usize::MAX, true).await.ok()??.bytes);
        }
    }

    pub async fn send(&mut self, bytes: Bytes) {
        self.send.write_chunk(bytes).await.unwrap();
    }

    /// Tells the client to stop sending.
    pub fn stop(&mut self) {
        self.receive.stop(0_u32.into()).unwrap();
    }

    /// Everything up to the client's end of the stream, the frames read before left out.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = self.frames.take_rest();
        while let Some(chunk) = self.receive.read_chunk(usize::MAX, true).await.unwrap() {
            rest.extend_from_slice(&chunk.bytes);
        }
        rest
    }
}

impl Session {
    pub async fn accept(connection: quinn::Connection) -> Self {
        let control = Stream::accept(&connection).await;
        let handshake = ServerHandshake::new(feature::SIGNALS, 0);
        Self {
            connection,
            handshake,
            control,
            commands: None,
            push: None,
        }
    }

    /// The next step of the control stream.
    pub async fn step(&mut self) -> ServerStep {
        let frame = self.control.frame().await.unwrap();
        self.handshake.on_frame(frame, 0)
    }

    /// Answers hello.
    pub async fn greet(&mut self) {
        self.greet_with(Vec::new()).await;
    }

    /// Answers hello, naming these nodes.
    pub async fn greet_with(&mut self, nodes: Vec<Node>) {
        let ServerStep::Welcome {
            request,
            negotiated,
            ..
        } = self.step().await
        else {
            panic!("expected a hello")
        };
        self.control
            .send(frame::encode(request, &welcome(negotiated, nodes)))
            .await;
    }

    /// Answers hello and grants the entry.
    pub async fn enter(&mut self) {
        self.enter_with(Vec::new()).await;
    }

    /// The same, naming these nodes.
    pub async fn enter_with(&mut self, nodes: Vec<Node>) {
        self.greet_with(nodes).await;
        let ServerStep::Enter { request, .. } = self.step().await else {
            panic!("expected an entry")
        };
        self.handshake.entered();
        self.control.send(frame::encode(request, &entered())).await;
    }

    /// Refuses the entry; the client may try again.
    pub async fn refuse_entry(&mut self, refusal: &Refusal) {
        let (ServerStep::Enter { request, .. } | ServerStep::LogIn { request, .. }) =
            self.step().await
        else {
            panic!("expected an entry")
        };
        assert!(!self.handshake.not_entered());
        self.control.send(frame::encode(request, refusal)).await;
    }

    /// Grants a log-in.
    pub async fn accept_log_in(&mut self) {
        let ServerStep::LogIn { request, .. } = self.step().await else {
            panic!("expected a log-in")
        };
        self.handshake.entered();
        self.control.send(frame::encode(request, &entered())).await;
    }

    pub async fn commands(&mut self) -> &mut Stream {
        if self.commands.is_none() {
            self.commands = Some(Stream::accept(&self.connection).await);
        }
        self.commands.as_mut().unwrap()
    }

    /// The next request of the command stream.
    pub async fn request(&mut self) -> Frame {
        self.commands().await.frame().await.unwrap()
    }

    /// Answers on the command stream.
    pub async fn reply<B: Body>(&mut self, request: u32, body: &B) {
        self.commands()
            .await
            .send(frame::encode(request, body))
            .await;
    }

    /// Writes bytes to the push stream.
    pub async fn push(&mut self, bytes: Bytes) {
        if self.push.is_none() {
            self.push = Some(self.connection.open_uni().await.unwrap());
        }
        self.push
            .as_mut()
            .unwrap()
            .write_chunk(bytes)
            .await
            .unwrap();
    }
}

fn welcome(negotiated: Negotiated, nodes: Vec<Node>) -> Welcome {
    Welcome {
        minor: negotiated.minor,
        features: negotiated.features,
        body_bytes: BODY_BYTES as u32,
        text_bytes: TEXT_BYTES as u32,
        epoch: Epoch(1),
        installation: "test".to_owned(),
        nodes,
        pins: Vec::new(),
        clock_ms: 0,
        heartbeat_ms: HEARTBEAT_MS,
        idle_ms: IDLE_MS,
        registration: 0,
        ext: Extensions::NONE,
    }
}

fn entered() -> Entered {
    Entered {
        user: UserId([1; 16]),
        name: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        administrator: false,
        session: SessionId([2; 16]),
        token: None,
        ext: Extensions::NONE,
    }
}
