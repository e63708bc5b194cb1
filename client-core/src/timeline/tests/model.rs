use proptest::prelude::*;

use super::super::*;

/// The plain thing: every height in a list, the screen a window at `top`.
struct Model {
    heights: Vec<u32>,
    screen: u32,
    top: i64,
}

impl Model {
    fn total(&self) -> i64 {
        self.heights.iter().map(|&height| i64::from(height)).sum()
    }

    /// The lowest place of the screen; negative when the rows do not fill it.
    fn end(&self) -> i64 {
        self.total() - i64::from(self.screen)
    }

    fn scroll(&mut self, units: i64) {
        let end = self.end();
        self.top = if end < 0 {
            end
        } else {
            (self.top + units).clamp(0, end)
        };
    }

    fn jump(&mut self, seq: u64, align: Align) {
        let above: i64 = self.heights[..seq as usize - 1]
            .iter()
            .map(|&height| i64::from(height))
            .sum();
        let room = i64::from(self.screen) - i64::from(self.heights[seq as usize - 1]);
        let y = if align == Align::Top {
            0
        } else {
            (room / 2).max(0)
        };
        self.top = above - y;
        self.scroll(0);
    }

    fn rows(&self) -> Vec<(u64, i64, u32)> {
        let mut y = -self.top;
        let mut rows = Vec::new();
        for (at, &height) in self.heights.iter().enumerate() {
            if height > 0 && y < i64::from(self.screen) && y + i64::from(height) > 0 {
                rows.push((at as u64 + 1, y, height));
            }
            y += i64::from(height);
        }
        rows
    }
}

#[derive(Clone, Debug)]
enum Move {
    Scroll(i64),
    Jump(u64, Align),
    Start,
    End,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (-300i64..300).prop_map(Move::Scroll),
        1 => (-9_000i64..9_000).prop_map(Move::Scroll),
        2 => (0u64..1_000, any::<bool>())
            .prop_map(|(seq, top)| Move::Jump(seq, if top { Align::Top } else { Align::Centre })),
        1 => Just(Move::Start),
        1 => Just(Move::End),
    ]
}

fn heights() -> impl Strategy<Value = Vec<u32>> {
    let height = prop_oneof![8 => 1u32..40, 1 => Just(0u32), 1 => 40u32..300];
    prop::collection::vec(height, 1..400)
}

proptest! {
    #[test]
    fn with_all_heights_known_it_is_a_window_on_a_list(
        heights in heights(), screen in 1u32..250, plan in prop::collection::vec(moves(), 1..40)
    ) {
        let rows = heights.len() as u64;
        let mut viewport = Viewport::new(screen, 10);
        viewport.reset(1, rows);
        let _ = viewport.rows_arrived((1..).zip(heights.iter().map(|&height| Some(height))));
        let mut model = Model { heights, screen, top: 0 };
        model.top = model.end();
        for step in plan {
            match step {
                Move::Scroll(units) => {
                    viewport.scroll(units);
                    model.scroll(units);
                }
                Move::Jump(seq, align) => {
                    let seq = seq % rows + 1;
                    viewport.jump_to(seq, align);
                    model.jump(seq, align);
                }
                Move::Start => {
                    viewport.jump_to_start();
                    model.jump(1, Align::Top);
                }
                Move::End => {
                    viewport.jump_to_end();
                    model.top = model.end();
                }
            }
            let shown: Vec<_> = viewport.screen().rows.iter().map(|row| (row.seq, row.y, row.height)).collect();
            prop_assert_eq!(shown, model.rows());
            prop_assert_eq!(viewport.at_end(), model.top >= model.end());
        }
    }

    #[test]
    fn there_and_back_is_where_one_was(
        heights in heights(), screen in 1u32..250, place in 0u64..1_000_000, there in 0i64..5_000, held in 0u64..400
    ) {
        // Unbounded on both sides, so that no end cuts the way short.
        let (floor, head) = (1, 3_000_000);
        let mut viewport = Viewport::new(screen, 10);
        viewport.reset(floor, head);
        let place = 1_000_000 + place;
        let from = place - held.min(heights.len() as u64);
        let _ = viewport.rows_arrived((from..).zip(heights.iter().map(|&height| Some(height))));
        viewport.jump_to(place, Align::Top);
        let before = viewport.screen();
        viewport.scroll(there);
        viewport.scroll(-there);
        prop_assert_eq!(&viewport.screen(), &before);
        viewport.scroll(-there);
        viewport.scroll(there);
        prop_assert_eq!(&viewport.screen(), &before);
    }
}
