//! Read markers: one call of a function of the database each.

use parlor_protocol::message::Timeline;
use parlor_protocol::sync::{Entry, Marker};
use parlor_protocol::{Extensions, RoomId, UserId};
use sqlx::PgPool;

use super::error::from_sqlx;
use super::value::{int, number};
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
    let rev = number(&row, 1)?;
    let marker = Marker {
        room,
        timeline,
        seq: number(&row, 0)?,
        unread_gone: number(&row, 2)?,
        ext: Extensions::NONE,
    };
    let moved = UserAppended {
        user,
        before: rev - 1,
        rev,
        entries: vec![Entry::user_marker(rev, &marker)],
    };
    Ok(Some((moved, marker)))
}
