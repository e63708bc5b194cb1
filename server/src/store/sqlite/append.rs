//! Append: look, decide, write in one transaction, and only then tell.

use parlor_protocol::{Code, Refusal};

use super::batch::Batch;
use super::collect::Collect;
use super::error::{from_sqlx, is_constraint};
use super::load;
use super::plan;
use super::split::{halves, refusal};
use super::writer::Held;
use crate::store::{Appended, Change, Result, RoomCommand, StoreError};

/// Why a transaction took no effect.
enum Failure {
    /// A constraint held: someone of the batch cannot be written as decided.
    Constraint(StoreError),
    Other(StoreError),
}

/// Commits the commands in their order. A batch that the database refuses is decided again with
/// everything looked up, then split until the culprit stands alone; the others commit.
pub(super) async fn append(held: &mut Held, commands: Vec<RoomCommand>) -> Result<Appended> {
    let mut waiting = vec![(commands, false)];
    let mut done: Option<Collect> = None;
    while let Some((batch, careful)) = waiting.pop() {
        match attempt(held, &batch, careful).await {
            Ok(appended) if waiting.is_empty() && done.is_none() => return Ok(appended.finish()),
            Ok(appended) => done.get_or_insert_default().extend(appended.finish()),
            Err(failure) => {
                held.forget(&batch);
                match failure {
                    Failure::Constraint(_) if !careful => waiting.push((batch, true)),
                    Failure::Constraint(_) if batch.len() > 1 => waiting.extend(halves(batch)),
                    Failure::Constraint(error) => {
                        tracing::error!(%error, room = %batch[0].room, "a command broke a constraint");
                        done.get_or_insert_default()
                            .result(Err(Refusal::new(Code::INTERNAL)));
                    }
                    Failure::Other(error) => {
                        held.failed(&error);
                        // Where some are durable already, the rest is refused one by one.
                        let Some(done) = done.as_mut() else {
                            return Err(error);
                        };
                        waiting.push((batch, careful));
                        let rest: usize = waiting.drain(..).map(|(batch, _)| batch.len()).sum();
                        (0..rest).for_each(|_| done.result(Err(refusal(&error))));
                    }
                }
            }
        }
    }
    Ok(done.unwrap_or_default().finish())
}

async fn attempt(
    held: &mut Held,
    commands: &[RoomCommand],
    careful: bool,
) -> std::result::Result<Collect, Failure> {
    let now_ms = held.now_ms();
    let (connection, cache, next_room) = held.parts().await.map_err(Failure::Other)?;
    let found = load::load(connection, cache, commands, careful, now_ms)
        .await
        .map_err(Failure::Other)?;
    let mut batch = Batch::new(cache, next_room, found, now_ms, commands.len());
    for command in commands {
        batch.command(command);
    }
    let (writes, fresh, out) = batch.finish();
    let count = writes.len();
    if count > 0
        && let Err(error) = plan::commit(connection, writes).await
    {
        let constraint = is_constraint(&error);
        let error = from_sqlx(error);
        return Err(if constraint {
            Failure::Constraint(error)
        } else {
            Failure::Other(error)
        });
    }
    for (key, first) in fresh {
        cache.recent.put(key, first);
    }
    cache.shrink();
    held.wrote(count);
    held.wrote_bytes(commands.iter().map(text_bytes).sum());
    Ok(out)
}

fn text_bytes(command: &RoomCommand) -> usize {
    match &command.change {
        Change::Post { text, .. } => text.len(),
        _ => 0,
    }
}
