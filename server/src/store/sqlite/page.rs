//! Pages: row = seq, so every place of a timeline is a range of seqs, worked out in the same
//! statement, and so in the same snapshot, that reads it.

use futures_util::TryStreamExt;
use parlor_protocol::message::Page;
use sqlx::SqlitePool;

use super::error::from_sqlx;
use super::value::int;
use crate::store::Result;
use crate::store::shared::page::{Asked, Kind, PageReply};
use crate::store::shared::rows::message_columns;

/// A statement for one place: the lowest and the highest seq wanted, and which end comes first.
/// Parameters: room, timeline, first visible seq, seq, limit. A thread is as visible as its root.
macro_rules! page_sql {
    ($low:literal, $high:literal, $order:literal) => {
        concat!(
            "WITH place AS (
                SELECT r.id, r.rev, iif(?2 = 0, r.head, coalesce(t.head, 0)) AS head,
                    iif(?2 = 0, r.floor, coalesce(t.floor, 1)) AS floor,
                    CASE WHEN ?2 = 0 THEN max(r.floor, ?3) WHEN ?2 >= ?3 THEN coalesce(t.floor, 1)
                        ELSE coalesce(t.head, 0) + 1 END AS first
                FROM rooms r LEFT JOIN timelines t ON t.room = r.id AND t.root = ?2
                WHERE r.room = ?1),
            range AS (SELECT *, ",
            $low,
            " AS low, ",
            $high,
            " AS high FROM place)
            SELECT p.floor, p.head, p.rev, ",
            message_columns!(),
            " FROM range p LEFT JOIN messages m ON m.room = p.id AND m.timeline = ?2
                AND m.seq BETWEEN max(p.low, p.first) AND p.high
            ORDER BY m.seq ",
            $order
        )
    };
}

const NEWEST: &str = page_sql!("head - ?5 + 1 + 0 * ?4", "head", "DESC");
const BEFORE: &str = page_sql!("min(?4, head + 1) - ?5", "min(?4, head + 1) - 1", "DESC");
const FROM: &str = page_sql!("max(?4, first)", "max(?4, first) + ?5 - 1", "ASC");
// Half before; what one side lacks, the other one gets.
const AROUND: &str = page_sql!(
    "max(min(?4 - ?5 / 2, head - ?5 + 1), first)",
    "max(min(?4 - ?5 / 2, head - ?5 + 1), first) + ?5 - 1",
    "ASC"
);

pub(super) async fn page(readers: &SqlitePool, asked: Asked) -> Result<Page> {
    let range = asked.range();
    let sql = match range.kind {
        Kind::Newest => NEWEST,
        Kind::Before => BEFORE,
        Kind::From => FROM,
        Kind::Around => AROUND,
    };
    let mut rows = sqlx::query(sql)
        .bind(asked.room.0.to_vec())
        .bind(int(asked.timeline.0))
        .bind(range.visible_from)
        .bind(range.seq)
        .bind(range.limit)
        .fetch(readers);
    let mut reply = PageReply::new(&asked);
    while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
        if !reply.take(&row)? {
            break;
        }
    }
    Ok(reply.finish())
}
