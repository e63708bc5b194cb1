//! From a pipe: two clients talk, and each line is printed with the time it took to arrive.

use std::time::{Duration, Instant};

use parlor_client_core::api::{Core, NewRoom, Reader, RoomId, RoomKind};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::company::Company;
use super::script::{DUET, PEOPLE, ROOMS};
use crate::cli::{Failure, output};

/// A line that takes longer has not arrived.
const ARRIVE_WITHIN: Duration = Duration::from_secs(10);
/// A breath between two lines.
const BREATH: Duration = Duration::from_millis(120);
/// Reading and typing, for each character of the next line.
const TYPING: Duration = Duration::from_millis(3);

/// Plays the conversation; `Err` unless every line arrived once, in order and unharmed.
pub(super) async fn play(company: &mut Company, json: bool) -> Result<(), Failure> {
    let (name, shown) = PEOPLE[0];
    let ada = company.host(name, shown).await?;
    let room = ada
        .create_room(NewRoom {
            kind: RoomKind::Private,
            name: ROOMS[0].0.to_owned(),
            topic: ROOMS[0].1.to_owned(),
        })
        .await?;
    let (name, shown) = PEOPLE[1];
    let bruno = company.guest(name, shown, &[room]).await?;
    // Each hears what the other says, in the order of the room.
    let mut ears = [
        ada.read(room, Some(1), None, true),
        bruno.read(room, Some(1), None, true),
    ];
    let voices = [ada, bruno];
    let mut slowest = Duration::ZERO;
    for (at, (who, text)) in DUET.into_iter().enumerate() {
        sleep(BREATH + TYPING * u32::try_from(text.chars().count()).unwrap_or(0)).await;
        let took = say(&voices[who], room, text, &mut ears, who).await?;
        slowest = slowest.max(took);
        print(json, at + 1, PEOPLE[who].1, text, took)?;
    }
    if !json {
        output::say(&format!(
            "{} messages through a server, two clients and QUIC: each arrived once and in order, the slowest after {}",
            DUET.len(),
            ms(slowest)
        ));
    }
    Ok(())
}

/// Posts a line and waits until both have it; the time until the other one had.
async fn say(
    voice: &Core,
    room: RoomId,
    text: &str,
    ears: &mut [Reader; 2],
    who: usize,
) -> Result<Duration, Failure> {
    let begun = Instant::now();
    voice.post(room, text).await?;
    hear(&mut ears[1 - who], text).await?;
    let took = begun.elapsed();
    hear(&mut ears[who], text).await?;
    Ok(took)
}

async fn hear(ear: &mut Reader, text: &str) -> Result<(), Failure> {
    let lost = |text: &str| {
        Failure::local(
            "demo_failed",
            format!("not delivered as it was sent: {text:?}"),
        )
    };
    let heard = timeout(ARRIVE_WITHIN, ear.next())
        .await
        .map_err(|_| lost(text))??;
    match heard {
        Some(message) if &*message.text == text => Ok(()),
        _ => Err(lost(text)),
    }
}

fn print(json: bool, seq: usize, name: &str, text: &str, took: Duration) -> Result<(), Failure> {
    if json {
        let took_ms = took.as_secs_f64() * 1000.0;
        let line = json!({ "seq": seq, "author": name, "text": text, "delivered_ms": took_ms });
        return output::line(&line.to_string());
    }
    output::line(&format!("{:>9}  {name:<6} {text}", ms(took)))
}

fn ms(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}
