//! In a terminal: the others talk at the pace of people, and answer who comes.

use std::time::Duration;

use parlor_client_core::api::{Core, NewRoom, RoomId, RoomKind, UserId};
use tokio::time::{sleep, timeout};

use super::company::Company;
use super::script::{ANSWERS, BEFORE, LIVE, Line, PEOPLE, ROOMS};
use crate::cli::Failure;

/// Time until the first line, so that the newcomer sees the screen first.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Pause between two lines.
const PAUSE: Duration = Duration::from_millis(2_400);
/// Typing, for each character: a quick typist.
const TYPING: Duration = Duration::from_millis(35);
/// Nobody types at one line for longer.
const TYPING_AT_MOST: Duration = Duration::from_secs(3);
/// Before somebody answers: reading.
const READING: Duration = Duration::from_millis(900);
/// A line of the past is in everybody's rooms after this.
const STORE_WITHIN: Duration = Duration::from_secs(10);

/// Rooms, people, and what was said before the newcomer comes.
pub(super) async fn furnish(company: &mut Company) -> Result<(Vec<RoomId>, Vec<Core>), Failure> {
    let mut people = Vec::with_capacity(PEOPLE.len());
    let mut rooms = Vec::with_capacity(ROOMS.len());
    for (at, (name, shown)) in PEOPLE.into_iter().enumerate() {
        if at > 0 {
            people.push(company.guest(name, shown, &rooms).await?);
            continue;
        }
        let host = company.host(name, shown).await?;
        for (name, topic) in ROOMS {
            rooms.push(room(&host, name, topic).await?);
        }
        people.push(host);
    }
    for (room, who, text) in BEFORE {
        let key = people[who].post(rooms[room], text).await?;
        // One after another, or the answers would overtake the questions.
        timeout(STORE_WITHIN, people[who].wait_sent(key))
            .await
            .map_err(|_| Failure::unreachable("timed_out", "the demo's server did not answer"))??;
    }
    Ok((rooms, people))
}

/// A public room; the one that every installation begins with is there already.
async fn room(host: &Core, name: &str, topic: &str) -> Result<RoomId, Failure> {
    if let Ok(room) = host.find_room(name).await {
        host.set_topic(room, topic).await?;
        return Ok(room);
    }
    let (name, topic) = (name.to_owned(), topic.to_owned());
    let kind = RoomKind::Public;
    Ok(host.create_room(NewRoom { kind, name, topic }).await?)
}

/// The rest of the conversation, and answers for the newcomer, until it is ended from outside.
pub(super) async fn talk(people: Vec<Core>, rooms: Vec<RoomId>, you: UserId) {
    // Open rooms, as an app has them: so the others are seen to be there, and to type.
    let screens: Vec<_> = people
        .iter()
        .map(|person| {
            person.timeline(
                rooms[0],
                parlor_client_core::api::Layout {
                    height: 24,
                    estimate: 2,
                },
            )
        })
        .collect();
    tokio::join!(perform(&people, &rooms), answer(&people, rooms[0], you));
    drop(screens);
}

async fn perform(people: &[Core], rooms: &[RoomId]) {
    sleep(SETTLE).await;
    for (room, who, text) in LIVE {
        write(people, rooms, (room, who, text)).await;
        sleep(PAUSE).await;
    }
}

async fn write(people: &[Core], rooms: &[RoomId], (room, who, text): Line) {
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    people[who].set_typing(rooms[room], true);
    sleep((TYPING * length).min(TYPING_AT_MOST)).await;
    people[who].set_typing(rooms[room], false);
    // Refused only when the demo is over.
    let _ = people[who].post(rooms[room], text).await;
}

/// Says something to what the newcomer says, as long as there are answers.
async fn answer(people: &[Core], room: RoomId, you: UserId) {
    let mut heard = people[0].read(room, None, Some(0), true);
    let mut answers = ANSWERS.iter();
    while let Ok(Some(message)) = heard.next().await {
        if message.author != you {
            continue;
        }
        let Some((who, text)) = answers.next() else {
            return;
        };
        sleep(READING).await;
        write(people, &[room], (0, *who, text)).await;
    }
}
