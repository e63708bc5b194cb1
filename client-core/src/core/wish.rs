//! Small wishes of faces that need no answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_protocol::message::Place;
use parlor_protocol::signal::Typing;
use parlor_protocol::{Code, Extensions, Refusal, RoomId};

use super::inner::{Inner, Progress};
use super::render::TYPING_EVERY;
use super::screen::lock;
use crate::api::{AskError, Change, LinkState, MessageId, Presence};
use crate::log::SeqRange;
use crate::store::MessageRow;

/// How long a reader waits for a room to be caught up with.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);
/// How often it looks whether the link still is.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Inner {
    /// Waits until the link is up and what was missed is here.
    pub(crate) async fn online(&self) -> Result<(), AskError> {
        let mut progress = self.progress.subscribe();
        loop {
            let stands = progress.borrow_and_update().clone();
            match stands {
                Progress::Current => return Ok(()),
                Progress::Closed => return Err(AskError::Closed),
                Progress::Idle if self.state().me().is_none() => return Err(AskError::NotLoggedIn),
                Progress::Idle if !self.options.connect => return Err(AskError::Offline),
                Progress::Ended { why } => {
                    return Err(AskError::Refused(Refusal::with_text(
                        Code::SESSION_ENDED,
                        why,
                    )));
                }
                Progress::Stopped { code, why } => return Err(AskError::Stopped { code, why }),
                Progress::Idle | Progress::Working => {}
            }
            if progress.changed().await.is_err() {
                return Err(AskError::Closed);
            }
        }
    }

    /// Waits until a room that is held open is caught up with, where a link is up or being made; a
    /// reader who is offline reads what is held.
    pub(crate) async fn settle(&self, room: RoomId) {
        let settled = async {
            loop {
                let turn = self.settled.notified();
                tokio::pin!(turn);
                turn.as_mut().enable();
                {
                    let state = self.state();
                    let waits = matches!(state.link, LinkState::Connecting | LinkState::Online);
                    if !waits || state.rooms.get(&room).is_some_and(|known| known.settled) {
                        return;
                    }
                }
                tokio::select! {
                    () = turn => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        };
        // A server that takes longer is as good as away: what is held is read.
        let _ = tokio::time::timeout(SETTLE_WITHIN, settled).await;
    }

    pub(crate) fn mark_read(&self, room: RoomId, seq: u64) {
        self.wish(|state| {
            let Some(known) = state.rooms.get_mut(&room) else {
                return;
            };
            let seq = seq.min(known.row.head);
            if known.row.read >= seq {
                return;
            }
            known.row.read = seq;
            // Counted from the old marker; the server tells the new number.
            known.row.unread_gone = 0;
            state.wishes.marks.insert(room, seq);
            for seq in state.shown.read(room, seq) {
                state.tell(Change::Withdraw(room, MessageId::Seq(seq)));
            }
            state.tell(Change::Rooms);
        });
    }

    pub(crate) fn set_typing(&self, room: RoomId, on: bool) {
        let mut state = self.state();
        let Some(link) = state.live.clone() else {
            return;
        };
        let Some(known) = state.rooms.get_mut(&room) else {
            return;
        };
        let fresh = known.typed_at.is_some_and(|at| at.elapsed() < TYPING_EVERY);
        // A stop is worth telling only to those who were told of a start.
        if (on && fresh) || (!on && known.typed_at.is_none()) {
            return;
        }
        known.typed_at = on.then(Instant::now);
        link.signal(&Typing {
            room,
            on,
            ext: Extensions::NONE,
        });
    }

    pub(crate) fn set_presence(&self, presence: Presence) {
        let link = {
            let mut state = self.state();
            state.wishes.presence = presence;
            state.live.clone()
        };
        if let Some(link) = link {
            let state = presence.into();
            link.signal(&parlor_protocol::signal::Presence {
                state,
                ext: Extensions::NONE,
            });
        }
    }

    pub(crate) fn set_draft(&self, room: RoomId, text: &str) {
        self.wish(|state| {
            if let Some(known) = state
                .rooms
                .get_mut(&room)
                .filter(|known| known.draft != text)
            {
                let marked = known.draft.is_empty() != text.is_empty();
                known.draft = text.to_owned();
                state.wishes.drafts.insert(room);
                if marked {
                    state.tell(Change::Rooms);
                }
            }
        });
    }

    pub(crate) async fn load_text(
        self: &Arc<Self>,
        room: RoomId,
        seq: u64,
    ) -> Result<(), AskError> {
        let row = self.row(room, seq).await?;
        let view = self.whole_view(room, &row).await?;
        let screens = self.state().screens_of(room);
        for screen in screens {
            lock(&screen).rows_arrived(vec![(row.clone(), view.clone())]);
        }
        self.state().tell(Change::Timeline(room));
        Ok(())
    }

    async fn row(self: &Arc<Self>, room: RoomId, seq: u64) -> Result<MessageRow, AskError> {
        let loaded = self.load(room, SeqRange::one(seq)).await?;
        match (loaded.rows.into_iter().next(), loaded.error) {
            (Some(row), _) => Ok(row),
            (None, Some(error)) => Err(error),
            (None, None) => Err(AskError::Refused(Refusal::new(Code::NOT_FOUND))),
        }
    }

    /// Instants never go back within a timeline, so that halving finds the place.
    pub(crate) async fn seq_at(
        self: &Arc<Self>,
        room: RoomId,
        at_ms: u64,
    ) -> Result<Option<u64>, AskError> {
        let bounds = self
            .state()
            .rooms
            .get(&room)
            .map(|known| (known.row.first_seq(), known.row.head));
        let (mut low, head) = bounds.ok_or(AskError::Refused(Refusal::new(Code::NOT_FOUND)))?;
        let mut high = head + 1;
        while low < high {
            let middle = low + (high - low) / 2;
            let held = self
                .content
                .messages(room, SeqRange::one(middle))
                .await?
                .into_iter()
                .next();
            let row = match held {
                Some(row) => Some(row),
                // One message, not a page: a million of them are twenty questions away.
                None => self
                    .page(room, Place::FROM, middle, 1)
                    .await?
                    .into_iter()
                    .next(),
            };
            match row {
                Some(row) if row.at_ms < at_ms => low = row.seq + 1,
                Some(_) => high = middle,
                None => high = middle,
            }
        }
        Ok((low <= head).then_some(low))
    }
}
