//! Writing messages: into the outbox and out of it again.

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::limit::TEXT_BYTES;
use parlor_protocol::{Code, RoomId, SendKey};

use super::inner::{Inner, Progress};
use super::state::now_ms;
use crate::api::{Change, PostError, SendError, SentView};
use crate::outbox::{MAX_UNSENT, key_at};
use crate::store::{Acknowledged, Failure, StoreError};

/// How often whoever waits for a message looks whether another process has sent it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl Inner {
    pub(crate) async fn post(
        self: &Arc<Self>,
        room: RoomId,
        text: &str,
    ) -> Result<SendKey, PostError> {
        check(text)?;
        let (author, key) = {
            let state = self.state();
            let me = state.me().ok_or(PostError::NotLoggedIn)?;
            if !state.rooms.contains_key(&room) {
                return Err(PostError::NoSuchRoom);
            }
            if state.outbox.len() >= MAX_UNSENT {
                return Err(PostError::OutboxFull {
                    waiting: state.outbox.len(),
                });
            }
            (me.user, key_at(state.server_now_ms()))
        };
        // A task of its own: a face that stops waiting must not stop the writing halfway.
        let (inner, text) = (self.clone(), text.to_owned());
        let written = self.runtime.spawn(async move {
            let row = inner.outbox.add(author, room, key, &text, now_ms()).await?;
            inner.wish(|state| {
                state.outbox.insert(row.place, row);
                state.wishes.outbox_grew = true;
                state.tell(Change::Timeline(room));
                state.tell(Change::Link);
            });
            Ok(key)
        });
        match written.await {
            Ok(result) => result.map_err(post_failed),
            // The runtime is shutting down.
            Err(_) => Err(PostError::Closed),
        }
    }

    pub(crate) async fn wait_sent(&self, key: SendKey) -> Result<SentView, SendError> {
        let mut progress = self.progress.subscribe();
        loop {
            let moved = self.outbox_moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if let Some(outcome) = self.outcome(key).await? {
                return Ok(outcome);
            }
            let stands = progress.borrow_and_update().clone();
            match stands {
                Progress::Closed => return Err(SendError::Closed),
                Progress::Ended { why } => return Err(SendError::SessionEnded { why }),
                Progress::Stopped { code, why } => return Err(SendError::Stopped { code, why }),
                Progress::Idle | Progress::Working | Progress::Current => {}
            }
            tokio::select! {
                () = moved => {}
                _ = progress.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// What has become of a message; `None` while it waits.
    async fn outcome(&self, key: SendKey) -> Result<Option<SentView>, SendError> {
        let key = self.state().key_now(key);
        let waits = {
            let state = self.state();
            if let Some(done) = state.outcomes.iter().find(|done| done.key == key) {
                return Ok(Some(sent(*done)));
            }
            match state.outbox_row(key) {
                Some(row) => match &row.failed {
                    Some(failure) => return Err(failed(failure)),
                    None => true,
                },
                None => false,
            }
        };
        match self.outbox.acknowledged(key).await {
            Ok(Some(done)) => Ok(Some(sent(done))),
            Ok(None) if waits => Ok(None),
            Ok(None) => Err(SendError::Unknown),
            Err(StoreError::Closed) => Err(SendError::Closed),
            // Looked at again soon.
            Err(StoreError::Busy) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn retry(&self, key: SendKey) -> Result<SendKey, SendError> {
        let (row, server_now_ms) = {
            let state = self.state();
            (state.outbox_row(key).cloned(), state.server_now_ms())
        };
        let row = row.ok_or(SendError::Unknown)?;
        let Some(failure) = &row.failed else {
            return Ok(key);
        };
        let new_key = if needs_new_key(failure) {
            key_at(server_now_ms)
        } else {
            key
        };
        let again = self
            .outbox
            .retry(key, new_key)
            .await?
            .ok_or(SendError::Unknown)?;
        self.wish(|state| {
            state.outbox.remove(&row.place);
            state.outbox.insert(again.place, again);
            state.wishes.outbox_grew = true;
            state.tell(Change::Timeline(row.room));
            state.tell(Change::Link);
        });
        Ok(new_key)
    }

    pub(crate) async fn discard(&self, key: SendKey) -> Result<String, SendError> {
        let row = self.outbox.remove(key).await?.ok_or(SendError::Unknown)?;
        self.wish(|state| {
            state.outbox.remove(&row.place);
            state.wishes.discarded.push(key);
            state.tell(Change::Timeline(row.room));
            state.tell(Change::Link);
        });
        self.outbox_moved.notify_waiters();
        Ok(row.text)
    }
}

fn check(text: &str) -> Result<(), PostError> {
    if text.trim().is_empty() {
        Err(PostError::Empty)
    } else if text.len() > TEXT_BYTES {
        Err(PostError::TooLong {
            bytes: text.len(),
            bound: TEXT_BYTES,
        })
    } else if text.contains('\0') {
        Err(PostError::HasNul)
    } else {
        Ok(())
    }
}

fn post_failed(error: StoreError) -> PostError {
    match error {
        StoreError::OutboxFull(waiting) => PostError::OutboxFull { waiting },
        StoreError::Closed => PostError::Closed,
        other => PostError::Store(other),
    }
}

/// A refusal that says that the key itself will never do. With any other the message keeps its key:
/// an earlier try may have arrived.
fn needs_new_key(failure: &Failure) -> bool {
    matches!(
        Code(failure.code),
        Code::SEND_KEY_OLD | Code::SEND_KEY_REUSED | Code::CLOCK_AHEAD
    )
}

fn failed(failure: &Failure) -> SendError {
    let code = match Code(failure.code) {
        Code::NOT_FOUND => "not_found",
        Code::FORBIDDEN => "forbidden",
        Code::TEXT_TOO_LONG => "text_too_long",
        Code::TEXT_HAS_NUL => "text_has_nul",
        Code::TEXT_EMPTY => "text_empty",
        Code::SEND_KEY_OLD => "send_key_old",
        Code::CLOCK_AHEAD => "clock_off",
        _ => "refused",
    };
    SendError::Failed {
        code,
        why: failure.text.clone(),
    }
}

fn sent(done: Acknowledged) -> SentView {
    let Acknowledged {
        key: _,
        room,
        seq,
        at_ms,
    } = done;
    SentView { room, seq, at_ms }
}
