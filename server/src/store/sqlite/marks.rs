//! Read markers. Many people move theirs at once, so whoever gets the writer takes all that wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use parlor_protocol::message::Timeline;
use parlor_protocol::sync::Marker;
use parlor_protocol::{RoomId, UserId};
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::error::from_sqlx;
use super::load::{self, gone_after, thread_marker};
use super::value::Rows;
use super::writer::{Held, Writer};
use crate::store::shared::own;
use crate::store::{Result, StoreError, UserAppended};

/// Marks of one transaction.
const TOGETHER: usize = 256;

/// Marks that wait for the writer: at most one for each request in flight.
#[derive(Default)]
pub(super) struct Marks(Mutex<Vec<Waiting>>);

struct Waiting {
    mark: Mark,
    moved: oneshot::Sender<Result<Moved>>,
}

type Moved = Option<(UserAppended, Marker)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark {
    user: UserId,
    room: RoomId,
    timeline: Timeline,
    seq: u64,
}

impl Marks {
    fn push(&self, waiting: Waiting) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(waiting);
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(TOGETHER);
        waiting.drain(..count).collect()
    }
}

/// Moves one marker, in one transaction with all others that wait.
pub(super) async fn mark(
    writer: &Arc<Writer>,
    user: UserId,
    room: RoomId,
    timeline: Timeline,
    seq: u64,
) -> Result<Moved> {
    let mark = Mark {
        user,
        room,
        timeline,
        seq,
    };
    let (moved, mut result) = oneshot::channel();
    writer.marks.push(Waiting { mark, moved });
    loop {
        // Whoever comes first moves all; the others find theirs done.
        writer.run_marks().await?;
        match result.try_recv() {
            Ok(result) => return result,
            Err(oneshot::error::TryRecvError::Empty) => {}
            Err(oneshot::error::TryRecvError::Closed) => {
                return Err(StoreError::Away("its writer ended".to_owned()));
            }
        }
    }
}

impl Writer {
    async fn run_marks(self: &Arc<Self>) -> Result<()> {
        let writer = Arc::clone(self);
        self.run(move |held| {
            Box::pin(async move {
                let waiting = writer.marks.take();
                if waiting.is_empty() {
                    return Ok(());
                }
                let (marks, senders): (Vec<_>, Vec<_>) = waiting
                    .into_iter()
                    .map(|waiting| (waiting.mark, waiting.moved))
                    .unzip();
                match move_all(held, &marks).await {
                    Ok(moved) => {
                        for (sender, moved) in senders.into_iter().zip(moved) {
                            let _ = sender.send(Ok(moved));
                        }
                        Ok(())
                    }
                    Err(error) => {
                        held.failed(&error);
                        for sender in senders {
                            let _ = sender.send(Err(match error {
                                StoreError::Full => StoreError::Full,
                                ref other => StoreError::Away(other.to_string()),
                            }));
                        }
                        Ok(())
                    }
                }
            })
        })
        .await
    }
}

async fn move_all(held: &mut Held, marks: &[Mark]) -> Result<Vec<Moved>> {
    let (connection, cache, _) = held.parts().await?;
    let named: Vec<_> = marks.iter().map(|mark| (mark.room, mark.user)).collect();
    load::load_marked_rooms(connection, cache, &named).await?;
    load::load_people(connection, cache, &named).await?;
    load::load_members(connection, cache, &named).await?;
    let mut rows = Rows::new();
    let mut moved = Vec::with_capacity(marks.len());
    let mut count = 0;
    let mut threads: HashMap<(UserId, RoomId, Timeline), u64> = HashMap::new();
    for mark in marks {
        let Some(place) = place(connection, cache, &mut threads, *mark).await? else {
            moved.push(None);
            continue;
        };
        rows.row(
            &[&mark.user.0],
            &[
                place.number.unsigned_abs(),
                mark.timeline.0,
                place.seq,
                place.rev,
            ],
        );
        count += 1;
        let told = own::Moved {
            user: mark.user,
            room: mark.room,
            timeline: mark.timeline,
            seq: place.seq,
            rev: place.rev,
            gone: place.gone,
        };
        moved.push(Some(told.told()));
    }
    if count > 0 {
        write(connection, rows).await?;
        cache.shrink();
        held.wrote(count);
    }
    Ok(moved)
}

struct Place {
    number: i64,
    seq: u64,
    rev: u64,
    gone: u64,
}

/// Where the marker goes and at which rev of the person; `None` where it does not move.
async fn place(
    connection: &mut SqliteConnection,
    cache: &mut super::cache::Cache,
    threads: &mut HashMap<(UserId, RoomId, Timeline), u64>,
    mark: Mark,
) -> Result<Option<Place>> {
    let Mark {
        user,
        room,
        timeline,
        seq,
    } = mark;
    let Some(cached) = cache.room(room) else {
        return Ok(None);
    };
    let (number, gone) = (cached.number, cached.gone);
    let state = &mut cached.state;
    let Some(member) = state.member(user).copied() else {
        return Ok(None);
    };
    let seq = if timeline == Timeline::ROOM {
        let seq = seq.min(state.own.head);
        if seq <= member.read {
            return Ok(None);
        }
        if let Some(member) = state.members.get_mut(&user) {
            member.read = seq;
        }
        seq
    } else {
        if timeline.0 < member.visible_from {
            return Ok(None);
        }
        let seq = seq.min(load::thread_head(connection, number, timeline).await?);
        let key = (user, room, timeline);
        let held = match threads.get(&key) {
            Some(seq) => *seq,
            None => thread_marker(connection, user, number, timeline).await?,
        };
        if seq <= held {
            return Ok(None);
        }
        threads.insert(key, seq);
        seq
    };
    let gone = if gone {
        gone_after(connection, number, timeline, seq).await?
    } else {
        0
    };
    let Some(person) = cache.people.get_mut(&user) else {
        return Ok(None);
    };
    person.rev += 1;
    Ok(Some(Place {
        number,
        seq,
        rev: person.rev,
        gone,
    }))
}

async fn write(connection: &mut SqliteConnection, rows: Rows) -> Result<()> {
    // The same marker may come twice, the greater one last.
    sqlx::query(
        "INSERT INTO markers (user, room, timeline, seq, rev)
         SELECT unhex(value->>0), value->>1, value->>2, value->>3, value->>4 FROM json_each(?) WHERE true
         ON CONFLICT (user, room, timeline) DO UPDATE SET seq = excluded.seq, rev = excluded.rev",
    )
    .bind(rows.finish())
    .execute(connection)
    .await
    .map(drop)
    .map_err(from_sqlx)
}
