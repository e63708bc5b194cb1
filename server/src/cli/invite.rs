//! `invite`: join links.

use clap::Args;

use super::reached::{ask, unexpected};
use super::{Failure, say};
use crate::config::Loaded;
use crate::ops::admin::{Answer, Command};

#[derive(Debug, Args)]
pub(super) struct Invite {
    /// How many people may use it; 0 for any number
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    uses: u32,
    /// How long it is good: 12h, 7d, 4w [default: invite.life_days]
    #[arg(long, value_name = "TIME", value_parser = hours)]
    expires: Option<u32>,
    /// A room that it opens: a public one's name or any one's id; may be given again
    #[arg(long, value_name = "ROOM")]
    room: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Longest life of an invite, hours: ten years.
const HOURS_MAX: u32 = 10 * 366 * 24;

impl Invite {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let command = Command::Invite {
            uses: self.uses,
            hours: self.expires.unwrap_or(0),
            rooms: self.room,
        };
        let Answer::Invite {
            link,
            expires_at_ms,
        } = ask(loaded, command)?
        else {
            return Err(unexpected());
        };
        if self.json {
            let answer = serde_json::json!({ "link": link, "expires_at_ms": expires_at_ms });
            return say(&answer.to_string());
        }
        say(&link)
    }
}

/// Reads `12h`, `7d` or `4w` as hours.
fn hours(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is not a time like 12h, 7d or 4w");
    let unit = text.chars().next_back().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(text.len() - unit);
    let hours_of_one = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(hours_of_one) {
        Some(hours @ 1..=HOURS_MAX) => Ok(hours),
        _ => Err("an invite lives from one hour to ten years".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::hours;

    #[test]
    fn times_are_hours_days_and_weeks() {
        assert_eq!(hours("1h"), Ok(1));
        assert_eq!(hours("7d"), Ok(168));
        assert_eq!(hours("2w"), Ok(336));
        for wrong in [
            "",
            "h",
            "7",
            "7x",
            "-1d",
            "1.5h",
            "0h",
            "99999999w",
            "d7",
            "7é",
        ] {
            assert!(hours(wrong).is_err(), "{wrong:?}");
        }
    }
}
