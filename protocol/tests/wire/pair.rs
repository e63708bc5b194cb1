//! Both handshakes against each other over a byte stream that is cut anywhere, with the whole
//! first flight sent before a single answer.

use bytes::{Bytes, BytesMut};
use parlor_protocol::frame::{self, FrameReader};
use parlor_protocol::hello::{Pong, feature};
use parlor_protocol::limit::ENTER_TRIES;
use parlor_protocol::message::Posted;
use parlor_protocol::session::{ClientHandshake, ClientStep, Entry, ServerHandshake, ServerStep};
use parlor_protocol::{Body, Code, Extensions, Kind, Refusal};
use proptest::prelude::*;

use crate::common::story;

/// The server's driver: answers everything, grants the entry after so many denials.
struct Server {
    handshake: ServerHandshake,
    reader: FrameReader,
    denials: u8,
    posts: Vec<u32>,
    out: BytesMut,
    ended: bool,
}

impl Server {
    fn new(denials: u8) -> Self {
        Self {
            handshake: ServerHandshake::new(feature::ZSTD, 0),
            reader: FrameReader::new(),
            denials,
            posts: Vec::new(),
            out: BytesMut::new(),
            ended: false,
        }
    }

    fn answer<T: Body>(&mut self, request: u32, body: &T) {
        self.out.extend_from_slice(&frame::encode(request, body));
    }

    fn on_bytes(&mut self, chunk: Bytes) {
        self.reader.feed(chunk);
        while !self.ended {
            let bound = self.handshake.body_bytes();
            let Some(frame) = self.reader.next(bound).unwrap() else {
                return;
            };
            match self.handshake.on_frame(frame, 0) {
                ServerStep::Welcome { request, .. } => self.answer(request, &story::welcome()),
                ServerStep::LogIn { request, .. }
                | ServerStep::Register { request, .. }
                | ServerStep::Enter { request, .. } => self.decide(request),
                ServerStep::Pong { request, opaque } => {
                    let (clock_ms, ext) = (0, Extensions::NONE);
                    self.answer(
                        request,
                        &Pong {
                            opaque,
                            clock_ms,
                            ext,
                        },
                    );
                }
                ServerStep::Request(frame) => {
                    self.posts.push(frame.header.request);
                    self.answer(frame.header.request, &story::posted());
                }
                ServerStep::Refuse { request, refusal } => self.answer(request, &refusal),
                ServerStep::Fatal { request, refusal } => {
                    self.answer(request, &refusal);
                    self.ended = true;
                }
                ServerStep::Skip => {}
                ServerStep::Goodbye => self.ended = true,
            }
        }
    }

    fn decide(&mut self, request: u32) {
        if self.denials == 0 {
            self.handshake.entered();
            return self.answer(request, &story::entered());
        }
        self.denials -= 1;
        self.ended = self.handshake.not_entered();
        self.answer(request, &Refusal::new(Code::BAD_LOG_IN));
    }
}

/// The client's driver: three posts behind each entry, in one flight.
struct Client {
    handshake: ClientHandshake,
    reader: FrameReader,
    posts: Vec<u32>,
    refused_posts: Vec<u32>,
    posted: Vec<u32>,
    welcomes: u32,
    refusals: u8,
    out: BytesMut,
}

impl Client {
    fn start() -> Self {
        let mut handshake = ClientHandshake::new();
        let flight = handshake.start(&story::hello(), Some(&Entry::LogIn(story::log_in())));
        let mut client = Self {
            handshake,
            reader: FrameReader::new(),
            posts: Vec::new(),
            refused_posts: Vec::new(),
            posted: Vec::new(),
            welcomes: 0,
            refusals: 0,
            out: BytesMut::from(&flight[..]),
        };
        client.post_thrice();
        client
    }

    fn post_thrice(&mut self) {
        for _ in 0..3 {
            let request = self.handshake.next_request();
            self.posts.push(request);
            self.out
                .extend_from_slice(&frame::encode(request, &story::post()));
        }
    }

    fn on_bytes(&mut self, chunk: Bytes) {
        self.reader.feed(chunk);
        while let Some(frame) = self.reader.next(self.handshake.body_bytes()).unwrap() {
            match self.handshake.on_frame(frame).unwrap() {
                ClientStep::Welcomed(_) => self.welcomes += 1,
                ClientStep::Entered(_) => assert!(self.handshake.is_entered()),
                ClientStep::Refused(refusal) => {
                    assert_eq!(refusal.code, Code::BAD_LOG_IN);
                    self.refusals += 1;
                    let flight = self.handshake.enter(&Entry::LogIn(story::log_in()));
                    self.out.extend_from_slice(&flight);
                    self.post_thrice();
                }
                ClientStep::Frame(frame) if frame.header.kind == Kind::REFUSED => {
                    assert_eq!(frame.open::<Refusal>().unwrap().code, Code::NOT_ENTERED);
                    self.refused_posts.push(frame.header.request);
                }
                ClientStep::Frame(frame) => {
                    frame.open::<Posted>().unwrap();
                    self.posted.push(frame.header.request);
                }
                step => panic!("{step:?}"),
            }
        }
    }
}

/// Lets both talk, in chunks of these sizes, until neither has anything to say.
fn converse(denials: u8, cuts: &[usize]) -> (Client, Server) {
    let (mut client, mut server) = (Client::start(), Server::new(denials));
    let mut cuts = cuts.iter().copied().cycle();
    while !(client.out.is_empty() && server.out.is_empty()) {
        let size = cuts.next().unwrap();
        let up = client.out.split_to(size.min(client.out.len()));
        server.on_bytes(up.freeze());
        let down = server.out.split_to(size.min(server.out.len()));
        client.on_bytes(down.freeze());
    }
    (client, server)
}

proptest! {
    #[test]
    fn a_pipelined_flight_enters_after_any_denials(
        denials in 0..ENTER_TRIES,
        cuts in prop::collection::vec(1..700usize, 1..20),
    ) {
        let (client, server) = converse(denials, &cuts);
        prop_assert!(client.handshake.is_entered() && server.handshake.is_entered());
        prop_assert_eq!((client.welcomes, client.refusals), (1, denials));
        // The posts behind a denied entry were refused, those behind the granted one done.
        let (refused, done) = client.posts.split_at(3 * usize::from(denials));
        prop_assert_eq!(&client.refused_posts[..], refused);
        prop_assert_eq!(&server.posts[..], done);
        prop_assert_eq!(&client.posted[..], done);
    }

    #[test]
    fn the_fifth_denial_ends_the_link(cuts in prop::collection::vec(1..700usize, 1..20)) {
        let (client, server) = converse(ENTER_TRIES, &cuts);
        prop_assert!(server.ended && !server.handshake.is_entered());
        prop_assert!(!client.handshake.is_entered());
        prop_assert_eq!(client.refusals, ENTER_TRIES);
        prop_assert_eq!(server.posts.len(), 0);
    }
}
