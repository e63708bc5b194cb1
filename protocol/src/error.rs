//! Numbered errors with a name and a text for people, from one table.

use std::fmt;

use crate::codec::{Decode, Encode};
use crate::extension::Extensions;
use crate::kind::{at_most, bodies};
use crate::limit::REFUSAL_TEXT_BYTES;

/// Why a request was refused. An open set of numbers that are never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Code(pub u16);

/// The answer to a request that was not done. Nothing of the request took effect.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    pub code: Code,
    /// What happened and what to do, for people, in English.
    pub text: String,
    /// When to try again, ms from now; 0 when trying again does not help or may be done at once.
    pub retry_after_ms: u32,
    pub ext: Extensions,
}

bodies! { Refusal = REFUSED, |it| at_most("the text", it.text.len(), REFUSAL_TEXT_BYTES); }

macro_rules! codes {
    ($($number:literal $name:ident $text:literal;)*) => {
        impl Code {
            $(#[doc = $text] pub const $name: Code = Code($number);)*

            /// Every code: number, name, text.
            pub const TABLE: &'static [(Code, &'static str, &'static str)] =
                &[$((Code($number), stringify!($name), $text),)*];
        }
    };
}

codes! {
    1 MALFORMED "The request could not be read; update the program that sent it.";
    2 UNSUPPORTED "This server does not know that request; update the server or use an older client.";
    3 TOO_LARGE "The request is too large.";
    4 NOT_ENTERED "Log in first.";
    5 BUSY "The server is busy; try again in a moment.";
    6 RATE_LIMITED "Too many requests; wait before the next one.";
    7 INTERNAL "Something failed in the server; it is in its log. Try again.";
    8 GOING_AWAY "This server is shutting down; connect again.";
    9 TIMED_OUT "The server could not answer in time; try again.";
    10 VERSION "No common protocol version; update the older of the two programs.";
    11 UNEXPECTED "That request has no place here.";
    12 LIMIT "A limit of this server was reached.";
    20 BAD_LOG_IN "The name or the password is wrong.";
    21 SESSION_ENDED "This session has expired or was ended; log in again.";
    22 INVITE_INVALID "This join code is unknown, used up or expired; ask for a new one.";
    23 INVITE_REQUIRED "This server takes new people by join link only; ask a member for one.";
    24 REGISTRATION_CLOSED "This server takes no new people.";
    25 NAME_TAKEN "That name, or one that looks like it, is taken; choose another.";
    26 NAME_INVALID "Names are 2 to 32 letters, digits, '-', '_' or '.', and start with a letter or digit.";
    27 PASSWORD_INVALID "Passwords are 8 to 256 bytes long.";
    28 ACCOUNT_DISABLED "This account is disabled; ask an administrator.";
    29 NOT_ADMINISTRATOR "Only an administrator may do that.";
    40 NOT_FOUND "There is no such room, or you are not in it.";
    41 FORBIDDEN "Your role in this room does not allow that.";
    42 ROOM_NAME_TAKEN "A public room of that name, or one that looks like it, exists; choose another.";
    43 ROOM_NAME_INVALID "Room names are 2 to 64 characters without control characters or line breaks.";
    44 LAST_OWNER "A room keeps at least one owner; make another member owner first.";
    45 NO_SUCH_PERSON "There is no such person here.";
    46 TOPIC_INVALID "Topics are at most 512 characters without control characters.";
    47 TOO_MANY_ROOMS "You are in as many rooms as one person can be; leave one first.";
    48 NOT_FOR_DIRECT "A direct room has no such thing.";
    60 TEXT_TOO_LONG "The message is longer than 1 MB; send it in parts or as a file.";
    61 TEXT_HAS_NUL "The message holds U+0000, which no message may; remove it.";
    62 TEXT_EMPTY "The message is empty.";
    63 OUT_OF_ORDER "An earlier message of this outbox was refused; send that one first.";
    64 SEND_KEY_OLD "The send key is older than 30 days; give the message a new one.";
    65 CLOCK_AHEAD "This device's clock is ahead of the server's; set it right and send again.";
    66 SEND_KEY_REUSED "The send key was used for something else; give this one a new key.";
    67 TEXT_MISSING "The long text of this message was not uploaded; upload it, then send again.";
    80 EPOCH_CHANGED "The installation's data was restored or moved; load everything anew.";
    81 SLOW_MODE "This room is in slow mode; wait before the next message.";
    90 STORAGE_FULL "The server's disk is full; nothing was saved. Tell its operator.";
    91 STORAGE_AWAY "The server's database cannot be reached; nothing was saved. Try again.";
}

impl Code {
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// The table's text, a general one for a code unknown here.
    pub fn text(self) -> &'static str {
        self.row().map_or(
            "The server refused, for a reason that this program is too old to know.",
            |row| row.2,
        )
    }

    /// Whether the same request may succeed later without anyone changing it.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::BUSY
                | Self::RATE_LIMITED
                | Self::INTERNAL
                | Self::GOING_AWAY
                | Self::TIMED_OUT
                | Self::OUT_OF_ORDER
                | Self::SLOW_MODE
                | Self::STORAGE_FULL
                | Self::STORAGE_AWAY
        )
    }

    fn row(self) -> Option<&'static (Code, &'static str, &'static str)> {
        Self::TABLE
            .binary_search_by_key(&self.0, |row| row.0.0)
            .ok()
            .map(|at| &Self::TABLE[at])
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name}({})", self.0),
            None => write!(f, "UNKNOWN({})", self.0),
        }
    }
}

impl Refusal {
    /// With the table's text.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            text: code.text().to_owned(),
            retry_after_ms: 0,
            ext: Extensions::NONE,
        }
    }

    /// With a text that says more than the table's: which thing, which bound. A text above
    /// [`REFUSAL_TEXT_BYTES`] is cut there, since a reader would refuse it.
    pub fn with_text(code: Code, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.truncate(text.floor_char_boundary(REFUSAL_TEXT_BYTES));
        Self {
            text,
            ..Self::new(code)
        }
    }

    pub fn retry_after_ms(mut self, ms: u32) -> Self {
        self.retry_after_ms = ms;
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}
