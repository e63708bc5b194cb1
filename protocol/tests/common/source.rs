//! Random values of every wire type, within the bounds that a receiver checks.

use parlor_protocol::account::*;
use parlor_protocol::bus::*;
use parlor_protocol::hello::*;
use parlor_protocol::message::*;
use parlor_protocol::room::*;
use parlor_protocol::signal::*;
use parlor_protocol::sync::*;
use parlor_protocol::{Code, Epoch, Extensions, Refusal, RoomId, SendKey, SessionId, UserId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Where random values come from: the same seed and size give the same values.
pub struct Source {
    rng: ChaCha8Rng,
    /// Elements of the longest list.
    size: usize,
}

impl Source {
    pub fn new(seed: u64, size: usize) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, size }
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    fn text(&mut self, chars: usize) -> String {
        const SOME: &[char] = &['a', 'Z', '7', ' ', '\n', 'é', 'ß', '字', '🎈', '\u{202e}'];
        let count = self.below(chars + 1);
        (0..count).map(|_| SOME[self.below(SOME.len())]).collect()
    }

    /// A text long enough for every way to write its length but the longest.
    fn long_text(&mut self) -> String {
        match self.below(4) {
            0 => "x".repeat(250 + self.below(4)),
            1 => self.text(200),
            _ => self.text(self.size * 2),
        }
    }

    fn pins(&mut self) -> Vec<[u8; 32]> {
        (0..self.below(5)).map(|_| Sample::sample(self)).collect()
    }

    fn page_limit(&mut self) -> u16 {
        self.below(201) as u16
    }
}

/// A random value of a wire type.
pub trait Sample {
    fn sample(source: &mut Source) -> Self;
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl Sample for $int {
            /// Small ones, the edges of each way to write an integer, and any.
            fn sample(source: &mut Source) -> Self {
                const EDGES: [u64; 8] = [0, 250, 251, 255, 0xffff, 0x1_0000, 0xffff_ffff, 1 << 32];
                match source.below(3) {
                    0 => source.below(250) as $int,
                    1 => EDGES[source.below(EDGES.len())] as $int,
                    _ => source.rng.random(),
                }
            }
        }
    )*};
}
integers!(u16, u32, u64);

impl Sample for u8 {
    fn sample(source: &mut Source) -> Self {
        source.rng.random()
    }
}

impl Sample for bool {
    fn sample(source: &mut Source) -> Self {
        source.rng.random()
    }
}

impl Sample for String {
    fn sample(source: &mut Source) -> Self {
        source.text(12)
    }
}

impl<const N: usize> Sample for [u8; N] {
    fn sample(source: &mut Source) -> Self {
        std::array::from_fn(|_| Sample::sample(source))
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source) -> Self {
        bool::sample(source).then(|| T::sample(source))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(source: &mut Source) -> Self {
        let count = source.below(source.size + 1);
        (0..count).map(|_| T::sample(source)).collect()
    }
}

impl Sample for Extensions {
    fn sample(source: &mut Source) -> Self {
        let mut extensions = Extensions::NONE;
        for _ in 0..source.below(3) {
            let tag = Sample::sample(source);
            extensions.push(tag, Sample::sample(source)).unwrap();
        }
        extensions
    }
}

macro_rules! wrapped {
    ($($outer:ident),* $(,)?) => {$(
        impl Sample for $outer {
            fn sample(source: &mut Source) -> Self {
                Self(Sample::sample(source))
            }
        }
    )*};
}
wrapped! {
    Code, Epoch, MessageState, Password, Place, PresenceState, Role, RoomId, RoomKind, SendKey,
    SessionId, Timeline, Token, UserId,
}

/// Structs by their fields; `field = how` where any value of the type is not good enough.
macro_rules! structs {
    ($($name:ident { $($field:ident $(= $how:expr)?),* $(,)? })*) => {$(
        impl Sample for $name {
            fn sample(source: &mut Source) -> Self {
                Self { $($field: structs!(@ source $(, $how)?),)* }
            }
        }
    )*};
    (@ $source:ident) => { Sample::sample($source) };
    (@ $source:ident, $how:expr) => { $how($source) };
}

structs! {
    Refusal { code, text = Source::long_text, retry_after_ms, ext }
    Hello { minor_oldest, minor_newest, features, body_bytes, client, clock_ms, epoch, ext }
    Welcome {
        minor, features, body_bytes, text_bytes, epoch, installation, nodes, pins = Source::pins,
        clock_ms, heartbeat_ms, idle_ms, registration, ext,
    }
    Node { address, load }
    LogIn { name, password, device, ext }
    Register { code, name, display_name, password, device, ext }
    Enter { token, ext }
    Entered { user, name, display_name, administrator, session, token, ext }
    GoAway { retry_min_ms, retry_max_ms, nodes, reason, ext }
    Goodbye { ext }
    Ping { opaque, ext }
    Pong { opaque, clock_ms, ext }
    Done { ext }
    LogOut { ext }
    ListSessions { ext }
    Sessions { sessions, ext }
    Session { id, device, made_at_ms, seen_at_ms, address, current }
    RevokeSession { session, ext }
    ChangePassword { old, new, ext }
    CreateInvite { rooms, uses, life_ms, ext }
    Invite { code, link, expires_at_ms, ext }
    RedeemInvite { code, ext }
    Redeemed { rooms, ext }
    FindPeople { ids, names, ext }
    People { people, ext }
    Person { id, name, display_name }
    RoomSummary {
        room, kind, name, topic, direct_with, role, members, head, floor, rev, visible_from, read,
        unread_gone, ext,
    }
    Head { room, head, rev }
    CreateRoom { send_key, kind, name, topic, ext }
    OpenDirect { send_key, with, ext }
    JoinRoom { send_key, room, name, ext }
    LeaveRoom { send_key, room, ext }
    AddMember { send_key, room, user, ext }
    RemoveMember { send_key, room, user, ext }
    SetRole { send_key, room, user, role, ext }
    SetTopic { send_key, room, topic, ext }
    RoomDone { room, rev, ext }
    ListRooms { after, limit = Source::page_limit, ext }
    Rooms { rooms, more, ext }
    RoomListing { room, name, topic, members, joined }
    ListMembers { room, after, limit = Source::page_limit, ext }
    Members { room, members, more, ext }
    Member { person, role, online }
    Message {
        timeline, seq, author, at_ms, send_key, state, text = Source::long_text, long, ext,
    }
    LongText { bytes, hash }
    Post { room, timeline, send_key, after, text = Source::long_text, long, ext }
    Posted { seq, rev, at_ms, ext }
    GetPage { room, timeline, place, seq, limit = Source::page_limit, ext }
    Page { room, timeline, floor, head, as_of, messages, ext }
    Mark { room, timeline, seq, ext }
    PutText { room, long, ext }
    GetText { room, timeline, seq, ext }
    Text { long, ext }
    Entry { rev, kind, body }
    MemberEntry { user, role, name, display_name, ext }
    DetailsEntry { name, topic, floor, members, ext }
    RoomGone { room, ext }
    Marker { room, timeline, seq, unread_gone, ext }
    RoomBatch { room, before, rev, entries, ext }
    UserBatch { before, rev, entries, ext }
    Heads { heads, ext }
    Behind { head, ext }
    OpenRoom { room, since, page, ext }
    RoomOpened { summary, changes, page, ext }
    CloseRoom { room, ext }
    GetChanges { room, since, ext }
    RoomChanges { room, since, through, rev, head, floor, reset, entries, ext }
    SyncUser { since, ext }
    UserChanges { since, through, rev, reset, entries, heads, ext }
    Typing { room, on, ext }
    TypingDigest { room, people, ext }
    Presence { state, ext }
    PresenceDigest { room, online, complete, people, ext }
    PersonPresence { user, state }
    NodeBatch { head, before, direct, joined, left, frame, ext }
    NodeUserBatch { user, before, rev, frame, ext }
    SessionsEnded { user, sessions, but, code, ext }
    NodePresence { room, online, complete, people, asks, ext }
    NodeTyping { room, user, on, ext }
}
