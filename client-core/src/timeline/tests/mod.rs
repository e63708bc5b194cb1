#![allow(clippy::unwrap_used)]

mod model;
mod plan;
mod stories;
mod work;

use super::{RowState, Screen, Viewport, VisibleRow};

/// A face that measures what it draws: every row's true height is known to it,
/// the viewport learns of it by and by.
fn settle(viewport: &mut Viewport, height_of: impl Fn(u64) -> u32) {
    for _ in 0..100 {
        let screen = viewport.screen();
        let news: Vec<_> = screen
            .rows
            .iter()
            .filter(|row| row.state != RowState::Measured)
            .map(|row| (row.seq, Some(height_of(row.seq))))
            .collect();
        if news.is_empty() {
            return;
        }
        let _ = viewport.rows_arrived(news);
    }
    panic!("the screen does not come to rest");
}

fn row(screen: &Screen, seq: u64) -> Option<VisibleRow> {
    screen.rows.iter().copied().find(|row| row.seq == seq)
}

fn y_of(viewport: &Viewport, seq: u64) -> Option<i64> {
    row(&viewport.screen(), seq).map(|row| row.y)
}

/// Holds at any moment: rows on screen follow each other without a gap, the
/// screen is filled from the top or else holds the oldest row, and below the
/// last row there is no blank.
fn check_screen(viewport: &Viewport, height: u32, tail: u32) {
    let screen = viewport.screen();
    let (floor, head) = viewport.bounds();
    let bottom = i64::from(height);
    for (row, next) in screen.rows.iter().zip(screen.rows.iter().skip(1)) {
        assert_eq!(row.y + i64::from(row.height), next.y, "{screen:?}");
        assert!(row.seq < next.seq);
    }
    for row in &screen.rows {
        assert!(
            row.y < bottom && row.y + i64::from(row.height) > 0,
            "{row:?} is not on screen"
        );
        assert!((floor..=head).contains(&row.seq));
    }
    let lowest = screen
        .rows
        .last()
        .map_or(0, |row| row.y + i64::from(row.height));
    let shown = match screen.tail_y {
        Some(tail_y) => tail_y + i64::from(tail),
        None => lowest,
    };
    if head >= floor && height > 0 && screen != Screen::default() {
        assert!(
            shown >= bottom,
            "blank below: {screen:?} in {height} with tail {tail}"
        );
    }
    if viewport.at_end() && lowest > 0 && lowest < bottom {
        assert_eq!(lowest + i64::from(tail), bottom);
    }
    check_scrollbar(viewport);
}

fn check_scrollbar(viewport: &Viewport) {
    let bar = viewport.scrollbar();
    let sum = bar.first + bar.visible;
    assert!(
        bar.first >= 0.0 && bar.visible >= 0.0 && sum <= bar.total as f64 + 1e-6,
        "{bar:?}"
    );
    if viewport.at_end() {
        assert!((sum - bar.total as f64).abs() < 1e-6, "{bar:?}");
    }
    let (start, size) = bar.thumb(100, 3);
    assert!(start + size <= 100 && size >= 1);
}
