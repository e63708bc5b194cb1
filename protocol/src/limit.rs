//! Every bound of the wire, with its unit and its reason.

/// Bytes of a frame header, the length field included.
pub const HEADER_BYTES: usize = 12;
/// Bytes of header that the length field counts (type, revision, flags, request).
pub const HEADER_COUNTED_BYTES: usize = HEADER_BYTES - 4;
/// Largest frame body before a session is entered, bytes: a hello and a log-in are far smaller.
pub const BODY_UNENTERED_BYTES: usize = 4 * 1024;
/// Largest frame body that a client takes before it is entered, bytes: a welcome that lists every
/// node it may.
pub const BODY_WELCOME_BYTES: usize = 32 * 1024;
/// Largest frame body of an entered session, bytes as they travel.
pub const BODY_BYTES: usize = 256 * 1024;
/// Largest body after decompression, bytes: four times the wire, so that a bomb stays small.
pub const BODY_PLAIN_BYTES: usize = 4 * BODY_BYTES;
/// Memory that decoding one body may hold, bytes, beside the body itself: text and lists together.
pub const DECODE_BYTES: usize = BODY_PLAIN_BYTES;
/// Bodies above this are compressed when it pays, bytes.
pub const COMPRESS_ABOVE_BYTES: usize = 1024;
/// Text that travels inside its entry, bytes of UTF-8.
pub const TEXT_INLINE_BYTES: usize = 32 * 1024;
/// Longest message text at all, bytes of UTF-8; above inline size it travels on a bulk stream.
pub const TEXT_BYTES: usize = 1024 * 1024;
/// Preview that the entry of a long text carries, bytes of UTF-8.
pub const TEXT_PREVIEW_BYTES: usize = 2 * 1024;
/// Shortest and longest user name, characters.
pub const USER_NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=32;
/// Shortest and longest room name, characters.
pub const ROOM_NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=64;
/// Longest display name, characters.
pub const DISPLAY_NAME_CHARS: usize = 64;
/// Longest topic, characters.
pub const TOPIC_CHARS: usize = 512;
/// Shortest and longest password, bytes: the upper bound keeps hashing cheap to refuse.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=256;
/// Longest name of a device or a client program, bytes.
pub const DEVICE_BYTES: usize = 96;
/// Entries of one catch-up reply; more become a `reset` or a further request.
pub const CHANGES_ENTRIES: usize = 500;
/// Changes behind which a catch-up answers `reset` instead of entries.
pub const RESET_ABOVE_CHANGES: u64 = 2_000;
/// Messages of one page.
pub const PAGE_MESSAGES: u16 = 200;
/// People of one page of members, rooms of one page of the directory.
pub const PAGE_ROWS: u16 = 200;
/// Bytes of text that one page may carry; the page ends early above it.
pub const PAGE_TEXT_BYTES: usize = 192 * 1024;
/// Rooms that a link has at full depth.
pub const OPEN_ROOMS: usize = 64;
/// Rooms that a person can be a member of.
pub const ROOMS_PER_USER: usize = 2_000;
/// Requests of one link that wait for their replies.
pub const REQUESTS_IN_FLIGHT: usize = 64;
/// Extensions in one body.
pub const EXTENSIONS: usize = 16;
/// Bytes of one extension's value.
pub const EXTENSION_BYTES: usize = 4 * 1024;
/// Text of a refusal, bytes of UTF-8: a sentence or three.
pub const REFUSAL_TEXT_BYTES: usize = 1024;
/// Sessions that one person's list names.
pub const SESSIONS: usize = 1_000;
/// Characters (ASCII letters and digits) of a join code.
pub const INVITE_CODE_BYTES: usize = 64;
/// Rooms that a join code opens.
pub const INVITE_ROOMS: usize = 64;
/// Nodes that a welcome lists.
pub const NODES: usize = 64;
/// A node's `host:port`, bytes: the longest host name, a port and some room.
pub const NODE_ADDRESS_BYTES: usize = 300;
/// Pins that a welcome lists: now, next, and two to spare.
pub const PINS: usize = 4;
/// Rooms of one frame of heads.
pub const HEADS: usize = 1_000;
/// People named in one presence digest; a room with more online sends counts only.
pub const PRESENCE_PEOPLE: usize = 100;
/// People named in one typing digest.
pub const TYPING_PEOPLE: usize = 8;
/// Largest datagram that carries a signal, bytes: fits the smallest QUIC path.
pub const SIGNAL_BYTES: usize = 1_100;
/// What names a link on the connections of its bulk transfers over TCP, bytes: not to be guessed.
pub const LINK_TOKEN_BYTES: usize = 32;
/// Bulk transfers of one link at one time, over QUIC and over TCP.
pub const BULK_AT_ONCE: usize = 6;
/// How long a send key is remembered, ms: 30 days after its row, or its making, whichever is later.
pub const SEND_KEY_LIFE_MS: u64 = 30 * 24 * 3600 * 1000;
/// How far a client's clock may be ahead before its send keys are refused, ms.
pub const CLOCK_AHEAD_MS: u64 = 10 * 60 * 1000;
/// Time from the handshake's end to hello, ms.
pub const HELLO_WITHIN_MS: u64 = 5_000;
/// Time from hello to being entered, ms: long enough for a person who types a password.
pub const ENTER_WITHIN_MS: u64 = 120_000;
/// Tries to enter on one link.
pub const ENTER_TRIES: u8 = 5;
/// Heartbeat of server and background clients, and silence after which a link is given up, ms.
pub const HEARTBEAT_MS: u32 = 25_000;
pub const IDLE_MS: u32 = 60_000;
/// People that one frame of the bus names: those who came in by one commit, or are online in a room.
pub const BUS_PEOPLE: usize = 1_000;
/// Sessions that one frame of the bus ends by name.
pub const BUS_SESSIONS: usize = 1_000;
