//! Messages and pages of them.

use crate::codec::{Decode, DecodeError, Encode, rows};
use crate::extension::Extensions;
use crate::id::{RoomId, SendKey, UserId};
use crate::kind::{at_most, bodies};
use crate::limit::{PAGE_MESSAGES, TEXT_INLINE_BYTES};

/// Which timeline of a room: 0 is the room's own, another number the seq (in the room's own) of
/// the message that a thread hangs from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Timeline(pub u64);

impl Timeline {
    pub const ROOM: Self = Self(0);
}

/// A message in its newest state.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Message {
    pub timeline: Timeline,
    pub seq: u64,
    pub author: UserId,
    /// When it was committed, ms since the Unix epoch; never goes back within a timeline.
    pub at_ms: u64,
    pub send_key: SendKey,
    pub state: MessageState,
    /// The text, or the preview of a long one; empty for a tombstone.
    pub text: String,
    pub long: Option<LongText>,
    pub ext: Extensions,
}

/// An open set: unknown numbers are shown as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MessageState(pub u8);

impl MessageState {
    pub const PLAIN: Self = Self(0);
    pub const EDITED: Self = Self(1);
    /// A tombstone: the message was deleted, its seq stays.
    pub const DELETED: Self = Self(2);
}

/// A text that travels on a bulk stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LongText {
    /// Bytes of UTF-8.
    pub bytes: u32,
    /// SHA-256 of them.
    pub hash: [u8; 32],
}

/// Send a message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Post {
    pub room: RoomId,
    pub timeline: Timeline,
    pub send_key: SendKey,
    /// The send key before this one in the same outbox and room, while that is unacknowledged.
    pub after: Option<SendKey>,
    /// The text; for a long one its preview.
    pub text: String,
    /// Set when the text was uploaded by `PutText` before.
    pub long: Option<LongText>,
    pub ext: Extensions,
}

/// Committed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Posted {
    pub seq: u64,
    pub rev: u64,
    pub at_ms: u64,
    pub ext: Extensions,
}

/// Where a page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Place(pub u8);

impl Place {
    /// The newest messages; `seq` is not looked at.
    pub const NEWEST: Self = Self(0);
    /// Seqs below `seq`, the nearest ones.
    pub const BEFORE: Self = Self(1);
    /// Seqs above `seq`, the nearest ones.
    pub const AFTER: Self = Self(2);
    /// Half before `seq`, the rest from `seq` on.
    pub const AROUND: Self = Self(3);
    /// From `seq` on, `seq` included.
    pub const FROM: Self = Self(4);
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GetPage {
    pub room: RoomId,
    pub timeline: Timeline,
    pub place: Place,
    pub seq: u64,
    /// Messages; at most `PAGE_MESSAGES`.
    pub limit: u16,
    pub ext: Extensions,
}

/// Messages in seq order without a gap. It may end early (by bytes): ask on from there.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Page {
    pub room: RoomId,
    pub timeline: Timeline,
    pub floor: u64,
    pub head: u64,
    /// The room's rev in the snapshot that the page was read in.
    pub as_of: u64,
    pub messages: Vec<Message>,
    pub ext: Extensions,
}

/// Move one's read marker up to `seq`; a lower one than now changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Mark {
    pub room: RoomId,
    pub timeline: Timeline,
    pub seq: u64,
    pub ext: Extensions,
}

/// First frame of a bulk stream; `long.bytes` bytes follow it, then the stream's end.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PutText {
    pub room: RoomId,
    pub long: LongText,
    pub ext: Extensions,
}

/// First frame of a bulk stream; answered by `Text` and so many bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GetText {
    pub room: RoomId,
    pub timeline: Timeline,
    pub seq: u64,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Text {
    pub long: LongText,
    pub ext: Extensions,
}

impl Message {
    /// Bounds of a message wherever it stands.
    pub fn check(&self) -> Result<(), DecodeError> {
        self.ext.check()?;
        at_most("the text", self.text.len(), TEXT_INLINE_BYTES)
    }
}

rows! {
    Message { timeline, seq, author, at_ms, send_key, state, text, long, ext }
}

bodies! {
    Post = POST;
    Posted = POSTED;
    GetPage = GET_PAGE, |it| at_most("the page", it.limit.into(), PAGE_MESSAGES.into());
    Page = PAGE, |it| at_most("the page", it.messages.len(), PAGE_MESSAGES.into())
        .and_then(|()| it.messages.iter().try_for_each(Message::check));
    Mark = MARK;
    PutText = PUT_TEXT;
    GetText = GET_TEXT;
    Text = TEXT;
}
