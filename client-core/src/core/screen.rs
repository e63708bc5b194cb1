//! One timeline on screen: the viewport's rule, the rows it wants, their views.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parlor_protocol::RoomId;

use crate::api::{
    Align, Delivery, Layout, MessageId, MessageView, RowView, ScreenView, Surroundings, UnsentView,
};
use crate::log::{SeqRange, SeqRanges};
use crate::store::MessageRow;
use crate::timeline::{RowState, Viewport, VisibleRow};

/// Looks at the layout in one drawing: each measures what the one before brought on screen. A
/// screen settles in two or three; the bound is for a face whose measures contradict themselves.
pub(crate) const MAX_PASSES: usize = 6;

/// Rows by one author within this time stand together under one name, ms.
const GROUP_WITHIN_MS: u64 = 5 * 60 * 1000;

/// A message in memory.
#[derive(Debug)]
struct Held {
    row: MessageRow,
    view: Arc<MessageView>,
    /// What stood around it when it was measured last.
    measured: Option<Surroundings>,
}

/// The visible part of one room's timeline.
#[derive(Debug)]
pub(crate) struct OnScreen {
    room: RoomId,
    viewport: Viewport,
    rows: BTreeMap<u64, Held>,
    /// Ranges that are being loaded.
    asked: SeqRanges,
    /// Ranges that could not be loaded: asked for again on the next link.
    absent: SeqRanges,
    /// Counts the links that could be tried: what failed on one before is not absent on this one.
    tries: u64,
    unread_from: Option<u64>,
    unsent_heights: HashMap<MessageId, (Surroundings, u32)>,
    zone: TimeZone,
}

/// Locks a screen; a panic of a face while drawing spoils nothing here.
pub(crate) fn lock(screen: &Mutex<OnScreen>) -> MutexGuard<'_, OnScreen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OnScreen {
    /// At the end of a timeline from `floor` to `head`; days are those of `zone`.
    pub(crate) fn new(room: RoomId, layout: Layout, floor: u64, head: u64, zone: TimeZone) -> Self {
        let mut viewport = Viewport::new(layout.height, layout.estimate);
        viewport.reset(floor, head);
        Self {
            room,
            viewport,
            rows: BTreeMap::new(),
            asked: SeqRanges::new(),
            absent: SeqRanges::new(),
            tries: 0,
            unread_from: None,
            unsent_heights: HashMap::new(),
            zone,
        }
    }

    pub(crate) fn room(&self) -> RoomId {
        self.room
    }

    /// What the face moves.
    pub(crate) fn viewport(&mut self) -> &mut Viewport {
        &mut self.viewport
    }

    /// Floor and head as they are now.
    pub(crate) fn set_bounds(&mut self, floor: u64, head: u64) {
        self.viewport.set_floor(floor);
        self.viewport.set_head(head);
        self.rows.retain(|seq, _| *seq >= floor);
    }

    /// What was here is void.
    pub(crate) fn reset(&mut self, floor: u64, head: u64) {
        self.rows.clear();
        self.asked.clear();
        self.absent.clear();
        self.viewport.reset(floor, head);
    }

    /// The rows are void and come anew; the reader stays where they are.
    pub(crate) fn renew(&mut self, floor: u64, head: u64) {
        self.rows.clear();
        self.asked.clear();
        self.absent.clear();
        self.viewport.forget_rows(floor, head);
    }

    /// Messages came or changed. Older states than those here change nothing.
    pub(crate) fn rows_arrived(&mut self, rows: Vec<(MessageRow, MessageView)>) {
        let (floor, head) = self.viewport.bounds();
        let mut arrived = Vec::new();
        for (row, view) in rows {
            let seq = row.seq;
            let newer = self
                .rows
                .get(&seq)
                .is_none_or(|held| held.row.rev <= row.rev);
            if newer && (floor..=head).contains(&seq) {
                let same = self.rows.get(&seq).filter(|held| *held.view == view);
                let measured = same.and_then(|held| held.measured);
                if same.is_none() {
                    arrived.push((seq, None));
                }
                self.rows.insert(
                    seq,
                    Held {
                        row,
                        view: Arc::new(view),
                        measured,
                    },
                );
            }
        }
        for gone in self.viewport.rows_arrived(arrived) {
            self.rows.retain(|seq, _| !gone.contains(*seq));
        }
    }

    /// A load that began at so many [`Self::tries`] ended; `absent` is what it did not bring.
    pub(crate) fn loaded(&mut self, range: SeqRange, absent: &[SeqRange], tries: u64) {
        let _ = self.asked.remove(range);
        // What failed on a link that is gone may be had on this one.
        if tries == self.tries {
            for range in absent {
                let _ = self.absent.insert(*range);
            }
        }
    }

    /// How often all could be tried again so far.
    pub(crate) fn tries(&self) -> u64 {
        self.tries
    }

    /// What could not be loaded may be now.
    pub(crate) fn try_again(&mut self) {
        self.tries += 1;
        self.absent.clear();
    }

    /// Rows here whose views depend on names that became known; built anew by `view`.
    pub(crate) fn refresh(&mut self, mut view: impl FnMut(&MessageRow) -> Option<MessageView>) {
        for held in self.rows.values_mut() {
            if let Some(view) = view(&held.row).filter(|view| *view != *held.view) {
                held.view = Arc::new(view);
                held.measured = None;
            }
        }
    }

    pub(crate) fn message(&self, seq: u64) -> Option<Arc<MessageView>> {
        self.rows.get(&seq).map(|held| held.view.clone())
    }

    /// The unread line stands above the first message after `read`, or nowhere.
    pub(crate) fn set_unread_line(&mut self, read: u64) {
        let (floor, head) = self.viewport.bounds();
        self.unread_from = (read < head).then_some((read + 1).max(floor));
    }

    /// Shows the unread line; `false` where there is none.
    pub(crate) fn jump_to_unread(&mut self) -> bool {
        if let Some(seq) = self.unread_from {
            self.viewport.jump_to(seq, Align::Top);
        }
        self.unread_from.is_some()
    }

    /// Every row is to be measured again.
    pub(crate) fn measure_anew(&mut self, layout: Layout) {
        self.rows.values_mut().for_each(|held| held.measured = None);
        self.unsent_heights.clear();
        self.viewport.heights_unknown();
        self.viewport.set_height(layout.height);
    }

    /// The newest message that is on screen, wholly or in part.
    pub(crate) fn newest_visible(&self) -> Option<u64> {
        let screen = self.viewport.screen();
        screen
            .rows
            .iter()
            .rev()
            .map(|row| row.seq)
            .find(|seq| self.rows.contains_key(seq))
    }

    /// Whether the newest message is being looked at.
    pub(crate) fn is_at_end(&self) -> bool {
        self.viewport.at_end()
    }

    /// What is to be measured before it can be drawn: rows on screen that were not measured as they
    /// stand now. They then count as measured; the heights follow in [`Self::measured`].
    pub(crate) fn unmeasured(&mut self) -> Vec<(u64, Arc<MessageView>, Surroundings)> {
        let mut wanted = Vec::new();
        for VisibleRow { seq, .. } in self.viewport.screen().rows {
            let Some(surroundings) = self.surroundings(seq) else {
                continue;
            };
            let unsure = self.viewport.row_state(seq) != RowState::Measured;
            if let Some(held) = self.rows.get_mut(&seq)
                && (unsure || held.measured != Some(surroundings))
            {
                held.measured = Some(surroundings);
                wanted.push((seq, held.view.clone(), surroundings));
            }
        }
        wanted
    }

    pub(crate) fn measured(&mut self, heights: Vec<(u64, u32)>) {
        self.viewport.heights_changed(heights);
    }

    /// The unsent messages, what stands around each, and its height where that is known.
    pub(crate) fn unsent_around(
        &self,
        unsent: &[Arc<MessageView>],
    ) -> Vec<(Surroundings, Option<u32>)> {
        let head = self.viewport.bounds().1;
        let mut above = self.rows.get(&head).map(|held| held.view.clone());
        let around = unsent.iter().map(|view| {
            let surroundings = self.around(view, above.as_deref(), false);
            let known = self
                .unsent_heights
                .get(&view.id)
                .filter(|known| known.0 == surroundings);
            // A failed one has another height: it says why.
            let known = known
                .filter(|_| view.delivery == Delivery::Pending)
                .map(|known| known.1);
            above = Some(view.clone());
            (surroundings, known)
        });
        around.collect()
    }

    /// Heights of the unsent messages.
    pub(crate) fn unsent_measured(&mut self, tail: &[(MessageId, Surroundings, u32)]) {
        self.unsent_heights = tail
            .iter()
            .map(|(id, around, height)| (*id, (*around, *height)))
            .collect();
        let units = tail
            .iter()
            .fold(0u32, |sum, (_, _, height)| sum.saturating_add(*height));
        self.viewport.set_tail(units);
    }

    /// What to load now; it then counts as being loaded.
    pub(crate) fn take_fetches(&mut self) -> Vec<SeqRange> {
        let mut known = self.asked.clone();
        for range in self.absent.iter() {
            let _ = known.insert(range);
        }
        let fetches: Vec<SeqRange> = self
            .viewport
            .fetches(&known)
            .into_iter()
            .map(|fetch| fetch.range)
            .collect();
        for range in &fetches {
            let _ = self.asked.insert(*range);
        }
        fetches
    }

    /// What is to be drawn.
    pub(crate) fn view(
        &self,
        unsent: &[Arc<MessageView>],
        tail: &[(MessageId, Surroundings, u32)],
    ) -> ScreenView {
        let screen = self.viewport.screen();
        let rows = screen.rows.into_iter().map(
            |VisibleRow {
                 seq,
                 y,
                 height,
                 state: _,
             }| RowView {
                seq,
                y,
                height,
                surroundings: self.surroundings(seq).unwrap_or_default(),
                message: self.message(seq),
            },
        );
        let rows: Vec<RowView> = rows.collect();
        let mut below = Vec::new();
        if let Some(mut y) = screen.tail_y {
            for (message, (_, surroundings, height)) in unsent.iter().zip(tail) {
                let (surroundings, height) = (*surroundings, *height);
                below.push(UnsentView {
                    y,
                    height,
                    surroundings,
                    message: message.clone(),
                });
                y += i64::from(height);
            }
        }
        let (floor, head) = self.viewport.bounds();
        ScreenView {
            empty: head < floor && unsent.is_empty(),
            rows,
            unsent: below,
            scrollbar: self.viewport.scrollbar(),
            at_end: self.viewport.at_end(),
            new_below: self.viewport.new_below(),
        }
    }

    /// What stands above a row; `None` for one that is not here.
    fn surroundings(&self, seq: u64) -> Option<Surroundings> {
        let view = &self.rows.get(&seq)?.view;
        let first = seq == self.viewport.bounds().0;
        let above = seq.checked_sub(1).and_then(|above| self.rows.get(&above));
        let mut surroundings = match above {
            Some(above) => self.around(view, Some(&above.view), self.unread_from == Some(seq)),
            // What stands above is not here yet: its day is not known.
            None if !first => Surroundings {
                first_unread: self.unread_from == Some(seq),
                ..Surroundings::default()
            },
            None => self.around(view, None, self.unread_from == Some(seq)),
        };
        if surroundings.first_unread {
            surroundings.continues = false;
        }
        Some(surroundings)
    }

    fn around(
        &self,
        view: &MessageView,
        above: Option<&MessageView>,
        first_unread: bool,
    ) -> Surroundings {
        let day = self.day(view.at_ms);
        let new_day = above.is_none_or(|above| self.day(above.at_ms) != day);
        let continues = above.is_some_and(|above| {
            above.author == view.author
                && view.at_ms.saturating_sub(above.at_ms) < GROUP_WITHIN_MS
                && !above.deleted
                && !new_day
        });
        Surroundings {
            day: day.filter(|_| new_day),
            first_unread,
            continues: continues && !first_unread,
        }
    }

    fn day(&self, at_ms: u64) -> Option<Date> {
        let at = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
        Some(at.to_zoned(self.zone.clone()).date())
    }
}

#[cfg(test)]
mod tests;
