//! Which colours this terminal has, from what its environment says.

use super::{Depth, Shade, Theme};

/// What the user asked for by `--theme` or `PARLOR_THEME`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wish {
    /// Guessed from the terminal
    #[default]
    Auto,
    Dark,
    Light,
    /// No colour at all
    None,
}

/// Reads the environment through `variable`, so that a test can stand in for it.
pub(crate) fn detect(wish: Wish, variable: impl Fn(&str) -> Option<String>) -> Theme {
    let depth = match wish {
        Wish::None => Depth::None,
        _ => depth(&variable),
    };
    let shade = match wish {
        Wish::Light => Shade::Light,
        Wish::Dark => Shade::Dark,
        _ => shade(variable("COLORFGBG").as_deref()),
    };
    Theme { depth, shade }
}

fn depth(variable: &impl Fn(&str) -> Option<String>) -> Depth {
    if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Depth::None;
    }
    let term = variable("TERM").unwrap_or_default();
    if term == "dumb" {
        return Depth::None;
    }
    let many = variable("COLORTERM").unwrap_or_default();
    if matches!(many.as_str(), "truecolor" | "24bit") || term.ends_with("-direct") {
        return Depth::True;
    }
    if term.contains("256color") {
        Depth::Indexed
    } else {
        Depth::Sixteen
    }
}

/// `COLORFGBG` ends in the background's number among the sixteen; most terminals are dark.
fn shade(colours: Option<&str>) -> Shade {
    let background = colours.and_then(|text| text.rsplit(';').next()?.parse::<u8>().ok());
    match background {
        Some(7 | 15) => Shade::Light,
        _ => Shade::Dark,
    }
}
