//! The rows that are visible, on cells.

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use parlor_client_core::api::{Delivery, MessageView, ScreenView, Surroundings};
use parlor_client_core::text::{Kind, Span, display_width, sanitize_line};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::paragraph::{Row, rows};
use super::{GUTTER, Shape, TIME_COLUMNS};
use crate::app::layer::Canvas;
use crate::theme::Token;

/// Draws what the core says is on screen. Nothing leaves `area`.
pub(crate) fn draw(area: Rect, screen: &ScreenView, shape: Shape, canvas: &mut Canvas<'_>) {
    let mut pane = Pane {
        area,
        shape,
        canvas,
    };
    for row in &screen.rows {
        match &row.message {
            Some(message) => pane.message(row.y, message, row.surroundings),
            None => pane.placeholder(row.y, row.height, row.seq),
        }
    }
    for unsent in &screen.unsent {
        pane.message(unsent.y, &unsent.message, unsent.surroundings);
    }
    if !screen.at_end {
        pane.place(screen);
    }
}

struct Pane<'a, 'b> {
    area: Rect,
    shape: Shape,
    canvas: &'a mut Canvas<'b>,
}

impl Pane<'_, '_> {
    fn message(&mut self, top: i64, message: &MessageView, around: Surroundings) {
        let rows = rows(message, around, self.shape);
        let head = rows.iter().position(|row| !is_above(row));
        for (index, row) in rows.iter().enumerate() {
            let Some(y) = self.line(top + index as i64) else {
                continue;
            };
            if Some(index) == head {
                self.head(y, message, around);
            }
            self.row(y, row, message);
        }
    }

    /// The screen's line of a row; `None` where it is not on screen.
    fn line(&self, row: i64) -> Option<u16> {
        let row = u16::try_from(row).ok()?;
        (row < self.area.height).then(|| self.area.y + row)
    }

    /// What stands beside a message's first row: mark, name, time.
    fn head(&mut self, y: u16, message: &MessageView, around: Surroundings) {
        let theme = self.canvas.theme;
        let (mark, style) = match message.delivery {
            Delivery::Failed { .. } => ("!", theme.style(Token::Bad)),
            Delivery::Pending => ("○", theme.style(Token::Quiet)),
            Delivery::Sent if message.mentions_me => ("▎", theme.style(Token::Accent)),
            Delivery::Sent => ("", Style::new()),
        };
        self.canvas.text(self.area.x, y, 1, mark, style);
        if around.continues {
            return;
        }
        if let (Some(columns), false) = (self.shape.names, message.body.action) {
            let name = sanitize_line(&message.author_name, columns.into());
            let style = theme.person(message.author);
            self.canvas
                .text(self.area.x + GUTTER, y, columns, &name, style);
        }
        if self.shape.times {
            let zone = self.canvas.views.now.time_zone().clone();
            let time = clock(message.at_ms, zone);
            let x = self.area.right().saturating_sub(TIME_COLUMNS);
            let quiet = theme.style(Token::Quiet);
            self.canvas.text(x, y, TIME_COLUMNS - 1, &time, quiet);
        }
    }

    fn row(&mut self, y: u16, row: &Row, message: &MessageView) {
        let theme = self.canvas.theme;
        let quiet = theme.style(Token::Quiet);
        match row {
            Row::Blank => {}
            Row::Day(day) => self.rule(y, &day_text(*day, &self.canvas.views.now), Token::Line),
            Row::Unread => self.rule(y, "New", Token::Accent),
            Row::Name => {
                let width = self.name_width();
                let name = sanitize_line(&message.author_name, width.into());
                let style = theme.person(message.author);
                self.canvas
                    .text(self.area.x + GUTTER, y, width, &name, style);
            }
            Row::Words { quoted, line } => {
                let x = self.bars(y, *quoted);
                self.spans(x, y, &line.spans, message);
            }
            Row::Code(line) => {
                let x = self.area.x + self.shape.text_at();
                self.canvas.text(x, y, 1, "▏", theme.style(Token::Line));
                let left = self.shape.body.saturating_sub(2);
                self.canvas.text(x + 2, y, left, line, quiet);
            }
            Row::Aside(text) => self.aside(y, text, quiet.add_modifier(Modifier::ITALIC)),
            Row::Refused(text) => self.aside(y, text, theme.style(Token::Bad)),
        }
    }

    fn name_width(&self) -> u16 {
        let time = if self.shape.times {
            TIME_COLUMNS + 1
        } else {
            1
        };
        self.area.width.saturating_sub(GUTTER + time)
    }

    fn aside(&mut self, y: u16, text: &str, style: Style) {
        let x = self.area.x + self.shape.text_at();
        self.canvas.text(x, y, self.shape.body, text, style);
    }

    /// The bars of a quote; where the words begin.
    fn bars(&mut self, y: u16, quoted: u8) -> u16 {
        let style = self.canvas.theme.style(Token::Line);
        let mut x = self.area.x + self.shape.text_at();
        for _ in 0..quoted {
            self.canvas.text(x, y, 1, "▏", style);
            x += 2;
        }
        x
    }

    fn spans(&mut self, mut x: u16, y: u16, spans: &[Span], message: &MessageView) {
        let end = self.area.x + self.shape.text_at() + self.shape.body;
        for span in spans {
            let style = self.span_style(span, message);
            x += self
                .canvas
                .text(x, y, end.saturating_sub(x), &span.text, style);
        }
    }

    fn span_style(&self, span: &Span, message: &MessageView) -> Style {
        let theme = self.canvas.theme;
        let mut style = match span.kind {
            Kind::Text => Style::new(),
            Kind::Code => theme.style(Token::Quiet),
            Kind::Link(_) => theme
                .style(Token::Accent)
                .add_modifier(Modifier::UNDERLINED),
            Kind::Mention(_) | Kind::RoomMention => {
                theme.style(Token::Accent).add_modifier(Modifier::BOLD)
            }
        };
        for (on, modifier) in [
            (span.style.bold, Modifier::BOLD),
            (
                span.style.italic || message.body.action && !span.style.bold,
                Modifier::ITALIC,
            ),
            (span.style.strike, Modifier::CROSSED_OUT),
            (matches!(message.delivery, Delivery::Pending), Modifier::DIM),
        ] {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        style
    }

    /// A hairline across the pane with a word in its middle.
    fn rule(&mut self, y: u16, word: &str, token: Token) {
        let style = self.canvas.theme.style(token);
        let width = self.area.width.saturating_sub(GUTTER + 1);
        let left = self.area.x + GUTTER;
        self.canvas
            .text(left, y, width, &"─".repeat(width.into()), style);
        let word = format!(" {word} ");
        let columns = u16::try_from(display_width(&word)).unwrap_or(width);
        let x = left + width.saturating_sub(columns) / 2;
        let style = match token {
            Token::Accent => style,
            _ => self.canvas.theme.style(Token::Quiet),
        };
        self.canvas.text(x, y, width, &word, style);
    }

    /// Rows that are not here yet: the real height, nothing to read.
    fn placeholder(&mut self, top: i64, height: u32, seq: u64) {
        let style = self.canvas.theme.style(Token::Mark);
        let x = self.area.x + self.shape.text_at();
        for row in 0..i64::from(height) {
            let Some(y) = self.line(top + row) else {
                continue;
            };
            // Lengths that look like sentences, the same at each draw.
            let columns = 12 + (seq.wrapping_mul(37) % 24) as u16;
            let dots = "·".repeat(columns.min(self.shape.body).into());
            self.canvas.text(x, y, self.shape.body, &dots, style);
        }
    }

    /// Away from the end: how far, and what came meanwhile.
    fn place(&mut self, screen: &ScreenView) {
        let text = match screen.new_below {
            0 => " ↓ G: newest ".to_owned(),
            1 => " ↓ 1 new ".to_owned(),
            new => format!(" ↓ {new} new "),
        };
        let columns = u16::try_from(display_width(&text)).unwrap_or(0);
        let x = self
            .area
            .right()
            .saturating_sub(columns + 1)
            .max(self.area.x);
        let style = self.canvas.theme.style(Token::Accent);
        let width = self.area.right() - x;
        let reversed = style.add_modifier(Modifier::REVERSED);
        self.canvas
            .text(x, self.area.bottom() - 1, width, &text, reversed);
        let (start, length) = screen.scrollbar.thumb(self.area.height.into(), 1);
        let line = self.canvas.theme.style(Token::Mark);
        for y in start..start + length {
            if let Some(y) = self.line(y.into()) {
                self.canvas.text(self.area.right() - 1, y, 1, "▐", line);
            }
        }
    }
}

fn is_above(row: &Row) -> bool {
    matches!(row, Row::Blank | Row::Day(_) | Row::Unread)
}

fn clock(at_ms: u64, zone: jiff::tz::TimeZone) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(String::new, |at| {
        at.to_zoned(zone).strftime("%H:%M").to_string()
    })
}

fn day_text(day: Date, now: &Zoned) -> String {
    let today = now.date();
    if day == today {
        return "Today".to_owned();
    }
    if day.tomorrow().ok() == Some(today) {
        return "Yesterday".to_owned();
    }
    match day.year() == today.year() {
        true => day.strftime("%A, %-d %B").to_string(),
        false => day.strftime("%A, %-d %B %Y").to_string(),
    }
}
