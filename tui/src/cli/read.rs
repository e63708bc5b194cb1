//! Reading messages out of a room.

use std::time::Duration;

use jiff::tz::TimeZone;
use parlor_client_core::api::{Change, Changes, Core, MessageId, MessageView};
use parlor_client_core::text::{safe, sanitize_line};
use serde_json::json;

use super::arguments::{Arguments, Tail};
use super::failure::Failure;
use super::output::{line, minute, utc};
use super::session::{self, Reach};

/// Messages printed when nobody says how many.
const USUAL_COUNT: u64 = 20;
/// Wait for a name that has to be asked for; then the line goes out with what is known.
const NAME_WITHIN: Duration = Duration::from_secs(2);
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
    let mut names = Names {
        changes: core.changes(),
        core: core.clone(),
    };
    let printed = loop {
        let next = tokio::select! {
            next = messages.next() => next?,
            // How one ends a `--follow`.
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(message) = next else { break Ok(()) };
        let name = names.of(&message, reach).await;
        let text = match given.json {
            true => as_json(&message, &name).to_string(),
            false => as_line(&message, &name, &zone),
        };
        if let Err(failure) = line(&text) {
            break Err(failure);
        }
    };
    drop(messages);
    core.close().await;
    printed
}

/// Who wrote what: the core asks the server for people it does not know yet.
struct Names {
    changes: Changes,
    core: Core,
}

impl Names {
    async fn of(&mut self, message: &MessageView, reach: Reach) -> String {
        let known = |core: &Core| {
            core.person(message.author)
                .map(|person| person.display_name)
        };
        // Of oneself the account tells, also where nobody can be asked.
        if let (true, Ok(me)) = (message.own, self.core.whoami()) {
            return me.display_name;
        }
        let asked = async {
            loop {
                if let Some(name) = known(&self.core) {
                    return name;
                }
                if self.changes.next().await == Change::Closed {
                    return message.author_name.to_string();
                }
            }
        };
        let patience = match reach {
            Reach::Server => NAME_WITHIN,
            Reach::Stored => Duration::ZERO,
        };
        let named = tokio::time::timeout(patience, asked).await;
        named.unwrap_or_else(|_| message.author_name.to_string())
    }
}

/// `2026-11-21 10:42  Ada: text`, further lines indented; nothing in it moves the cursor.
fn as_line(message: &MessageView, name: &str, zone: &TimeZone) -> String {
    let name = sanitize_line(name, NAME_COLUMNS);
    let at = minute(message.at_ms, zone);
    let text = match message.deleted {
        true => "(deleted)".into(),
        false => safe(&message.text),
    };
    format!("{at}  {name}: {}", text.replace('\n', "\n    "))
}

/// The text as it was written, byte for byte.
fn as_json(message: &MessageView, name: &str) -> serde_json::Value {
    let seq = match message.id {
        MessageId::Seq(seq) => Some(seq),
        MessageId::Unsent(_) => None,
    };
    json!({
        "room": message.room.to_string(),
        "seq": seq,
        "at": utc(message.at_ms),
        "author": name,
        "author_id": message.author.to_string(),
        "text": message.text,
        "edited": message.edited,
        "deleted": message.deleted,
    })
}
