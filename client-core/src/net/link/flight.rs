use std::time::{SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use parlor_protocol::hello::{Hello, feature};
use parlor_protocol::kind::Body;
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::session::{ClientHandshake, Entry};
use parlor_protocol::{Extensions, MINOR_NEWEST, MINOR_OLDEST, frame};

/// The first flight: hello, the entry, and requests that need not wait for either's answer. All of
/// it leaves in one write.
#[derive(Debug)]
pub struct Flight {
    pub(super) handshake: ClientHandshake,
    pub(super) bytes: BytesMut,
    pub(super) requests: Vec<u32>,
}

/// A hello of this program. `client`: name and version, for the server's log. `epoch`: that of what
/// the client holds, 0 when it holds nothing.
pub fn hello(client: &str, epoch: u64) -> Hello {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Hello {
        minor_oldest: MINOR_OLDEST,
        minor_newest: MINOR_NEWEST,
        features: feature::ZSTD | feature::SIGNALS | feature::LONG_TEXT,
        body_bytes: BODY_BYTES as u32,
        client: client.to_owned(),
        clock_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        epoch,
        ext: Extensions::NONE,
    }
}

impl Flight {
    pub fn new(hello: &Hello, entry: &Entry) -> Self {
        Self::start(hello, Some(entry))
    }

    /// Hello alone.
    pub(super) fn greeting(hello: &Hello) -> Self {
        Self::start(hello, None)
    }

    fn start(hello: &Hello, entry: Option<&Entry>) -> Self {
        let mut handshake = ClientHandshake::new();
        let first = handshake.start(hello, entry);
        Self {
            handshake,
            bytes: BytesMut::from(&first[..]),
            requests: Vec::new(),
        }
    }

    /// A request behind the entry; the number that its reply will carry. Behind a refused entry it
    /// is refused too. Keep them few and small: bodies above 4 KiB are not taken yet.
    pub fn request<B: Body>(&mut self, body: &B) -> u32 {
        let request = self.handshake.next_request();
        self.bytes.extend_from_slice(&frame::encode(request, body));
        self.requests.push(request);
        request
    }
}
