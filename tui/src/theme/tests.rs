use parlor_client_core::api::UserId;
use ratatui::style::{Color, Modifier};

use super::palette::{DARK, HUES, LIGHT, Palette, indexed, indexed_rgb, sixteen, sixteen_hue};
use super::{Depth, Shade, Theme, Token, Wish, detect};

const TOKENS: [Token; 7] = [
    Token::Quiet,
    Token::Mark,
    Token::Line,
    Token::Accent,
    Token::Good,
    Token::Warn,
    Token::Bad,
];

/// Words need 4.5:1, marks 3:1; a hairline is only decoration.
fn needed(token: Token) -> f64 {
    match token {
        Token::Line => 1.3,
        Token::Mark => 3.0,
        _ => 4.5,
    }
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        match part <= 0.04045 {
            true => part / 12.92,
            false => ((part + 0.055) / 1.055).powf(2.4),
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The sixteen colours as xterm shows them.
fn xterm(colour: Color) -> Option<[u8; 3]> {
    Some(match colour {
        Color::Red => [205, 0, 0],
        Color::Green => [0, 205, 0],
        Color::Yellow => [205, 205, 0],
        Color::Blue => [0, 0, 238],
        Color::Magenta => [205, 0, 205],
        Color::Cyan => [0, 205, 205],
        Color::LightRed => [255, 0, 0],
        Color::LightGreen => [0, 255, 0],
        Color::LightYellow => [255, 255, 0],
        Color::LightMagenta => [255, 0, 255],
        Color::LightCyan => [0, 255, 255],
        _ => return None,
    })
}

fn shades() -> [(Shade, &'static Palette); 2] {
    [(Shade::Light, &LIGHT), (Shade::Dark, &DARK)]
}

#[test]
fn every_token_and_hue_is_readable_on_its_paper() {
    for (shade, palette) in shades() {
        for token in TOKENS {
            let found = contrast(palette.token(token), palette.paper);
            assert!(found >= needed(token), "{shade:?} {token:?}: {found:.2}");
        }
        for (hue, colour) in palette.hues.iter().enumerate() {
            let found = contrast(*colour, palette.paper);
            assert!(found >= 4.5, "{shade:?} hue {hue}: {found:.2}");
        }
    }
}

#[test]
fn the_nearest_of_256_colours_is_still_readable() {
    for (shade, palette) in shades() {
        let words = TOKENS.map(|token| (palette.token(token), needed(token)));
        let names = palette.hues.map(|hue| (hue, 4.5));
        for (wanted, needed) in words.into_iter().chain(names) {
            let Color::Indexed(index) = indexed(wanted) else {
                panic!("{wanted:?} is no index");
            };
            // Rounding to the cube may cost a tenth.
            let found = contrast(indexed_rgb(index), palette.paper);
            assert!(found >= needed * 0.9, "{shade:?} {wanted:02x?}: {found:.2}");
        }
    }
}

#[test]
fn sixteen_colours_are_readable_on_black_and_on_white() {
    for (shade, paper) in [(Shade::Light, [255; 3]), (Shade::Dark, [0; 3])] {
        let tokens = TOKENS.map(|token| sixteen(shade, token));
        let hues = (0..HUES).map(|hue| sixteen_hue(shade, hue));
        for colour in tokens.into_iter().chain(hues) {
            let Some(shown) = xterm(colour) else {
                assert_eq!(
                    colour,
                    Color::Reset,
                    "only the terminal's own ink is left out"
                );
                continue;
            };
            let found = contrast(shown, paper);
            assert!(found >= 4.5, "{shade:?} {colour:?}: {found:.2}");
        }
    }
}

#[test]
fn without_colour_no_colour_is_set_and_meanings_still_differ() {
    let theme = Theme {
        depth: Depth::None,
        shade: Shade::Dark,
    };
    for token in TOKENS {
        assert_eq!(theme.style(token).fg, None, "{token:?}");
    }
    assert_eq!(theme.person(UserId([7; 16])).fg, None);
    let accent = theme.style(Token::Accent);
    assert!(accent.add_modifier.contains(Modifier::BOLD));
    assert_ne!(accent, theme.style(Token::Quiet));
}

#[test]
fn the_environment_decides_and_the_user_overrides() {
    let with = |wish, pairs: &[(&str, &str)]| {
        let found = |name: &str| {
            let pair = pairs.iter().find(|pair| pair.0 == name);
            pair.map(|pair| pair.1.to_owned())
        };
        let theme = detect(wish, found);
        (theme.depth, theme.shade)
    };
    let auto = |pairs: &[(&str, &str)]| with(Wish::Auto, pairs);
    assert_eq!(auto(&[("TERM", "xterm")]), (Depth::Sixteen, Shade::Dark));
    assert_eq!(auto(&[("TERM", "tmux-256color")]).0, Depth::Indexed);
    assert_eq!(auto(&[("TERM", "dumb")]).0, Depth::None);
    let rich = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
    assert_eq!(auto(&rich).0, Depth::True);
    assert_eq!(auto(&[rich[0], rich[1], ("NO_COLOR", "1")]).0, Depth::None);
    assert_eq!(auto(&[rich[1], ("NO_COLOR", "")]).0, Depth::True);
    assert_eq!(auto(&[("COLORFGBG", "0;default;15")]).1, Shade::Light);
    assert_eq!(with(Wish::Dark, &[("COLORFGBG", "0;15")]).1, Shade::Dark);
    assert_eq!(with(Wish::None, &rich).0, Depth::None);
}
