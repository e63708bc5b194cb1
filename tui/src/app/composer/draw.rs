//! The composer on screen.

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use super::Composer;
use super::rows::{rows, shown};
use crate::app::layer::Canvas;
use crate::theme::Token;

/// Columns of the prompt.
pub(crate) const PROMPT_COLUMNS: u16 = 2;

impl Composer {
    pub(crate) fn draw(&self, area: Rect, focused: bool, hint: &str, canvas: &mut Canvas<'_>) {
        let prompt = match focused {
            true => canvas.theme.style(Token::Accent),
            false => canvas.theme.style(Token::Quiet),
        };
        canvas.text(area.x, area.y, PROMPT_COLUMNS, "› ", prompt);
        let width = area.width.saturating_sub(PROMPT_COLUMNS);
        let left = area.x + PROMPT_COLUMNS;
        if self.is_empty() {
            let quiet = canvas.theme.style(Token::Quiet);
            canvas.text(left, area.y, width, hint, quiet);
        }
        let (mut row, mut column) = self.place(width);
        if column >= usize::from(width.max(1)) {
            (row, column) = (row + 1, 0);
        }
        let text = self.text.as_str();
        // The cursor's row stays on screen.
        let first = (row + 1).saturating_sub(area.height.into());
        let visible = rows(text, width).into_iter().skip(first);
        for (y, range) in (area.y..area.bottom()).zip(visible) {
            let line: String = text[range].graphemes(true).map(shown).collect();
            canvas.text(left, y, width, &line, Style::new());
        }
        if focused {
            let down = u16::try_from(row - first).unwrap_or(0);
            let right = u16::try_from(column).unwrap_or(0);
            let (x, y) = (left + right, area.y + down);
            canvas.cursor = Some(Position::new(x.min(area.right() - 1), y));
        }
    }
}
