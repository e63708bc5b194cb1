//! Takes what the bus brings, and compares what this node holds with the database, so that what the
//! bus lost costs a second and not a message.

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::{Code, RoomId, SessionId, UserId};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::Peers;
use super::hear::hear;
use crate::bus::{Channel, Event, Events};
use crate::mutation::{self, Mutation};
use crate::shard::{Core, Here, ToShard};

/// Rooms, people or sessions asked for at once.
const AT_ONCE: usize = 1_000;
/// Shortest time between two looks at rooms: those due meanwhile are looked at together.
const LOOK_APART: Duration = Duration::from_millis(10);
/// Time between two looks at what people here hold of their own, and at their sessions; shorter while
/// frames may be missing, so that a session that ended elsewhere is over within a second or two.
const PEOPLE_EVERY: Duration = Duration::from_secs(2);
const PEOPLE_EVERY_AWAY: Duration = Duration::from_millis(500);
/// Pause after so many people were looked at: bounds what this asks of the database.
const PEOPLE_PAUSE: Duration = Duration::from_millis(200);

/// Follows the other nodes until the bus ends.
pub async fn watch(core: Arc<Core>, peers: Arc<Peers>, events: Events) {
    if mutation::on(Mutation::NoSweep) {
        return listen(&core, &peers, events).await;
    }
    tokio::select! {
        () = listen(&core, &peers, events) => {}
        () = compare_rooms(&core, &peers) => {}
        () = compare_people(&core, &peers) => {}
    }
}

async fn listen(core: &Core, peers: &Peers, mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            Event::Frame { bytes, node, .. } => hear(core, peers, node, bytes).await,
            said => {
                if let Some(cached) = peers.cached() {
                    cached.cache().heard(&said);
                    if said == Event::Back {
                        let cached = cached.clone();
                        tokio::spawn(async move { cached.warm().await });
                    }
                }
                let away = said == Event::Away;
                note(peers, said);
                if !away {
                    core.shard.send(ToShard::AskNodes).await;
                }
            }
        }
    }
}

/// What the bus says of itself.
fn note(peers: &Peers, event: Event) {
    let now_ms = peers.now_ms();
    let channels = peers.bus().channels();
    match event {
        Event::Frame { .. } => return,
        Event::Away => {
            tracing::warn!("the bus is away; other nodes are followed through the database");
            peers.sweep().away(now_ms);
        }
        Event::Back => {
            tracing::info!("the bus works");
            peers.sweep().back(now_ms);
            peers.look.notify_one();
        }
        Event::Rebuilt { channels: anew } => {
            let concerns = |room: RoomId| anew.contains(&channels.room(room));
            peers.sweep().rebuilt(concerns, now_ms);
            if anew.iter().any(|it| !matches!(it, Channel::Rooms(_))) {
                peers.look.notify_one();
            }
        }
        Event::Missed => {
            peers.sweep().missed(now_ms);
            if peers.bus().is_away() {
                peers.sweep().away(now_ms);
            }
            peers.look.notify_one();
        }
    }
    peers.sooner.notify_one();
}

async fn compare_rooms(core: &Core, peers: &Peers) {
    loop {
        let due_ms = peers.sweep().next_at();
        let wait = due_ms.map(|due| Duration::from_millis(due.saturating_sub(peers.now_ms())));
        tokio::select! {
            () = at(wait) => {}
            () = peers.sooner.notified() => {}
        }
        let rooms = peers.sweep().next(peers.now_ms(), AT_ONCE);
        if !rooms.is_empty() {
            core.metrics.heads_compared.add(rooms.len() as u64);
            match core.store.rooms_reached(&rooms).await {
                Ok(heads) => core.shard.send(ToShard::Reached(heads)).await,
                Err(error) => {
                    tracing::debug!(%error, "heads could not be compared; they are again")
                }
            }
        }
        sleep(LOOK_APART).await;
    }
}

/// After so long; never without a time.
async fn at(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn compare_people(core: &Core, peers: &Peers) {
    loop {
        let every = match peers.bus().is_away() {
            true => PEOPLE_EVERY_AWAY,
            false => PEOPLE_EVERY,
        };
        tokio::select! {
            () = sleep_until(Instant::now() + every) => {}
            () = peers.look.notified() => {}
        }
        let (answer, here) = oneshot::channel();
        core.shard.send(ToShard::WhoIsHere(answer)).await;
        let Ok(here) = here.await else { return };
        for some in here.chunks(AT_ONCE) {
            if let Err(error) = compare_some(core, some).await {
                tracing::debug!(%error, "people's own could not be compared; it is again");
            }
            sleep(PEOPLE_PAUSE).await;
        }
    }
}

async fn compare_some(core: &Core, here: &[Here]) -> crate::store::Result<()> {
    let users: Vec<UserId> = here.iter().map(|person| person.user).collect();
    let sessions: Vec<SessionId> = here.iter().flat_map(|it| it.sessions.clone()).collect();
    let living = core.store.living_sessions(&sessions).await?;
    for person in here {
        let mut ended = person.sessions.clone();
        ended.retain(|session| !living.contains(session));
        if !ended.is_empty() {
            core.sessions_ended_elsewhere(person.user, Some(ended), None, Code::SESSION_ENDED)
                .await;
        }
    }
    for (user, rev) in core.store.people_reached(&users).await? {
        let held = here.iter().find(|person| person.user == user);
        if held.is_some_and(|held| held.rev < rev) {
            let rooms = core.store.heads(user).await?;
            core.shard.send(ToShard::Rooms { user, rev, rooms }).await;
        }
    }
    Ok(())
}
