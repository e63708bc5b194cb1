//! The tokens' colours on light and on dark, and what is nearest to them in a smaller palette.

use ratatui::style::Color;

use super::{Shade, Token};

/// Hues that people's names are spread over.
pub(crate) const HUES: usize = 12;

/// One shade's colours, sRGB.
pub(super) struct Palette {
    /// What the contrasts are counted against; never painted.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) paper: [u8; 3],
    quiet: [u8; 3],
    mark: [u8; 3],
    line: [u8; 3],
    accent: [u8; 3],
    good: [u8; 3],
    warn: [u8; 3],
    bad: [u8; 3],
    pub(super) hues: [[u8; 3]; HUES],
}

pub(super) const LIGHT: Palette = Palette {
    paper: [0xFB, 0xFA, 0xF7],
    quiet: [0x5E, 0x5A, 0x52],
    mark: [0x8A, 0x85, 0x7B],
    line: [0xC9, 0xC4, 0xBA],
    accent: [0xB4, 0x53, 0x2A],
    good: [0x2E, 0x7D, 0x4F],
    warn: [0x8A, 0x5C, 0x00],
    bad: [0xB3, 0x26, 0x1E],
    hues: [
        [0xA8, 0x32, 0x32],
        [0xA0, 0x4A, 0x12],
        [0x85, 0x60, 0x00],
        [0x5F, 0x6B, 0x00],
        [0x3A, 0x73, 0x20],
        [0x0F, 0x75, 0x50],
        [0x0B, 0x71, 0x7D],
        [0x1A, 0x68, 0xA8],
        [0x44, 0x56, 0xC0],
        [0x6E, 0x47, 0xB8],
        [0x93, 0x3A, 0x9B],
        [0xA5, 0x30, 0x6A],
    ],
};

pub(super) const DARK: Palette = Palette {
    paper: [0x18, 0x17, 0x15],
    quiet: [0xB3, 0xAE, 0xA3],
    mark: [0x83, 0x7E, 0x73],
    line: [0x4A, 0x47, 0x40],
    accent: [0xE5, 0x8A, 0x5B],
    good: [0x6F, 0xBF, 0x8B],
    warn: [0xD9, 0xA4, 0x41],
    bad: [0xF2, 0x87, 0x7E],
    hues: [
        [0xE5, 0x8A, 0x8A],
        [0xE5, 0x9A, 0x6B],
        [0xD9, 0xB0, 0x4F],
        [0xB5, 0xC2, 0x5A],
        [0x86, 0xC9, 0x7A],
        [0x66, 0xCB, 0xA0],
        [0x5F, 0xC8, 0xCF],
        [0x73, 0xB8, 0xEC],
        [0x93, 0xA7, 0xF5],
        [0xB6, 0x9A, 0xF2],
        [0xD8, 0x91, 0xE0],
        [0xEA, 0x8B, 0xB5],
    ],
};

impl Palette {
    pub(super) fn token(&self, token: Token) -> [u8; 3] {
        match token {
            Token::Quiet => self.quiet,
            Token::Mark => self.mark,
            Token::Line => self.line,
            Token::Accent => self.accent,
            Token::Good => self.good,
            Token::Warn => self.warn,
            Token::Bad => self.bad,
        }
    }
}

/// A token in the sixteen colours. `Reset` is the terminal's own ink.
pub(super) fn sixteen(shade: Shade, token: Token) -> Color {
    match (token, shade) {
        (Token::Quiet | Token::Mark | Token::Line, _) => Color::Reset,
        (Token::Accent, Shade::Dark) => Color::LightYellow,
        (Token::Accent, Shade::Light) => Color::Magenta,
        (Token::Good, Shade::Dark) => Color::LightGreen,
        (Token::Good, Shade::Light) => Color::Blue,
        (Token::Warn, Shade::Dark) => Color::Yellow,
        (Token::Warn | Token::Bad, Shade::Light) => Color::Red,
        (Token::Bad, Shade::Dark) => Color::LightRed,
    }
}

/// A person's hue in the sixteen colours: those that are readable on the shade.
pub(super) fn sixteen_hue(shade: Shade, hue: usize) -> Color {
    const ON_DARK: [Color; 6] = [
        Color::LightRed,
        Color::Yellow,
        Color::LightGreen,
        Color::LightCyan,
        Color::LightMagenta,
        Color::Cyan,
    ];
    const ON_LIGHT: [Color; 3] = [Color::Red, Color::Blue, Color::Magenta];
    match shade {
        Shade::Dark => ON_DARK[hue * ON_DARK.len() / HUES],
        Shade::Light => ON_LIGHT[hue * ON_LIGHT.len() / HUES],
    }
}

/// The nearest of the 240 fixed colours of a 256-colour terminal (the first 16 are the user's own).
pub(super) fn indexed(wanted: [u8; 3]) -> Color {
    let nearest = (16..=255u8).min_by_key(|index| distance(indexed_rgb(*index), wanted));
    Color::Indexed(nearest.unwrap_or(u8::MAX))
}

/// What a fixed colour of a 256-colour terminal looks like.
pub(super) fn indexed_rgb(index: u8) -> [u8; 3] {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    if index >= 232 {
        return [8 + 10 * (index - 232); 3];
    }
    let at = usize::from(index.saturating_sub(16));
    [STEPS[at / 36 % 6], STEPS[at / 6 % 6], STEPS[at % 6]]
}

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let square = |at: usize| u32::from(one[at].abs_diff(other[at])).pow(2);
    // The eye's own weights, roughly.
    2 * square(0) + 4 * square(1) + 3 * square(2)
}
