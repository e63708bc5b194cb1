//! Messages: from the store where they are held, else from the server, page by page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use parlor_protocol::limit::PAGE_MESSAGES;
use parlor_protocol::message::{GetPage, GetText, LongText, Page, Place, Timeline};
use parlor_protocol::sync::{GetChanges, RoomChanges};
use parlor_protocol::{Extensions, RoomId};

use super::inner::Inner;
use super::render;
use super::screen::{OnScreen, lock};
use crate::api::{AskError, Change, MessageView};
use crate::log::SeqRange;
use crate::store::{MessageRow, PagePut};
use crate::sync::{PageFit, PageInFlight};

/// Tries to fit one page into a room that changes meanwhile.
const MAX_TRIES: u8 = 8;
/// Messages behind one lock: two readers of one place load it once.
const LOCK_ROWS: u64 = 256;
/// Locks kept before those that nobody holds are let go.
const MAX_IDLE_LOCKS: usize = 256;

/// A place of a room: so many messages share one lock.
type Stretch = (RoomId, u64);

/// One load at a time for each place of a room.
#[derive(Debug, Default)]
pub(crate) struct PageLocks(Mutex<HashMap<Stretch, Weak<Alone>>>);

type Alone = tokio::sync::Mutex<()>;

/// What a load brought.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// In seq order.
    pub(crate) rows: Vec<MessageRow>,
    /// What could not be had, and why.
    pub(crate) absent: Vec<SeqRange>,
    pub(crate) error: Option<AskError>,
}

impl PageLocks {
    fn of(&self, room: RoomId, seq: u64) -> Arc<Alone> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() > MAX_IDLE_LOCKS {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let place = (room, seq / LOCK_ROWS);
        if let Some(lock) = locks.get(&place).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(place, Arc::downgrade(&lock));
        lock
    }
}

impl Inner {
    /// What is held of a range, and what is not.
    async fn held(
        &self,
        room: RoomId,
        range: SeqRange,
    ) -> Result<(Vec<MessageRow>, Vec<SeqRange>), AskError> {
        let mut rows = self.content.messages(room, range).await?;
        let missing: Vec<SeqRange> = self.content.ranges(room).await?.missing(range).collect();
        // Rows that stand in no range are leftovers of a cut; the server tells.
        rows.retain(|row| !missing.iter().any(|gap| gap.contains(row.seq)));
        Ok((rows, missing))
    }

    /// All messages of a range, as far as they can be had.
    pub(crate) async fn load(
        self: &Arc<Self>,
        room: RoomId,
        range: SeqRange,
    ) -> Result<Loaded, AskError> {
        let (rows, missing) = self.held(room, range).await?;
        let mut loaded = Loaded {
            rows,
            ..Loaded::default()
        };
        for gap in missing {
            match self.load_gap(room, gap).await {
                Ok(rows) => loaded.rows.extend(rows),
                Err(error) => {
                    loaded.absent.push(gap);
                    loaded.error = Some(error);
                }
            }
        }
        loaded.rows.sort_by_key(|row| row.seq);
        Ok(loaded)
    }

    async fn load_gap(
        self: &Arc<Self>,
        room: RoomId,
        gap: SeqRange,
    ) -> Result<Vec<MessageRow>, AskError> {
        let place = self.pages.of(room, gap.first());
        let _alone = place.lock().await;
        // Whoever was here before may have brought it.
        let missing: Vec<SeqRange> = self.content.ranges(room).await?.missing(gap).collect();
        let mut rows = self.content.messages(room, gap).await?;
        for gap in missing {
            let mut next = gap.first();
            while next <= gap.last() {
                let limit = (gap.last() - next + 1).min(u64::from(PAGE_MESSAGES)) as u16;
                let page = self.page(room, Place::FROM, next, limit).await?;
                let Some(last) = page.last().map(|row| row.seq) else {
                    break;
                };
                rows.extend(page);
                next = last + 1;
            }
        }
        rows.sort_by_key(|row| row.seq);
        rows.dedup_by_key(|row| row.seq);
        Ok(rows)
    }

    /// A page from the server, kept in the store: as new as what is held around it.
    pub(crate) async fn page(
        self: &Arc<Self>,
        room: RoomId,
        place: Place,
        seq: u64,
        limit: u16,
    ) -> Result<Vec<MessageRow>, AskError> {
        let asked = GetPage {
            room,
            timeline: Timeline::ROOM,
            place,
            seq,
            limit,
            ext: Extensions::NONE,
        };
        let mut page: Page = self.ask(&asked).await?;
        let mut held = None;
        for _ in 0..MAX_TRIES {
            match PageInFlight::new(page).fit(held) {
                PageFit::Fits(fits) => match self.keep_page(room, &fits).await? {
                    PagePut::Kept | PagePut::NoRoom => return Ok(rows(fits)),
                    PagePut::Older { held: newer } => {
                        held = Some(newer);
                        page = fits;
                    }
                },
                PageFit::AskChanges {
                    since,
                    page: mut waiting,
                } => {
                    let changes: RoomChanges = self
                        .ask(&GetChanges {
                            room,
                            since,
                            ext: Extensions::NONE,
                        })
                        .await?;
                    page = if waiting.absorb(&changes) {
                        waiting.into_page()
                    } else {
                        self.ask(&asked).await?
                    };
                }
                PageFit::Refetch => page = self.ask(&asked).await?,
            }
        }
        Err(AskError::Busy)
    }

    /// Writes a page whose messages are all there are in its range.
    pub(super) async fn keep_page(&self, room: RoomId, page: &Page) -> Result<PagePut, AskError> {
        let (Some(first), Some(last)) = (page.messages.first(), page.messages.last()) else {
            return Ok(PagePut::Kept);
        };
        let Some(range) = SeqRange::new(first.seq, last.seq) else {
            return Ok(PagePut::NoRoom);
        };
        let rows = rows(page.clone());
        Ok(self
            .content
            .put_page(room, range, page.as_of, &rows)
            .await?)
    }

    /// Loads what a screen wants and puts it there: what is held at once, the rest once the room
    /// itself has been asked about. Its answer may begin the room anew, and would drop what came
    /// before it. `tries`: the screen's, when it wanted this.
    pub(crate) fn load_for(
        self: &Arc<Self>,
        screen: &Arc<Mutex<OnScreen>>,
        room: RoomId,
        range: SeqRange,
        tries: u64,
    ) {
        let (inner, screen) = (self.clone(), Arc::downgrade(screen));
        self.runtime.spawn(async move {
            let absent = match inner.show_held(room, range).await {
                Ok(true) => Vec::new(),
                Ok(false) => inner.show_missing(room, range).await,
                Err(_) => vec![range],
            };
            if let Some(screen) = screen.upgrade() {
                lock(&screen).loaded(range, &absent, tries);
            }
            inner.state().tell(Change::Timeline(room));
        });
    }

    /// Shows what is held; whether that is all.
    async fn show_held(&self, room: RoomId, range: SeqRange) -> Result<bool, AskError> {
        let (rows, missing) = self.held(room, range).await?;
        self.show_rows(room, rows).await;
        Ok(missing.is_empty())
    }

    /// Shows a range with what the server has of it; what could not be had.
    async fn show_missing(self: &Arc<Self>, room: RoomId, range: SeqRange) -> Vec<SeqRange> {
        self.settle(room).await;
        match self.load(room, range).await {
            Ok(loaded) => {
                self.show_rows(room, loaded.rows).await;
                loaded.absent
            }
            Err(_) => vec![range],
        }
    }

    /// Puts rows on every screen of their room.
    pub(crate) async fn show_rows(&self, room: RoomId, rows: Vec<MessageRow>) {
        if rows.is_empty() || self.state().screens_of(room).is_empty() {
            return;
        }
        let whole = self.whole_texts(&rows).await;
        let mut state = self.state();
        let screens = state.screens_of(room);
        let views: Vec<(MessageRow, MessageView)> = rows
            .into_iter()
            .map(|row| {
                let whole = row.long.and_then(|long| whole.get(&long.hash));
                let view = render::message(&mut state, room, &row, whole.map(String::as_str));
                (row, view)
            })
            .collect();
        for screen in screens {
            lock(&screen).rows_arrived(views.clone());
        }
        state.tell(Change::Timeline(room));
    }

    /// The long texts of these rows that were loaded before.
    pub(crate) async fn whole_texts(&self, rows: &[MessageRow]) -> HashMap<[u8; 32], String> {
        let mut whole = HashMap::new();
        for LongText { hash, .. } in rows.iter().filter_map(|row| row.long) {
            // What the store cannot say now is loaded again when it is wanted.
            if let Ok(Some(text)) = self.content.text(&hash).await {
                whole.insert(hash, text);
            }
        }
        whole
    }

    /// A message's view with its whole text.
    pub(crate) async fn whole_view(
        self: &Arc<Self>,
        room: RoomId,
        row: &MessageRow,
    ) -> Result<MessageView, AskError> {
        let whole = match row.long {
            Some(_) => Some(self.whole_text(room, row).await?),
            None => None,
        };
        Ok(render::message(
            &mut self.state(),
            room,
            row,
            whole.as_deref(),
        ))
    }

    /// The whole of a long text, from the store or the server.
    pub(crate) async fn whole_text(
        self: &Arc<Self>,
        room: RoomId,
        row: &MessageRow,
    ) -> Result<String, AskError> {
        let Some(long) = row.long else {
            return Ok(row.text.clone());
        };
        if let Some(text) = self.content.text(&long.hash).await? {
            return Ok(text);
        }
        let asked = GetText {
            room,
            timeline: Timeline::ROOM,
            seq: row.seq,
            ext: Extensions::NONE,
        };
        let bytes = self.link()?.get_text(&asked).await?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| AskError::Unreadable("the text is not UTF-8".to_owned()))?;
        self.content.put_text(&long.hash, &text).await?;
        Ok(text)
    }
}

fn rows(page: Page) -> Vec<MessageRow> {
    let as_of = page.as_of;
    page.messages
        .into_iter()
        .map(|message| MessageRow::new(message, as_of))
        .collect()
}
