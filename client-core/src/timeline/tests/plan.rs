use proptest::prelude::*;

use super::super::viewport::Position;
use super::super::*;
use super::check_screen;
use crate::log::SeqRanges;

#[derive(Clone, Debug)]
enum Event {
    Scroll(i64),
    Page(bool),
    Jump(f64, Align),
    Drag(f64),
    End,
    Arrive {
        near: i64,
        rows: u64,
        measured: bool,
        seed: u32,
    },
    Fetched(u32),
    Height {
        near: i64,
        height: u32,
    },
    Removed {
        near: i64,
    },
    Posted(u64),
    Floor(u64),
    Tail(u32),
    Resize(u32),
    Doubt,
}

fn event() -> impl Strategy<Value = Event> {
    let near = -30i64..30;
    prop_oneof![
        5 => (-200i64..200).prop_map(Event::Scroll),
        1 => (-1_000_000i64..1_000_000).prop_map(Event::Scroll),
        2 => any::<bool>().prop_map(Event::Page),
        2 => (0.0..1.0, any::<bool>())
            .prop_map(|(part, top)| Event::Jump(part, if top { Align::Top } else { Align::Centre })),
        1 => (0.0..1.0).prop_map(Event::Drag),
        1 => Just(Event::End),
        5 => (near.clone(), 1u64..100, any::<bool>(), any::<u32>())
            .prop_map(|(near, rows, measured, seed)| Event::Arrive { near, rows, measured, seed }),
        4 => any::<u32>().prop_map(Event::Fetched),
        4 => (near.clone(), 0u32..150).prop_map(|(near, height)| Event::Height { near, height }),
        1 => near.prop_map(|near| Event::Removed { near }),
        3 => (1u64..5).prop_map(Event::Posted),
        1 => (1u64..50).prop_map(Event::Floor),
        1 => (0u32..40).prop_map(Event::Tail),
        1 => (20u32..200).prop_map(Event::Resize),
        1 => Just(Event::Doubt),
    ]
}

/// A viewport and what a test must know beside it.
struct Desk {
    viewport: Viewport,
    height: u32,
    tail: u32,
}

impl Desk {
    fn near(&self, offset: i64) -> u64 {
        let (_, head) = self.viewport.bounds();
        let at = self
            .viewport
            .screen()
            .rows
            .first()
            .map_or(head, |row| row.seq);
        at.saturating_add_signed(offset)
    }

    /// Whether the person moved it.
    fn apply(&mut self, event: Event) -> bool {
        let (floor, head) = self.viewport.bounds();
        let at = |part: f64| floor + (part * (head + 1 - floor) as f64) as u64;
        match event {
            Event::Scroll(units) => self.viewport.scroll(units),
            Event::Page(true) => self.viewport.page_up(),
            Event::Page(false) => self.viewport.page_down(),
            Event::Jump(part, align) => self.viewport.jump_to(at(part), align),
            Event::Drag(part) => self.viewport.drag_to(part * (head + 1 - floor) as f64),
            Event::End => self.viewport.jump_to_end(),
            quiet => {
                self.apply_quiet(quiet, floor, head);
                return false;
            }
        }
        true
    }

    fn apply_quiet(&mut self, event: Event, floor: u64, head: u64) {
        let guess = |seq: u64, seed: u32| {
            seq.wrapping_mul(2_654_435_761)
                .wrapping_add(u64::from(seed)) as u32
                % 60
        };
        match event {
            Event::Arrive {
                near,
                rows,
                measured,
                seed,
            } => {
                let from = self.near(near);
                let rows = (from..from + rows).map(|seq| (seq, measured.then(|| guess(seq, seed))));
                let _ = self.viewport.rows_arrived(rows);
            }
            Event::Fetched(seed) => {
                let plan = self.viewport.fetches(&SeqRanges::new());
                let seqs = plan.iter().flat_map(|fetch| fetch.range.iter());
                let _ = self
                    .viewport
                    .rows_arrived(seqs.map(|seq| (seq, Some(1 + guess(seq, seed)))));
            }
            Event::Height { near, height } => self.viewport.height_changed(self.near(near), height),
            Event::Removed { near } => self.viewport.removed(self.near(near)),
            Event::Posted(more) => self.viewport.set_head(head + more),
            Event::Floor(more) => self.viewport.set_floor((floor + more).min(head + 1)),
            Event::Tail(units) => {
                self.tail = units;
                self.viewport.set_tail(units);
            }
            Event::Resize(height) => {
                self.height = height;
                self.viewport.set_height(height);
            }
            Event::Doubt => self.viewport.heights_unknown(),
            _ => unreachable!("moved by the person"),
        }
    }

    /// What stays put now: the anchor, where its top is on screen and a jump is
    /// not still looking for its place.
    fn held(&self) -> Option<(u64, i64)> {
        let (_, head) = self.viewport.bounds();
        let at_rest = matches!(self.viewport.position, Position::Row { .. });
        self.viewport
            .anchor()
            .filter(|&(seq, y)| at_rest && y >= 0 && seq <= head)
    }

    /// Whether an end of the timeline shows: the one thing that may move rows.
    fn at_an_end(&self) -> bool {
        let (floor, _) = self.viewport.bounds();
        let heights = &self.viewport.column.heights;
        let first = self.viewport.screen().rows.first().copied();
        let at_start =
            first.is_some_and(|row| row.y == 0 && heights.above(row.seq, 1, floor).is_err());
        self.viewport.at_end() || at_start
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_but_the_person_moves_what_is_read(
        head in 1u64..3_000, screen in 20u32..200, plan in prop::collection::vec(event(), 1..60)
    ) {
        let mut desk = Desk { viewport: Viewport::new(screen, 12), height: screen, tail: 0 };
        desk.viewport.reset(1, head);
        for event in plan {
            let held = desk.held();
            let was_end = desk.viewport.at_end();
            let posted = matches!(event, Event::Posted(_));
            let shown = format!("{event:?}");
            let moved = desk.apply(event);
            check_screen(&desk.viewport, desk.height, desk.tail);
            if let (Some((seq, y)), false) = (held, moved)
                && y < i64::from(desk.height)
            {
                let now = desk.viewport.screen().rows.iter().find(|row| row.seq == seq).map(|row| row.y);
                let (floor, _) = desk.viewport.bounds();
                let gone = seq < floor || desk.viewport.column.heights.height(seq) == 0;
                let hidden = gone && now.is_none();
                prop_assert!(now == Some(y) || desk.at_an_end() || hidden, "{shown}: row {seq} at {y} is at {now:?}");
            }
            if was_end && !moved {
                prop_assert!(desk.viewport.at_end(), "{shown} left the end");
                prop_assert_eq!(desk.viewport.new_below(), 0);
            }
            let (_, head) = desk.viewport.bounds();
            let in_sight = desk.viewport.screen().rows.iter().any(|row| row.seq == head);
            if posted && !in_sight && !desk.viewport.at_end() {
                prop_assert!(desk.viewport.new_below() > 0);
            }
        }
    }

    #[test]
    fn fetching_what_it_asks_for_ends_with_nothing_missing(
        head in 1u64..5_000, screen in 20u32..200, place in 0.0f64..1.0, seed in any::<u32>()
    ) {
        let mut desk = Desk { viewport: Viewport::new(screen, 12), height: screen, tail: 0 };
        desk.viewport.reset(1, head);
        desk.apply(Event::Jump(place, Align::Centre));
        for _ in 0..60 {
            desk.apply(Event::Fetched(seed));
        }
        prop_assert_eq!(desk.viewport.fetches(&SeqRanges::new()), []);
        prop_assert!(desk.viewport.screen().rows.iter().all(|row| row.state == RowState::Measured));
    }
}
