//! Pages: row = seq, so every place of a timeline is a range of seqs, worked out in the same
//! statement, and so in the same snapshot, that reads it.

use std::collections::VecDeque;

use futures_util::TryStreamExt;
use parlor_protocol::limit::{PAGE_MESSAGES, PAGE_TEXT_BYTES};
use parlor_protocol::message::{Message, Page, Place, Timeline};
use parlor_protocol::{Extensions, RoomId};
use sqlx::PgPool;
use sqlx::Row;

use super::error::from_sqlx;
use super::message::{self, message_columns};
use super::value::{int, number};
use crate::store::Result;

/// A statement for one place: the lowest and the highest seq wanted, and which end comes first.
/// Parameters: room, timeline, first visible seq, seq, limit. A thread is as visible as its root.
macro_rules! page_sql {
    ($low:literal, $high:literal, $order:literal) => {
        concat!(
            "WITH place AS (
                SELECT r.id, r.rev, CASE WHEN $2 = 0 THEN r.head ELSE coalesce(t.head, 0) END AS head,
                    CASE WHEN $2 = 0 THEN r.floor ELSE coalesce(t.floor, 1) END AS floor,
                    CASE WHEN $2 = 0 THEN greatest(r.floor, $3) WHEN $2 >= $3 THEN coalesce(t.floor, 1)
                        ELSE coalesce(t.head, 0) + 1 END AS first
                FROM rooms r LEFT JOIN timelines t ON t.room = r.id AND t.root = $2
                WHERE r.room = $1),
            span AS (SELECT *, ",
            $low,
            " AS low, ",
            $high,
            " AS high FROM place)
            SELECT p.floor, p.head, p.rev, ",
            message_columns!(),
            " FROM span p LEFT JOIN messages m ON m.room = p.id AND m.timeline = $2
                AND m.seq BETWEEN greatest(p.low, p.first) AND p.high
            ORDER BY m.seq ",
            $order
        )
    };
}

const NEWEST: &str = page_sql!("head - $5 + 1 + 0 * $4", "head", "DESC");
const BEFORE: &str = page_sql!(
    "least($4, head + 1) - $5",
    "least($4, head + 1) - 1",
    "DESC"
);
const FROM: &str = page_sql!("greatest($4, first)", "greatest($4, first) + $5 - 1", "ASC");
// Half before; what one side lacks, the other one gets.
const AROUND: &str = page_sql!(
    "greatest(least($4 - $5 / 2, head - $5 + 1), first)",
    "greatest(least($4 - $5 / 2, head - $5 + 1), first) + $5 - 1",
    "ASC"
);

#[allow(clippy::too_many_arguments)]
pub(super) async fn page(
    readers: &PgPool,
    room: RoomId,
    timeline: Timeline,
    place: Place,
    seq: u64,
    limit: u16,
    visible_from: u64,
) -> Result<Page> {
    let (sql, seq, backwards) = match place {
        Place::BEFORE => (BEFORE, seq, true),
        Place::AFTER => (FROM, seq.saturating_add(1), false),
        Place::FROM => (FROM, seq, false),
        Place::AROUND => (AROUND, seq, false),
        _ => (NEWEST, 0, true),
    };
    let limit = limit.clamp(1, PAGE_MESSAGES);
    // Far outside of any timeline, and far from the end of the database's numbers.
    let seq = seq.min(1 << 53);
    let mut rows = sqlx::query(sql)
        .bind(room.0.to_vec())
        .bind(int(timeline.0))
        .bind(int(visible_from.min(1 << 53)))
        .bind(int(seq))
        .bind(i64::from(limit))
        .fetch(readers);
    let mut page = Page {
        room,
        timeline,
        floor: 1,
        head: 0,
        as_of: 0,
        messages: Vec::new(),
        ext: Extensions::NONE,
    };
    let mut kept = Kept {
        messages: VecDeque::new(),
        bytes: 0,
        around: (place == Place::AROUND).then_some(seq),
    };
    while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
        (page.floor, page.head, page.as_of) =
            (number(&row, 0)?, number(&row, 1)?, number(&row, 2)?);
        let empty: Option<i64> = row.try_get(3).map_err(from_sqlx)?;
        if empty.is_none() || !kept.take(message::read(&row, 3)?) {
            break;
        }
    }
    page.messages = kept.messages.into();
    if backwards {
        page.messages.reverse();
    }
    Ok(page)
}

/// Messages kept within the bytes of one page, without a gap.
struct Kept {
    messages: VecDeque<Message>,
    bytes: usize,
    /// The seq that must be among them.
    around: Option<u64>,
}

impl Kept {
    /// Takes the next one; `false` when the page is full. Around a seq, what lies furthest before
    /// it makes room.
    fn take(&mut self, message: Message) -> bool {
        self.bytes += message.text.len();
        let past = self.around.is_none_or(|seq| message.seq > seq);
        if self.bytes > PAGE_TEXT_BYTES && past && !self.messages.is_empty() {
            return false;
        }
        self.messages.push_back(message);
        while self.bytes > PAGE_TEXT_BYTES && self.messages.len() > 1 {
            self.bytes -= self.messages.pop_front().map_or(0, |gone| gone.text.len());
        }
        true
    }
}
