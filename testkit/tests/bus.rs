//! The bus over a real Redis: order, loss that is told, and every way a Redis can fail.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::frame;
use parlor_protocol::hello::Ping;
use parlor_protocol::{Epoch, Extensions};
use parlor_server::bus::{
    Bus, BusKey, Channel, Channels, Event, Events, NodeNumber, RedisBus, Settings,
};
use parlor_server::redis::RedisAddress;
use parlor_testkit::redis::Redis;
use parlor_testkit::wait::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Far more than anything here takes; a test that waits so long has failed.
const WITHIN: Duration = Duration::from_secs(30);
const ROOM: Channel = Channel::Rooms(3);

/// A node as far as the bus sees one.
struct Node {
    bus: RedisBus,
    events: Events,
}

fn address(redis: &Redis) -> RedisAddress {
    let address: RedisAddress = redis.url().parse().unwrap();
    match redis.authority() {
        Some(file) => address.with_authority(file.to_owned()),
        None => address,
    }
}

fn settings(redis: &Redis, node: u64) -> Settings {
    Settings {
        address: address(redis),
        prefix: "parlor".to_owned(),
        channels: Channels::default(),
        key: BusKey::derive(b"the cluster's secret"),
        node: NodeNumber(node),
        epoch: Epoch(1),
    }
}

impl Node {
    /// One that has taken the room's channel before it connected, and hears it.
    async fn ready(settings: Settings) -> Node {
        let (bus, events) = RedisBus::start(settings);
        let mut node = Node { bus, events };
        node.bus.take(ROOM);
        node.until(|event| *event == Event::Back).await;
        node
    }

    async fn next(&mut self) -> Event {
        let next = timeout(WITHIN, self.events.next()).await;
        next.expect("an event in time").expect("the bus goes on")
    }

    /// Passes what comes before an event.
    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return event;
            }
        }
    }

    fn say(&self, number: u64) {
        self.bus.publish(ROOM, said(number));
    }

    /// The next frame's number.
    async fn heard(&mut self) -> u64 {
        let frame = |event: &Event| matches!(event, Event::Frame { .. });
        let Event::Frame { channel, bytes, .. } = self.until(frame).await else {
            unreachable!("it was a frame");
        };
        assert_eq!(channel, ROOM);
        number(bytes)
    }
}

/// Any frame of the wire will do.
fn said(opaque: u64) -> Bytes {
    frame::encode(
        1,
        &Ping {
            opaque,
            ext: Extensions::NONE,
        },
    )
}

fn number(bytes: Bytes) -> u64 {
    frame::from_datagram(bytes)
        .unwrap()
        .open::<Ping>()
        .unwrap()
        .opaque
}

async fn pair(redis: &Redis) -> (Node, Node) {
    (
        Node::ready(settings(redis, 1)).await,
        Node::ready(settings(redis, 2)).await,
    )
}

/// Says numbers from `first` until one is heard: hints may be lost until both ends are there.
async fn reaches(from: &Node, to: &mut Node, first: u64) {
    let heard = async {
        let mut number = first;
        loop {
            from.say(number);
            match timeout(Duration::from_millis(50), to.heard()).await {
                Ok(heard) if heard >= first => return,
                // Said at an earlier time, or nothing.
                Ok(_) | Err(_) => number += 1,
            }
        }
    };
    timeout(WITHIN, heard).await.expect("one gets through");
}

#[tokio::test]
async fn two_nodes_hear_each_other_in_order_and_not_themselves() {
    let redis = Redis::running().await.unwrap();
    let (mut a, mut b) = pair(&redis).await;
    reaches(&a, &mut b, 0).await;
    for number in 1_000..1_500 {
        a.say(number);
        b.say(number + 10_000);
    }
    for number in 1_000..1_500 {
        assert_eq!(b.heard().await, number);
        assert_eq!(a.heard().await, number + 10_000);
    }
    eventually(WITHIN, || {
        std::future::ready(a.bus.counters().own.get() >= 500)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_channel_is_heard_while_anybody_needs_it() {
    let redis = Redis::running().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    let other = Channel::Rooms(9);
    b.bus.take(other);
    b.bus.take(other);
    let begun =
        |event: &Event| matches!(event, Event::Rebuilt { channels } if channels.contains(&other));
    b.until(begun).await;
    a.bus.publish(other, said(7));
    let frame = Event::Frame {
        node: NodeNumber(1),
        channel: other,
        bytes: said(7),
    };
    b.until(|event| *event == frame).await;
    b.bus.release(other);
    a.bus.publish(other, said(8));
    let frame = Event::Frame {
        node: NodeNumber(1),
        channel: other,
        bytes: said(8),
    };
    b.until(|event| *event == frame).await;
    b.bus.release(other);
    let subscribed = || async {
        let channels = redis.command(&["PUBSUB", "CHANNELS"]).await.unwrap();
        !channels.contains("rooms:9/")
    };
    eventually(WITHIN, subscribed).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_is_killed_and_starts_again_is_away_and_back() {
    let mut redis = Redis::running().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    redis.kill().await.unwrap();
    b.until(|event| *event == Event::Away).await;
    assert!(b.bus.is_away());
    eventually(WITHIN, || std::future::ready(a.bus.is_away()))
        .await
        .unwrap();
    a.say(1);
    eventually(WITHIN, || {
        std::future::ready(a.bus.counters().publish_away.get() > 0)
    })
    .await
    .unwrap();
    redis.start().await.unwrap();
    b.until(|event| *event == Event::Back).await;
    reaches(&a, &mut b, 100).await;
}

#[tokio::test]
async fn killed_subscriptions_are_back_by_themselves() {
    let redis = Redis::running().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    let killed = redis
        .command(&["CLIENT", "KILL", "TYPE", "pubsub"])
        .await
        .unwrap();
    assert_eq!(killed, "2");
    b.until(|event| *event == Event::Away).await;
    b.until(|event| *event == Event::Back).await;
    reaches(&a, &mut b, 1).await;
}

#[tokio::test]
async fn a_flushed_redis_loses_nothing_of_the_bus() {
    let redis = Redis::running().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    redis.command(&["FLUSHALL"]).await.unwrap();
    a.say(5);
    assert_eq!(b.heard().await, 5);
    assert!(!a.bus.is_away() && !b.bus.is_away());
}

#[tokio::test]
async fn a_frozen_redis_is_found_by_its_silence() {
    let redis = Redis::running().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    redis.freeze().unwrap();
    // Nobody says anything: only canaries can tell.
    b.until(|event| *event == Event::Away).await;
    redis.thaw().unwrap();
    b.until(|event| *event == Event::Back).await;
    reaches(&a, &mut b, 1).await;
}

/// What can happen to a subscription without a word: the connection is well and a channel is gone.
#[tokio::test]
async fn a_channel_that_has_fallen_silent_is_found_by_its_canary() {
    let redis = Redis::running().await.unwrap();
    let proxy = Proxy::start(&redis).await;
    let a = Node::ready(settings(&redis, 1)).await;
    let mut b = Node::ready(proxy.before(settings(&redis, 2))).await;
    proxy.deafen(proxy.connections());
    let event = b.until(|event| !matches!(event, Event::Frame { .. })).await;
    let Event::Rebuilt { channels } = event else {
        panic!("{event:?}: the bus was not away");
    };
    assert_eq!(
        channels,
        [Channel::Cluster, ROOM],
        "all were unheard for a moment"
    );
    assert_eq!(b.bus.counters().rebuilds.get(), 1);
    reaches(&a, &mut b, 1).await;
}

#[tokio::test]
async fn a_bus_that_stays_deaf_is_away_until_it_hears_again() {
    let redis = Redis::running().await.unwrap();
    let proxy = Proxy::start(&redis).await;
    let a = Node::ready(settings(&redis, 1)).await;
    let mut b = Node::ready(proxy.before(settings(&redis, 2))).await;
    proxy.deafen(usize::MAX);
    b.until(|event| *event == Event::Away).await;
    proxy.deafen(0);
    b.until(|event| *event == Event::Back).await;
    reaches(&a, &mut b, 1).await;
}

/// A way to a Redis on which messages of the room's channel can get lost.
struct Proxy {
    url: String,
    connections: Arc<AtomicUsize>,
    /// Connections numbered below it do not hear the room.
    deaf: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(redis: &Redis) -> Proxy {
        let to = redis.url().trim_start_matches("redis://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy {
            url: format!("redis://{}", listener.local_addr().unwrap()),
            connections: Arc::default(),
            deaf: Arc::default(),
        };
        let (connections, deaf) = (proxy.connections.clone(), proxy.deaf.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(&to).await else {
                    continue;
                };
                tokio::spawn(carry(client, server, number, deaf.clone()));
            }
        });
        proxy
    }

    fn before(&self, settings: Settings) -> Settings {
        let address = self.url.parse().unwrap();
        Settings {
            address,
            ..settings
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn deafen(&self, below: usize) {
        self.deaf.store(below, Ordering::SeqCst);
    }
}

async fn carry(client: TcpStream, server: TcpStream, number: usize, deaf: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let down = async {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            let mut bytes = buffer[..length].to_vec();
            if number < deaf.load(Ordering::SeqCst) {
                rename(&mut bytes);
            }
            if to_client.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = down => {}
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
    }
}

/// Puts the name of a channel that nobody took in the place of the room's.
fn rename(bytes: &mut [u8]) {
    let name = b"rooms:3/64";
    for at in 0..bytes.len().saturating_sub(name.len()) {
        if bytes[at..].starts_with(name) {
            bytes[at + 6] = b'x';
        }
    }
}

#[tokio::test]
async fn frames_of_strangers_and_of_another_life_are_dropped_and_counted() {
    let redis = Redis::running().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    let stranger = Settings {
        key: BusKey::derive(b"another secret"),
        ..settings(&redis, 3)
    };
    let stranger = Node::ready(stranger).await;
    let past = Settings {
        epoch: Epoch(9),
        ..settings(&redis, 4)
    };
    let past = Node::ready(past).await;
    stranger.say(66);
    past.say(67);
    redis
        .command(&["PUBLISH", "parlor:bus:rooms:3/64", "hello"])
        .await
        .unwrap();
    let dropped = || {
        let counters = b.bus.counters();
        let all = counters.forged.get() >= 2 && counters.foreign_epoch.get() >= 1;
        std::future::ready(all)
    };
    eventually(WITHIN, dropped).await.unwrap();
    a.say(1);
    assert_eq!(b.heard().await, 1, "and nothing of the others");
    b.bus.set_epoch(Epoch(9));
    past.say(68);
    assert_eq!(b.heard().await, 68);
}

#[tokio::test]
async fn more_than_fits_is_dropped_told_and_never_waited_for() {
    let redis = Redis::running().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    // The reader reads nothing meanwhile; the sender outruns its own queue as well.
    const FRAMES: u64 = 40_000;
    for number in 0..FRAMES {
        a.say(number);
        if number % 1_000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let settled = || {
        let (out, into) = (a.bus.counters(), b.bus.counters());
        let sent = out.published.get() + out.publish_full.get() + out.publish_away.get();
        let all = sent == FRAMES && into.received.get() == out.published.get();
        std::future::ready(all)
    };
    eventually(WITHIN, settled).await.unwrap();
    let missed = b.bus.counters().missed.get();
    assert!(
        a.bus.counters().publish_full.get() + missed > 0,
        "it was more than fits"
    );
    if missed > 0 {
        b.until(|event| *event == Event::Missed).await;
    }
    let oversize = Bytes::from(vec![0; 300 * 1024]);
    a.bus.publish(ROOM, oversize);
    assert_eq!(a.bus.counters().publish_oversize.get(), 1);
    reaches(&a, &mut b, FRAMES).await;
}

#[tokio::test]
async fn password_and_tls_are_used_and_never_shown() {
    let mut redis = Redis::new().unwrap().password("hush-hush").tls().unwrap();
    redis.start().await.unwrap();
    let (a, mut b) = pair(&redis).await;
    a.say(3);
    assert_eq!(b.heard().await, 3);
    assert!(!format!("{a:?}", a = a.bus).contains("hush"));

    let wrong: RedisAddress = redis
        .url()
        .replace("hush-hush", "wrong-one")
        .parse()
        .unwrap();
    let wrong = wrong.with_authority(redis.authority().unwrap().to_owned());
    let error = wrong.check().await.unwrap_err().to_string();
    assert!(error.contains("refused the password: WRONGPASS"), "{error}");
    assert!(!error.contains("wrong-one"), "{error}");
    let untrusted: RedisAddress = redis.url().parse().unwrap();
    let error = untrusted.check().await.unwrap_err().to_string();
    assert!(error.contains("cannot be trusted"), "{error}");
}

#[tokio::test]
async fn a_replica_is_refused_by_name() {
    let primary = Redis::running().await.unwrap();
    let mut replica = Redis::new().unwrap().replica_of(&primary);
    replica.start().await.unwrap();
    let error = address(&replica).check().await.unwrap_err().to_string();
    let port = primary.url().rsplit_once(':').unwrap().1.to_owned();
    assert!(
        error.contains(&format!("is a replica of 127.0.0.1:{port}")),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);
    assert!(address(&primary).check().await.is_ok());
}

#[tokio::test]
async fn events_end_with_the_bus() {
    let redis = Redis::running().await.unwrap();
    let Node { bus, mut events } = Node::ready(settings(&redis, 1)).await;
    drop(bus);
    let ended = async { while events.next().await.is_some() {} };
    timeout(WITHIN, ended).await.unwrap();
}
