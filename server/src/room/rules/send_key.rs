//! Send keys: a retry gets its first result, whatever is too old to know is refused.

use parlor_protocol::limit::{CLOCK_AHEAD_MS, SEND_KEY_LIFE_MS};
use parlor_protocol::{Code, Refusal, RoomId, SendKey};
use sha2::{Digest, Sha256};

use crate::store::{Change, Committed, RoomCommand};

/// What is remembered of a command that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// [`fingerprint`] of the command.
    pub what: i64,
    pub committed: Committed,
}

/// Whether an unknown key can be taken: it must be young enough that a row for it would still be
/// remembered, and not from a clock far ahead, whose keys would outlive their rows.
pub(super) fn check_unknown(key: SendKey, now_ms: u64) -> Result<(), Refusal> {
    let made_at_ms = key.made_at_ms().ok_or_else(|| {
        Refusal::with_text(
            Code::MALFORMED,
            "The send key is not a UUIDv7; update the program that sent it.",
        )
    })?;
    if made_at_ms.saturating_add(SEND_KEY_LIFE_MS) < now_ms {
        return Err(Refusal::new(Code::SEND_KEY_OLD));
    }
    if made_at_ms > now_ms.saturating_add(CLOCK_AHEAD_MS) {
        return Err(Refusal::new(Code::CLOCK_AHEAD));
    }
    Ok(())
}

/// Tells commands apart under one key. Kept for 30 days, so its bytes are frozen. A new room's id
/// is left out, since each try makes another, and so is the predecessor, which may have been
/// acknowledged meanwhile.
pub fn fingerprint(command: &RoomCommand) -> i64 {
    let mut bytes = Print(Sha256::new());
    let room = command.room;
    match &command.change {
        Change::Post {
            timeline,
            after: _,
            text,
            long,
        } => {
            bytes.kind(1).room(room).number(timeline.0).text(text);
            if let Some(long) = long {
                bytes.field(&long.hash);
            }
        }
        Change::Create { kind, name, topic } => {
            bytes
                .kind(2)
                .number(kind.0.into())
                .text(&name.shown)
                .text(topic);
        }
        Change::CreateDirect { with } => {
            bytes.kind(3).field(&with.0);
        }
        Change::Join => {
            bytes.kind(4).room(room);
        }
        Change::Leave => {
            bytes.kind(5).room(room);
        }
        Change::Add { user } => {
            bytes.kind(6).room(room).field(&user.0);
        }
        Change::Admit => {
            bytes.kind(7).room(room);
        }
        Change::Remove { user } => {
            bytes.kind(8).room(room).field(&user.0);
        }
        Change::SetRole { user, role } => {
            bytes
                .kind(9)
                .room(room)
                .field(&user.0)
                .number(role.0.into());
        }
        Change::SetTopic { topic } => {
            bytes.kind(10).room(room).text(topic);
        }
    }
    let digest = bytes.0.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}

struct Print(Sha256);

impl Print {
    fn kind(&mut self, kind: u8) -> &mut Self {
        self.field(&[kind])
    }

    fn room(&mut self, room: RoomId) -> &mut Self {
        self.field(&room.0)
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.field(&number.to_be_bytes())
    }

    /// With its length, so that two texts never run together.
    fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64).field(text.as_bytes())
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }
}
