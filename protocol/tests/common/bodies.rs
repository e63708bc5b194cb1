//! Every body there is, for tests that go over all of them.

use bytes::Bytes;
use parlor_protocol::frame::{self, Frame, FrameError, FrameReader};
use parlor_protocol::limit::BODY_BYTES;
use parlor_protocol::{Body, Refusal, account, bus, hello, message, room, signal, sync};

/// Calls a macro with the list of all bodies; a test holds it to `Kind::TABLE`.
macro_rules! every_body {
    ($with:ident) => {
        $with! {
            Refusal, hello::Done, hello::Hello, hello::Welcome, hello::LogIn, hello::Register,
            hello::Enter, hello::Entered, hello::GoAway, hello::Goodbye, hello::Ping, hello::Pong,
            account::LogOut, account::ListSessions, account::Sessions, account::RevokeSession,
            account::ChangePassword, account::CreateInvite, account::Invite,
            account::RedeemInvite, account::Redeemed, account::FindPeople, account::People,
            room::CreateRoom, room::OpenDirect, room::JoinRoom, room::LeaveRoom, room::AddMember,
            room::RemoveMember, room::SetRole, room::SetTopic, room::RoomDone, room::ListRooms,
            room::Rooms, room::ListMembers, room::Members,
            message::Post, message::Posted, message::GetPage, message::Page, message::Mark,
            message::PutText, message::GetText, message::Text,
            sync::OpenRoom, sync::RoomOpened, sync::CloseRoom, sync::GetChanges,
            sync::RoomChanges, sync::SyncUser, sync::UserChanges, sync::RoomBatch, sync::Heads,
            sync::UserBatch, sync::Behind,
            signal::Typing, signal::TypingDigest, signal::Presence, signal::PresenceDigest,
            bus::NodeBatch, bus::NodeUserBatch, bus::SessionsEnded, bus::NodePresence,
            bus::NodeTyping,
        }
    };
}

/// Opens a frame as what it says it is and encodes that again; `None` for a type unknown here.
pub fn reopen(frame: &Frame) -> Option<Result<Bytes, FrameError>> {
    macro_rules! by_kind {
        ($($body:ty,)*) => {
            match frame.header.kind {
                $(kind if kind == <$body>::KIND => Some(
                    frame
                        .open::<$body>()
                        .map(|body| frame::encode(frame.header.request, &body)),
                ),)*
                _ => None,
            }
        };
    }
    every_body!(by_kind)
}

/// Opens a frame as what it says it is and drops what it held: whether that went well, `None` for
/// a type unknown here.
pub fn opens(frame: &Frame) -> Option<bool> {
    macro_rules! by_kind {
        ($($body:ty,)*) => {
            match frame.header.kind {
                $(kind if kind == <$body>::KIND => Some(frame.open::<$body>().is_ok()),)*
                _ => None,
            }
        };
    }
    every_body!(by_kind)
}

/// The one frame in some bytes; panics when there is not exactly one.
pub fn one_frame(bytes: impl Into<Bytes>) -> Frame {
    let mut reader = FrameReader::new();
    reader.feed(bytes.into());
    let frame = reader.next(BODY_BYTES).unwrap().expect("a whole frame");
    assert_eq!(reader.buffered_bytes(), 0, "bytes follow the frame");
    frame
}

/// Opens the room or user entries that a frame carries, whatever they hold.
pub fn open_entries(frame: &Frame) {
    let entries = match frame.header.kind {
        kind if kind == sync::RoomBatch::KIND => frame.open().map(|it: sync::RoomBatch| it.entries),
        kind if kind == sync::UserBatch::KIND => frame.open().map(|it: sync::UserBatch| it.entries),
        kind if kind == sync::RoomChanges::KIND => {
            frame.open().map(|it: sync::RoomChanges| it.entries)
        }
        kind if kind == sync::UserChanges::KIND => {
            frame.open().map(|it: sync::UserChanges| it.entries)
        }
        _ => return,
    };
    for entry in entries.into_iter().flatten() {
        let _ = entry.open_room();
        let _ = entry.open_user();
    }
}
