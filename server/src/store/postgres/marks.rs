//! Read markers: one call of a function of the database each.

use parlor_protocol::message::Timeline;
use parlor_protocol::sync::Marker;
use parlor_protocol::{RoomId, UserId};
use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::{Columns, int};
use crate::store::shared::own::Moved;
use crate::store::{Result, UserAppended};

pub(super) async fn mark(
    pool: &PgPool,
    user: UserId,
    room: RoomId,
    timeline: Timeline,
    seq: u64,
) -> Result<Option<(UserAppended, Marker)>> {
    let row =
        sqlx::query("SELECT moved_seq, moved_rev, moved_gone FROM move_marker($1, $2, $3, $4)")
            .bind(user.0)
            .bind(room.0)
            .bind(int(timeline.0))
            .bind(int(seq))
            .fetch_optional(pool)
            .await
            .map_err(from_sqlx)?;
    let Some(row) = row else { return Ok(None) };
    let moved = Moved {
        user,
        room,
        timeline,
        seq: row.number(0)?,
        rev: row.number(1)?,
        gone: row.number(2)?,
    };
    Ok(Some(moved.told()))
}
