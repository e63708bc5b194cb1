//! The usual batch: posts of members into a room's own timeline, each new. One call of a function of
//! the database, where any other batch takes a dozen statements.

use std::collections::{HashMap, HashSet};

use parlor_protocol::limit::{CLOCK_AHEAD_MS, SEND_KEY_LIFE_MS, TEXT_INLINE_BYTES};
use parlor_protocol::message::Timeline;
use parlor_protocol::room::RoomKind;
use parlor_protocol::sync::Entry;
use parlor_protocol::{RoomId, SendKey, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::super::error::from_sqlx;
use super::super::failure::Failure;
use super::super::value::{Columns, int};
use crate::mutation::{self, Mutation};
use crate::room::rules::{RoomState, fingerprint};
use crate::store::shared::collect::{self, Collect};
use crate::store::shared::columns::damaged;
use crate::store::shared::write::PostRow;
use crate::store::{Change, Committed, ReaderChange, Result, RoomCommand, RoomName};

/// Columns of the function's parameters.
#[derive(Debug, Default)]
pub(super) struct Usual<'a> {
    keys: Vec<[u8; 16]>,
    senders: Vec<[u8; 16]>,
    /// Predecessors that the batch itself does not hold.
    afters: Vec<Option<[u8; 16]>>,
    whats: Vec<i64>,
    texts: Vec<&'a str>,
}

/// The commands as the function takes them; `None` where one of them is unusual by itself.
pub(super) fn usual(commands: &[RoomCommand], now_ms: u64) -> Option<Usual<'_>> {
    if mutation::on(Mutation::NoSendKeys) {
        return None;
    }
    let mut usual = Usual::default();
    let mut here: HashSet<(SendKey, UserId)> = HashSet::new();
    for command in commands {
        let Change::Post {
            timeline: Timeline::ROOM,
            after,
            text,
            long: None,
        } = &command.change
        else {
            return None;
        };
        let made_at_ms = command.send_key.made_at_ms()?;
        let in_time = made_at_ms.saturating_add(SEND_KEY_LIFE_MS) >= now_ms
            && made_at_ms <= now_ms.saturating_add(CLOCK_AHEAD_MS);
        let fits = !text.is_empty() && text.len() <= TEXT_INLINE_BYTES && !text.contains('\0');
        let after = after.filter(|after| !here.contains(&(*after, command.actor)));
        if !in_time || !fits || !here.insert((command.send_key, command.actor)) {
            return None;
        }
        usual.keys.push(command.send_key.0);
        usual.senders.push(command.actor.0);
        usual.afters.push(after.map(|after| after.0));
        usual.whats.push(fingerprint(command));
        usual.texts.push(text);
    }
    Some(usual)
}

/// Appends them all; `None`: nothing was written, the batch is to be decided one by one.
pub(super) async fn append(
    pool: &PgPool,
    room: RoomId,
    commands: &[RoomCommand],
    usual: Usual<'_>,
    now_ms: u64,
) -> std::result::Result<Option<Collect>, Failure> {
    let row = sqlx::query(
        "SELECT was_rev, was_head, is_kind, posted_at, people, was_revs
         FROM append_posts($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(room.0)
    .bind(int(now_ms))
    .bind(usual.keys)
    .bind(usual.senders)
    .bind(usual.afters)
    .bind(usual.whats)
    .bind(usual.texts)
    .fetch_optional(pool)
    .await
    .map_err(|error| match error {
        // It may have taken effect, which only the asker's retry finds out.
        error @ sqlx::Error::Io(_) => Failure::Other(from_sqlx(error)),
        error => error.into(),
    })?;
    let told = row.map(|row| Before::read(&row)).transpose()?;
    Ok(told.map(|before| before.tell(room, commands)).transpose()?)
}

/// What all stood at before the batch.
struct Before {
    rev: u64,
    head: u64,
    kind: RoomKind,
    at_ms: u64,
    revs: HashMap<UserId, u64>,
}

impl Before {
    fn read(row: &PgRow) -> Result<Self> {
        let people: Vec<Vec<u8>> = row.try_get(4).map_err(from_sqlx)?;
        let revs: Vec<i64> = row.try_get(5).map_err(from_sqlx)?;
        let person = |(id, rev): (Vec<u8>, i64)| {
            let id = id.try_into().map_err(|_| damaged("an id"))?;
            let rev = u64::try_from(rev).map_err(|_| damaged("a rev"))?;
            Ok((UserId(id), rev))
        };
        Ok(Self {
            rev: row.number(0)?,
            head: row.number(1)?,
            kind: RoomKind(row.byte(2)?),
            at_ms: row.number(3)?,
            revs: people
                .into_iter()
                .zip(revs)
                .map(person)
                .collect::<Result<_>>()?,
        })
    }

    /// What the batch gives out: the numbers follow one another, as the function wrote them.
    fn tell(mut self, room: RoomId, commands: &[RoomCommand]) -> Result<Collect> {
        let nameless = RoomName {
            shown: String::new(),
            folded: String::new(),
        };
        let mut state = RoomState::new(room, self.kind, nameless, String::new());
        (state.rev, state.own.head) = (self.rev, self.head);
        let mut out = Collect::default();
        for command in commands {
            let Change::Post { text, .. } = &command.change else {
                return Err(damaged("a usual batch"));
            };
            let before = state.rev;
            state.rev += 1;
            state.own.head += 1;
            let author_rev = self
                .revs
                .get_mut(&command.actor)
                .ok_or_else(|| damaged("the senders of a batch"))?;
            *author_rev += 1;
            let row = PostRow {
                // Its number is the database's own affair here.
                room: 0,
                rev: state.rev,
                timeline: Timeline::ROOM,
                seq: state.own.head,
                author: command.actor,
                author_rev: *author_rev,
                at_ms: self.at_ms,
                send_key: command.send_key,
                what: None,
                text: String::new(),
                long: None,
            };
            let entry = Entry::message(row.rev, &collect::message(&row, text.clone()));
            out.marker(room, &row);
            out.room(before, &state, vec![entry], ReaderChange::None);
            out.result(Ok(Committed {
                room,
                rev: row.rev,
                seq: row.seq,
                at_ms: row.at_ms,
                repeated: false,
            }));
        }
        Ok(out)
    }
}
