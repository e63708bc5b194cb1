//! Sends what waits, one flight after the other. While one is under way the next collects.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use crate::bus::channel::Channel;
use crate::bus::envelope::Content;
use crate::bus::event::Half;
use crate::redis::{CommandError, Commands};

/// A Redis that takes longer for a flight is away: hints that late are not hints.
const FLIGHT_WITHIN: Duration = Duration::from_secs(1);

pub(super) async fn run(shared: Arc<Shared>) {
    let commands = Commands::start(shared.settings.address.clone());
    let mut up = commands.up();
    loop {
        let is_up = *up.borrow_and_update();
        shared.events.set(Half::Publisher, is_up, &shared.counters);
        tokio::select! {
            flight = shared.outgoing.next() => send(&shared, &commands, flight).await,
            changed = up.changed() => if changed.is_err() { return },
        }
    }
}

async fn send(shared: &Shared, commands: &Commands, flight: Vec<(Channel, Content)>) {
    let mut pipe = redis::pipe();
    let mut frames = 0;
    for (channel, content) in flight {
        let name = shared.name(channel);
        let sealed = shared.seal(&name, &content);
        frames += u64::from(matches!(content, Content::Frame(_)));
        pipe.cmd("PUBLISH").arg(name).arg(sealed).ignore();
    }
    let sent = commands.run(FLIGHT_WITHIN, |mut connection| async move {
        pipe.query_async::<()>(&mut connection).await
    });
    match sent.await {
        Ok(()) => shared.counters.published.add(frames),
        Err(error) => {
            shared.counters.publish_away.add(frames);
            if error == CommandError::Late {
                commands.suspect();
            }
        }
    }
}
