//! Append: lock, look, decide, write in one transaction for each room, and only then tell.

mod usual;
mod waves;

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::{Code, Refusal, RoomId};
use sqlx::Connection;
use tokio::time::timeout;

use super::Shared;
use super::failure::Failure;
use super::{load, plan};
use crate::store::shared::batch::Batch;
use crate::store::shared::collect::Collect;
use crate::store::shared::split::{halves, refusal};
use crate::store::{Appended, Result, RoomCommand, StoreError};
use waves::{OfRoom, waves};

/// Tries of a transaction that another one, or a lost connection, stood in the way of.
const TRIES: u32 = 5;
/// Pause after the first of them; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest that one transaction may take in all, where the database does not even say no.
const WITHIN: Duration = Duration::from_secs(60);

type Results = Vec<std::result::Result<crate::store::Committed, Refusal>>;

/// Commits the commands: each room's in their order, rooms that do not depend on each other at
/// once.
pub(super) async fn append(shared: &Arc<Shared>, commands: Vec<RoomCommand>) -> Result<Appended> {
    let count = commands.len();
    let mut out = Appended::default();
    let mut results: Vec<Option<_>> = (0..count).map(|_| None).collect();
    let mut failed = None;
    let mut took_effect = false;
    for wave in waves(commands) {
        if failed.is_some() {
            break;
        }
        let running: Vec<_> = wave
            .into_iter()
            .map(
                |OfRoom {
                     room,
                     places,
                     commands,
                 }| { (places, start(shared, room, commands)) },
            )
            .collect();
        for (places, running) in running {
            let ended = running.await;
            match ended.unwrap_or_else(|error| Err(StoreError::Away(error.to_string()))) {
                Ok(appended) => {
                    took_effect = true;
                    out.rooms.extend(appended.rooms);
                    out.users.extend(appended.users);
                    for (place, result) in places.into_iter().zip(appended.results) {
                        results[place] = Some(result);
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
    }
    // Rooms committed in any order; a person's revs say theirs.
    out.users.sort_by_key(|user| user.rev);
    out.results = match failed {
        None => filled(results, &Refusal::new(Code::INTERNAL)),
        Some(error) if took_effect => filled(results, &refusal(&error)),
        Some(error) => return Err(error),
    };
    Ok(out)
}

/// Where some are durable already, the rest is refused one by one.
fn filled(
    results: Vec<Option<std::result::Result<crate::store::Committed, Refusal>>>,
    or: &Refusal,
) -> Results {
    results
        .into_iter()
        .map(|result| result.unwrap_or_else(|| Err(or.clone())))
        .collect()
}

/// A task of its own: a transaction is never cut because its caller went away.
fn start(
    shared: &Arc<Shared>,
    room: RoomId,
    commands: Vec<RoomCommand>,
) -> tokio::task::JoinHandle<Result<Appended>> {
    let shared = Arc::clone(shared);
    tokio::spawn(async move { one_room(&shared, room, commands).await })
}

/// One room's commands. A batch that the database refuses is decided again, then split until the
/// culprit stands alone; the others commit.
async fn one_room(shared: &Shared, room: RoomId, commands: Vec<RoomCommand>) -> Result<Appended> {
    let mut waiting = vec![(commands, false)];
    let mut done: Option<Collect> = None;
    while let Some((batch, again)) = waiting.pop() {
        match tries(shared, room, &batch).await {
            Ok(collect) => done.get_or_insert_default().extend(collect.finish()),
            Err(Failure::Constraint(_)) if !again => waiting.push((batch, true)),
            Err(Failure::Constraint(_)) if batch.len() > 1 => waiting.extend(halves(batch)),
            Err(Failure::Constraint(error)) => {
                tracing::error!(%error, %room, "a command broke a constraint");
                done.get_or_insert_default()
                    .result(Err(Refusal::new(Code::INTERNAL)));
            }
            Err(failure) => {
                let error = failure.into_error();
                let Some(done) = done.as_mut() else {
                    return Err(error);
                };
                waiting.push((batch, again));
                let rest: usize = waiting.drain(..).map(|(batch, _)| batch.len()).sum();
                (0..rest).for_each(|_| done.result(Err(refusal(&error))));
            }
        }
    }
    Ok(done.unwrap_or_default().finish())
}

/// Tries until nothing passing stands in the way, within bounds.
async fn tries(
    shared: &Shared,
    room: RoomId,
    commands: &[RoomCommand],
) -> std::result::Result<Collect, Failure> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match within(attempt(shared, room, commands)).await {
            Err(Failure::Passing(error)) => {
                tracing::debug!(%error, %room, "the batch is tried again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            ended => return ended,
        }
    }
    within(attempt(shared, room, commands)).await
}

async fn within(
    attempt: impl Future<Output = std::result::Result<Collect, Failure>>,
) -> std::result::Result<Collect, Failure> {
    match timeout(WITHIN, attempt).await {
        Ok(ended) => ended,
        Err(_) => Err(Failure::Other(StoreError::TimedOut(
            WITHIN.as_millis() as u64
        ))),
    }
}

async fn attempt(
    shared: &Shared,
    room: RoomId,
    commands: &[RoomCommand],
) -> std::result::Result<Collect, Failure> {
    let now_ms = (shared.clock)();
    if let Some(usual) = usual::usual(commands, now_ms)
        && let Some(out) = usual::append(&shared.appends, room, commands, usual, now_ms).await?
    {
        return Ok(out);
    }
    let mut connection = shared.appends.acquire().await?;
    let mut writing = connection
        .begin_with("BEGIN ISOLATION LEVEL READ COMMITTED")
        .await?;
    let mut looked = load::look(&mut writing, room, commands).await?;
    // Read under the locks, so that a room's times come in its order.
    let now_ms = (shared.clock)();
    let mut batch = Batch::new(
        &mut looked.cache,
        &mut looked.next_room,
        looked.found,
        now_ms,
        commands.len(),
    );
    for command in commands {
        batch.command(command);
    }
    let (writes, _, out) = batch.finish();
    if writes.is_empty() {
        writing.rollback().await?;
        return Ok(out);
    }
    plan::write(&mut writing, writes).await?;
    // From here on a lost connection leaves open whether it took effect: the asker must try again.
    writing
        .commit()
        .await
        .map_err(|error| match Failure::from(error) {
            Failure::Passing(error) => Failure::Other(error),
            other => other,
        })?;
    Ok(out)
}
