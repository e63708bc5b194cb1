//! Reading messages out of a room.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use parlor_client_core::api::{MessageId, MessageView};
use parlor_client_core::text::{safe, sanitize_line};
use serde_json::json;

use super::arguments::{Arguments, Tail};
use super::failure::Failure;
use super::output::line;
use super::session::{self, Reach};

/// Messages printed when nobody says how many.
const USUAL_COUNT: u64 = 20;
/// Columns of a name at most.
const NAME_COLUMNS: usize = 32;

pub(super) async fn tail(given: &Arguments, tail: &Tail) -> Result<(), Failure> {
    let reach = match tail.offline {
        true => Reach::Stored,
        false => Reach::Server,
    };
    let core = session::enter(given, reach).await?;
    let room = session::room(&core, given, &tail.room).await?;
    let count = tail.count.or(tail.from.is_none().then_some(USUAL_COUNT));
    let mut messages = core.read(room, tail.from, count, tail.follow);
    let zone = TimeZone::system();
    let printed = loop {
        let next = tokio::select! {
            next = messages.next() => next?,
            // How one ends a `--follow`.
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(message) = next else { break Ok(()) };
        let text = match given.json {
            true => as_json(&message).to_string(),
            false => as_line(&message, &zone),
        };
        if let Err(failure) = line(&text) {
            break Err(failure);
        }
    };
    drop(messages);
    core.close().await;
    printed
}

/// `2026-11-21 10:42  Ada: text`, further lines indented; nothing in it moves the cursor.
fn as_line(message: &MessageView, zone: &TimeZone) -> String {
    let name = sanitize_line(&message.author_name, NAME_COLUMNS);
    let at = at(message.at_ms).map_or_else(String::new, |at| {
        at.to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M")
            .to_string()
    });
    let text = match message.deleted {
        true => "(deleted)".into(),
        false => safe(&message.text),
    };
    format!("{at}  {name}: {}", text.replace('\n', "\n    "))
}

/// The text as it was written, byte for byte.
fn as_json(message: &MessageView) -> serde_json::Value {
    let seq = match message.id {
        MessageId::Seq(seq) => Some(seq),
        MessageId::Unsent(_) => None,
    };
    json!({
        "room": message.room.to_string(),
        "seq": seq,
        "at": at(message.at_ms).map(|at| at.to_string()),
        "author": message.author_name,
        "author_id": message.author.to_string(),
        "text": message.text,
        "edited": message.edited,
        "deleted": message.deleted,
    })
}

fn at(at_ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()
}
