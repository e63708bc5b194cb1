//! Sending: durable here first, and done only when the server has it.

use std::io::{IsTerminal, Read};

use parlor_client_core::api::{Core, PostError, RoomId, SentView};
use serde_json::json;

use super::arguments::{Arguments, Send};
use super::failure::{Exit, Failure};
use super::output::line;
use super::session::{self, Reach};
use crate::arrival::listed;

/// Longest message, bytes. One more may be the line break at its end; then no more is read.
const TEXT_BYTES: u64 = parlor_protocol::limit::TEXT_BYTES as u64;

pub(super) async fn send(given: &Arguments, send: &Send) -> Result<(), Failure> {
    let text = text(send.text.as_deref())?;
    let core = session::open(given, Reach::Server).await?;
    core.whoami()?;
    let room = session::room(&core, given, &send.room).await?;
    let done = deliver(&core, given, room, &text).await;
    core.close().await;
    let sent = done?;
    match given.json {
        true => line(
            &json!({ "room": sent.room.to_string(), "seq": sent.seq, "at_ms": sent.at_ms })
                .to_string(),
        ),
        false => Ok(()),
    }
}

async fn deliver(
    core: &Core,
    given: &Arguments,
    room: RoomId,
    text: &str,
) -> Result<SentView, Failure> {
    // A direct room that was opened just now; a room of others never comes, and is refused below.
    listed(core, room).await;
    let key = match core.post(room, text).await {
        // Found by name on the server, but not among one's own rooms.
        Err(error @ PostError::NoSuchRoom) => return Err(error.into()),
        posted => posted?,
    };
    match tokio::time::timeout(session::patience(given), core.wait_sent(key)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => {
            let why = session::unreachable(core, given);
            let text = format!(
                "{}; the message is kept and goes out by itself when this profile is online again",
                why.text
            );
            Err(Failure::unreachable("kept", text))
        }
    }
}

/// The message: the argument, or standard input without the line break at its end.
fn text(given: Option<&str>) -> Result<String, Failure> {
    match given {
        Some(text) if text != "-" => return Ok(text.to_owned()),
        None if std::io::stdin().is_terminal() => {
            return Err(Failure::usage(
                "there is no message: give TEXT, or - to type it on standard input",
            ));
        }
        _ => {}
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(TEXT_BYTES + 2)
        .read_to_end(&mut bytes);
    read.map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
    if bytes.len() as u64 == TEXT_BYTES + 2 {
        return Err(Failure {
            exit: Exit::Refused,
            code: "text_too_long",
            text: "the message is longer than 1 MB: send it in parts or as a file".to_owned(),
        });
    }
    let mut text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("standard input is not UTF-8 text: convert it first"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
