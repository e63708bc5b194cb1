//! The type table: every frame type's number, name and rules. Numbers are never reused.

use std::fmt;

use crate::codec::{Decode, DecodeError, Encode};
use crate::frame::{FLAG_CRITICAL, Header};

/// A frame's type. An open set: unknown numbers are skipped unless flagged critical.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

/// A body with its place in the type table. The bytes of a (kind, revision) are frozen.
pub trait Body: Encode + Decode<()> {
    const KIND: Kind;
    const REVISION: u8 = 1;

    /// Bounds that decoding alone does not check.
    fn check(&self) -> Result<(), DecodeError>;

    /// The header of such a frame. Requests are critical: silence would leave the asker waiting.
    fn header(request: u32, flags: u8) -> Header {
        let critical = if request != 0 && Self::KIND.is_request() {
            FLAG_CRITICAL
        } else {
            0
        };
        Header {
            kind: Self::KIND,
            revision: Self::REVISION,
            flags: flags | critical,
            request,
        }
    }
}

/// Who sends a type, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Client to server, answered by one frame with the same request number.
    Request,
    /// Server to client, answers a request.
    Reply,
    /// Server to client, unasked, on the push stream or the control stream.
    Push,
    /// Either way, unasked, on the control stream.
    Control,
    /// Either way, in a datagram; may be dropped.
    Signal,
    /// From one node to the others of its cluster, over the bus. No client sends or receives it.
    Node,
}

macro_rules! kinds {
    ($($number:literal $name:ident $way:ident $doc:literal;)*) => {
        impl Kind {
            $(#[doc = $doc] pub const $name: Kind = Kind($number);)*

            /// Every type there is: number, name, way, meaning.
            pub const TABLE: &'static [(Kind, &'static str, Way, &'static str)] =
                &[$((Kind($number), stringify!($name), Way::$way, $doc),)*];
        }
    };
}

kinds! {
    0x0001 REFUSED Reply "The request was refused: code, text, when to retry.";
    0x0002 DONE Reply "The request was done; nothing to tell.";
    0x0010 HELLO Request "First frame of a link: versions, features, limits, clock.";
    0x0011 WELCOME Reply "Answer to hello: epoch, nodes, pins, limits, clock.";
    0x0012 LOG_IN Request "Enter by name and password; makes a session.";
    0x0013 REGISTER Request "Make an account, by invite or where registration is open.";
    0x0014 ENTER Request "Enter by the token of a session.";
    0x0015 ENTERED Reply "Who you are now, and a new token when there is one.";
    0x0016 GO_AWAY Control "The server will end this link: connect elsewhere within a window.";
    0x0017 GOODBYE Control "The sender ends this link now.";
    0x0018 PING Request "Are you there?";
    0x0019 PONG Reply "Here.";
    0x0100 LOG_OUT Request "End this session.";
    0x0101 LIST_SESSIONS Request "List one's own sessions.";
    0x0102 SESSIONS Reply "One's own sessions.";
    0x0103 REVOKE_SESSION Request "End another session of one's own.";
    0x0104 CHANGE_PASSWORD Request "Change one's password; ends other sessions.";
    0x0105 CREATE_INVITE Request "Make a join code.";
    0x0106 INVITE Reply "The join code made.";
    0x0107 REDEEM_INVITE Request "Join what a code opens, with an account one has.";
    0x0108 REDEEMED Reply "The rooms joined by a code.";
    0x0109 FIND_PEOPLE Request "People by id or by exact name.";
    0x010A PEOPLE Reply "Profiles.";
    0x0200 CREATE_ROOM Request "Make a room.";
    0x0201 OPEN_DIRECT Request "Make or find the direct room with a person.";
    0x0202 JOIN_ROOM Request "Join a public room by id or name.";
    0x0203 LEAVE_ROOM Request "Leave a room.";
    0x0204 ADD_MEMBER Request "Invite a person into a room.";
    0x0205 REMOVE_MEMBER Request "Remove a person from a room.";
    0x0206 SET_ROLE Request "Change a member's role.";
    0x0207 SET_TOPIC Request "Change a room's topic.";
    0x0208 ROOM_DONE Reply "A change of a room was committed.";
    0x0209 LIST_ROOMS Request "A page of the directory of public rooms.";
    0x020A ROOMS Reply "A page of the directory.";
    0x020B LIST_MEMBERS Request "A page of a room's members.";
    0x020C MEMBERS Reply "A page of members.";
    0x0300 POST Request "Send a message.";
    0x0301 POSTED Reply "The message was committed.";
    0x0302 GET_PAGE Request "A page of messages before, after or around a seq.";
    0x0303 PAGE Reply "A page of messages.";
    0x0304 MARK Request "Move one's read marker.";
    0x0305 PUT_TEXT Request "On a bulk stream: upload the bytes of a long text, which follow the frame.";
    0x0306 GET_TEXT Request "On a bulk stream: download a long text; its bytes follow the reply.";
    0x0307 TEXT Reply "On a bulk stream: so many bytes of text follow.";
    0x0400 OPEN_ROOM Request "Receive a room at full depth, and what changed since a rev.";
    0x0401 ROOM_OPENED Reply "The room, its changes, perhaps its newest page.";
    0x0402 CLOSE_ROOM Request "Receive only heads of a room.";
    0x0403 GET_CHANGES Request "What changed in a room since a rev.";
    0x0404 CHANGES Reply "What changed.";
    0x0405 SYNC_USER Request "What changed for the person since a user rev, and all heads.";
    0x0406 USER_CHANGES Reply "What changed for the person.";
    0x0407 ROOM_BATCH Push "Entries of one room, in rev order.";
    0x0408 HEADS Push "Heads of rooms that are not open, coalesced.";
    0x0409 USER_BATCH Push "Entries of the person's own rev.";
    0x040A BEHIND Push "This link lost batches of a room: pull from where you are.";
    0x0500 TYPING Signal "The sender is typing in a room, or stopped.";
    0x0501 TYPING_DIGEST Signal "Who is typing in a room.";
    0x0502 PRESENCE Signal "The sender is active or away.";
    0x0503 PRESENCE_DIGEST Signal "Who is online in a room.";
    0x0F00 NODE_BATCH Node "Entries of one room that a node has committed.";
    0x0F01 NODE_USER_BATCH Node "Entries of a person's own rev that a node has committed.";
    0x0F02 SESSIONS_ENDED Node "Sessions have ended: so do their links on every node.";
    0x0F03 NODE_PRESENCE Node "Who of a node's links is online in a room.";
    0x0F04 NODE_TYPING Node "Who began or stopped typing at a node.";
}

impl Kind {
    /// The table's name, `None` for a type unknown here.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// How the type travels, `None` for a type unknown here.
    pub fn way(self) -> Option<Way> {
        self.row().map(|row| row.2)
    }

    pub(crate) fn is_request(self) -> bool {
        self.way() == Some(Way::Request)
    }

    fn row(self) -> Option<&'static (Kind, &'static str, Way, &'static str)> {
        Self::TABLE
            .binary_search_by_key(&self, |row| row.0)
            .ok()
            .map(|at| &Self::TABLE[at])
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN_{:04X}", self.0),
        }
    }
}

/// Declares bodies: which kind they are, and which bounds they check.
macro_rules! bodies {
    ($($body:ty = $kind:ident $(, |$this:ident| $check:expr)?;)*) => {
        $(impl $crate::kind::Body for $body {
            const KIND: $crate::kind::Kind = $crate::kind::Kind::$kind;
            fn check(&self) -> Result<(), $crate::codec::DecodeError> {
                self.ext.check()?;
                $(let $this = self; $check?;)?
                Ok(())
            }
        })*
    };
}
pub(crate) use bodies;

/// Refuses a list or text above its bound.
pub(crate) fn at_most(what: &'static str, count: usize, bound: usize) -> Result<(), DecodeError> {
    if count <= bound {
        Ok(())
    } else {
        Err(DecodeError::Bound { what, bound })
    }
}
