//! Answers to the engine's own requests.

use std::time::{Duration, Instant};

use parlor_protocol::hello::Done;
use parlor_protocol::sync::{RoomChanges, RoomOpened, UserChanges};
use parlor_protocol::{Code, RoomId, SendKey};

use super::Engine;
use crate::net::{BulkError, RequestError};

/// Those that count on one link only carry its number first.
#[derive(Debug)]
pub(super) enum Answer {
    Opened(u64, RoomId, Box<Result<RoomOpened, RequestError>>),
    Changes(u64, RoomId, Box<Result<RoomChanges, RequestError>>),
    User(u64, Box<Result<UserChanges, RequestError>>),
    Marked(RoomId, u64, Result<Done, RequestError>),
    Uploaded(u64, RoomId, SendKey, Result<(), BulkError>),
    /// Names were asked for.
    Named,
}

impl Engine {
    pub(super) async fn on_answer(&mut self, answer: Answer) {
        let now = Instant::now();
        match answer {
            Answer::Opened(number, room, result) if number == self.link_number => {
                self.with_room(room, |sync| match *result {
                    Ok(opened) => sync.opened(opened, now),
                    Err(error) => sync.open_failed(again(&error), now),
                })
                .await;
            }
            Answer::Changes(number, room, result) if number == self.link_number => {
                self.with_room(room, |sync| match *result {
                    Ok(changes) => sync.changes(changes, now),
                    Err(error) => sync.changes_failed(again(&error), now),
                })
                .await;
            }
            Answer::User(number, result) if number == self.link_number => {
                match *result {
                    Ok(changes) => self.user.changes(changes, now),
                    Err(error) => self.user.failed(again(&error), now),
                }
                self.user_steps().await;
            }
            Answer::Marked(room, seq, Ok(_)) => {
                self.markers.known(room, seq);
                self.forget_kept_marker(room).await;
            }
            Answer::Marked(room, _, Err(error)) => match again(&error) {
                Some(_) => self.markers.failed(room),
                None => self.markers.forget(room),
            },
            Answer::Uploaded(number, room, key, result) => {
                self.on_uploaded(number == self.link_number, room, key, result)
                    .await;
            }
            Answer::Named => {
                self.asking_names = false;
            }
            // Asked on a link that is gone; asked again on this one.
            Answer::Opened(..) | Answer::Changes(..) | Answer::User(..) => {}
        }
    }
}

/// After which time it may help to ask again; `None`: not on this link.
pub(super) fn again(error: &RequestError) -> Option<Duration> {
    match error {
        RequestError::Refused(refusal) if refusal.code.is_transient() => {
            Some(Duration::from_millis(refusal.retry_after_ms.into()))
        }
        RequestError::Refused(refusal) if refusal.code == Code::NOT_ENTERED => None,
        RequestError::Refused(_) | RequestError::TooLarge { .. } | RequestError::Reply(_) => None,
        RequestError::TimedOut { .. } | RequestError::Lost(_) | RequestError::Busy => {
            Some(Duration::ZERO)
        }
    }
}
