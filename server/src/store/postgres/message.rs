//! A message's columns, read in one order everywhere.

use parlor_protocol::Extensions;
use parlor_protocol::message::{LongText, Message, MessageState, Timeline};
use sqlx::postgres::PgRow;

use super::error::damaged;
use super::value::{byte, number, optional_fixed, optional_number, send_key, text, user};
use crate::store::Result;

/// The columns that [`read`] expects, of `messages m`, as a literal to build statements from.
macro_rules! message_columns {
    () => {
        "m.timeline, m.seq, m.author, m.at, m.send_key, m.state, m.text, m.long_bytes, m.long_hash"
    };
}
pub(super) use message_columns;

/// The message that begins at column `first`.
pub(super) fn read(row: &PgRow, first: usize) -> Result<Message> {
    let long = match (
        optional_number(row, first + 7)?,
        optional_fixed(row, first + 8)?,
    ) {
        (Some(bytes), Some(hash)) => Some(LongText {
            bytes: u32::try_from(bytes).map_err(|_| damaged("a length"))?,
            hash,
        }),
        _ => None,
    };
    Ok(Message {
        timeline: Timeline(number(row, first)?),
        seq: number(row, first + 1)?,
        author: user(row, first + 2)?,
        at_ms: number(row, first + 3)?,
        send_key: send_key(row, first + 4)?,
        state: MessageState(byte(row, first + 5)?),
        text: text(row, first + 6)?,
        long,
        ext: Extensions::NONE,
    })
}
