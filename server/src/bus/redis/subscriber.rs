//! Hears the channels over a connection of its own, and makes it anew whenever it fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::canary::{Canaries, Verdict};
use super::shared::Shared;
use crate::bus::channel::Channel;
use crate::bus::envelope::{Content, Reject, sender};
use crate::bus::event::{Event, Half};
use crate::guard::backoff::{Backoff, random};
use crate::redis::{Reply, RespReader, Stream, dial, words};

/// Time for writing a few commands: a Redis that does not read is dead.
const WRITE_WITHIN: Duration = Duration::from_secs(1);
/// A connection that lived so long was a good one: the next attempt comes at once again.
const STEADY: Duration = Duration::from_secs(5);
/// Channels asked for by one command, so that no command is large.
const CHANNELS_A_COMMAND: usize = 64;

pub(super) async fn run(shared: Arc<Shared>) {
    let mut subscriber = Subscriber {
        canaries: Canaries::new(0),
        clock: Instant::now(),
        rebuilding: false,
        shared,
    };
    let mut backoff = Backoff::redial();
    let mut told = String::new();
    loop {
        match dial(&subscriber.shared.settings.address).await {
            Ok(stream) => {
                told.clear();
                subscriber.shared.counters.connects.add(1);
                let since = Instant::now();
                let end = subscriber.hear(stream).await;
                subscriber.rebuilding = end == End::Deaf;
                tracing::warn!("the bus' subscription ended: {end:?}");
                if since.elapsed() >= STEADY {
                    backoff.reset();
                }
            }
            Err(error) => {
                subscriber.rebuilding = false;
                let reason = error.to_string();
                if told != reason {
                    tracing::warn!("no bus: {reason}");
                    told = reason;
                }
            }
        }
        if !subscriber.rebuilding {
            subscriber.set_up(false);
        }
        sleep(backoff.next(random())).await;
    }
}

/// Why a connection was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The other side closed it, it broke, or it spoke nonsense.
    Broken,
    /// Nothing arrived any more, or a new connection did not mend deafness.
    Dead,
    /// A channel's canaries did not come, over a connection that works.
    Deaf,
}

struct Subscriber {
    shared: Arc<Shared>,
    canaries: Canaries,
    clock: Instant,
    /// The last connection worked and was given up for a deaf channel: the bus is not away unless
    /// the next one cannot be had.
    rebuilding: bool,
}

/// A connection and what was asked for over it.
struct Line {
    stream: Stream,
    asked: BTreeSet<Channel>,
    /// The channels of the start are confirmed, and the rest of the node knows.
    settled: bool,
    /// It is known to deliver.
    up: bool,
}

impl Subscriber {
    async fn hear(&mut self, stream: Stream) -> End {
        let mut line = Line {
            stream,
            asked: BTreeSet::new(),
            settled: false,
            up: false,
        };
        let mut reader = RespReader::default();
        self.canaries.connected(self.now_ms());
        let mut interest_changed = true;
        loop {
            if std::mem::take(&mut interest_changed)
                && let Err(end) = self.follow_interest(&mut line).await
            {
                return end;
            }
            let next_round = self.clock + Duration::from_millis(self.canaries.next_ms());
            tokio::select! {
                read = line.stream.read_buf(reader.buffer()) => match read {
                    Ok(0) | Err(_) => return End::Broken,
                    Ok(_) => if !self.take_replies(&mut reader, &mut line) {
                        return End::Broken;
                    }
                },
                () = self.shared.interest_changed.notified() => interest_changed = true,
                () = sleep_until(next_round) => {
                    if let Err(end) = self.next_round(&mut line).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Asks for channels that are wanted now, and gives up those that are not.
    async fn follow_interest(&mut self, line: &mut Line) -> Result<(), End> {
        let wanted = self.shared.wanted();
        if wanted == line.asked {
            return Ok(());
        }
        let more: Vec<Channel> = wanted.difference(&line.asked).copied().collect();
        let fewer: Vec<Channel> = line.asked.difference(&wanted).copied().collect();
        more.iter().for_each(|it| self.canaries.asked(*it));
        fewer.iter().for_each(|it| self.canaries.left(*it));
        line.asked = wanted;
        let mut bytes = self.command("SUBSCRIBE", &more);
        bytes.extend(self.command("UNSUBSCRIBE", &fewer));
        write(&mut line.stream, &bytes).await
    }

    fn command(&self, verb: &str, channels: &[Channel]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for some in channels.chunks(CHANNELS_A_COMMAND) {
            let names: Vec<String> = some.iter().map(|it| self.shared.name(*it)).collect();
            let mut parts = vec![verb];
            parts.extend(names.iter().map(String::as_str));
            bytes.extend(words(&parts));
        }
        bytes
    }

    async fn next_round(&mut self, line: &mut Line) -> Result<(), End> {
        let can_send = self.shared.events.is_up(Half::Publisher);
        match self.canaries.round(self.now_ms(), can_send) {
            Verdict::Dead => Err(End::Dead),
            Verdict::Rebuild { deaf } => {
                tracing::warn!("the bus does not deliver {} of its channels", deaf.len());
                self.shared.counters.rebuilds.add(1);
                Err(End::Deaf)
            }
            Verdict::Fine { round, channels } => {
                self.shared.outgoing.send_canaries(round, channels);
                // Its answer shows that the connection lives, also while no canary can be sent.
                write(&mut line.stream, &words(&["PING"])).await
            }
        }
    }

    /// Whether all of it made sense.
    fn take_replies(&mut self, reader: &mut RespReader, line: &mut Line) -> bool {
        self.canaries.heard_any();
        let mut begun = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(reply)) => {
                    if !self.take_reply(&reply, &mut begun) {
                        return false;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!("{}: {error}", self.shared.settings.address);
                    return false;
                }
            }
        }
        self.settle(line, begun);
        true
    }

    fn take_reply(&mut self, reply: &Reply, begun: &mut Vec<Channel>) -> bool {
        let Reply::List(parts) = reply else {
            return !matches!(reply, Reply::Error(_));
        };
        let part = |at: usize| parts.get(at).and_then(Reply::bytes);
        match (part(0).map(|it| &it[..]), part(1), part(2)) {
            (Some(b"message"), Some(name), Some(payload)) => {
                self.take_message(name, payload.clone());
            }
            (Some(b"subscribe"), Some(name), _) => {
                let channel = self.channel(name);
                begun.extend(channel.filter(|it| self.canaries.confirmed(*it)));
            }
            (Some(b"unsubscribe"), Some(name), _) => {
                if let Some(channel) = self.channel(name) {
                    self.canaries.unconfirmed(channel);
                }
            }
            _ => {}
        }
        true
    }

    fn take_message(&mut self, name: &Bytes, payload: Bytes) {
        let Some(channel) = self.channel(name) else {
            return;
        };
        let Shared {
            counters, events, ..
        } = &*self.shared;
        // The name is one of ours, and those are ASCII.
        let name = String::from_utf8_lossy(name);
        let node = sender(&payload);
        match self.shared.open(&name, payload) {
            Ok(Content::Frame(bytes)) => {
                counters.received.add(1);
                let frame = Event::Frame {
                    channel,
                    node,
                    bytes,
                };
                events.push(frame, counters);
            }
            Ok(Content::Canary(_)) => self.canaries.heard(channel),
            Err(Reject::Own) => counters.own.add(1),
            Err(Reject::OthersCanary) => {}
            Err(Reject::Forged) => counters.forged.add(1),
            Err(Reject::Epoch) => counters.foreign_epoch.add(1),
            Err(Reject::Malformed) => counters.malformed.add(1),
        }
    }

    /// Tells what is delivered from now on.
    fn settle(&mut self, line: &mut Line, mut begun: Vec<Channel>) {
        if !line.settled {
            if !self.canaries.all_confirmed() {
                return;
            }
            line.settled = true;
            begun = match self.rebuilding {
                true => line.asked.iter().copied().collect(),
                // Being back says it.
                false => Vec::new(),
            };
        }
        if !begun.is_empty() {
            let event = Event::Rebuilt { channels: begun };
            self.shared.events.push(event, &self.shared.counters);
        }
        // What was away for being deaf is back once it hears.
        if !line.up && (self.rebuilding || !self.canaries.on_trial()) {
            line.up = true;
            self.set_up(true);
        }
    }

    fn set_up(&self, up: bool) {
        let Shared {
            counters, events, ..
        } = &*self.shared;
        events.set(Half::Subscriber, up, counters);
    }

    fn channel(&self, name: &Bytes) -> Option<Channel> {
        let settings = &self.shared.settings;
        let name = std::str::from_utf8(name).ok()?;
        settings.channels.by_name(&settings.prefix, name)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

async fn write(stream: &mut Stream, bytes: &[u8]) -> Result<(), End> {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    match timeout(WRITE_WITHIN, written).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Broken),
        Err(_) => Err(End::Dead),
    }
}
