//! A box that floats above the panes.

use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::layer::Canvas;
use crate::theme::Token;

/// Clears a box of at most `columns`×`lines` (its frame included) near the top of `area`, frames it
/// and gives what is inside, one column of air left and right.
pub(crate) fn open(
    area: Rect,
    columns: u16,
    lines: u16,
    title: &str,
    canvas: &mut Canvas<'_>,
) -> Rect {
    let width = columns.min(area.width.saturating_sub(2));
    let height = lines.min(area.height.saturating_sub(2));
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    };
    if width < 6 || height < 3 {
        return Rect {
            width: 0,
            height: 0,
            ..frame
        };
    }
    Clear.render(frame, canvas.buffer);
    let style = canvas.theme.style(Token::Line);
    let across = "─".repeat(usize::from(width) - 2);
    canvas.text(frame.x, frame.y, width, &format!("╭{across}╮"), style);
    for y in frame.y + 1..frame.bottom() - 1 {
        canvas.text(frame.x, y, 1, "│", style);
        canvas.text(frame.right() - 1, y, 1, "│", style);
    }
    canvas.text(
        frame.x,
        frame.bottom() - 1,
        width,
        &format!("╰{across}╯"),
        style,
    );
    let quiet = canvas.theme.style(Token::Quiet);
    canvas.text(
        frame.x + 2,
        frame.y,
        width - 4,
        &format!(" {title} "),
        quiet,
    );
    Rect {
        x: frame.x + 2,
        y: frame.y + 1,
        width: width - 4,
        height: height - 2,
    }
}
