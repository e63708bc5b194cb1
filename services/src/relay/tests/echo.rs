//! Plain UDP sockets on both sides.

use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::in_time;
use crate::relay::driver::open_socket;
use crate::relay::{Path, Plan, Relay, Stats};

/// Packets a test sends: few enough to wait in a kernel buffer together.
const PACKETS: u32 = 400;

/// A server that sends each packet back and remembers who sent it.
struct Echo {
    addr: SocketAddr,
    peers: Arc<Mutex<HashSet<SocketAddr>>>,
    task: JoinHandle<()>,
}

impl Echo {
    fn start() -> Echo {
        let socket = roomy_socket();
        let addr = socket.local_addr().unwrap();
        let peers = Arc::new(Mutex::new(HashSet::new()));
        let seen = peers.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
                seen.lock().unwrap().insert(peer);
                socket.send_to(&buffer[..length], peer).await.unwrap();
            }
        });
        Echo { addr, peers, task }
    }

    fn peers(&self) -> usize {
        self.peers.lock().unwrap().len()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All packets of an exchange wait in it, also where the default buffer holds 256.
fn roomy_socket() -> UdpSocket {
    open_socket(Ipv4Addr::LOCALHOST.into()).unwrap()
}

async fn client(relay: &Relay) -> UdpSocket {
    let socket = roomy_socket();
    socket.connect(relay.addr()).await.unwrap();
    socket
}

/// Sends numbered packets, waits until the relay has settled all of them and their
/// echoes, and gives back what arrived and the statistics.
async fn exchange(relay: &Relay, client: &UdpSocket) -> (Vec<u32>, Stats) {
    let before = relay.stats();
    for number in 0..PACKETS {
        client.send(&number.to_be_bytes()).await.unwrap();
    }
    let settled = relay.stats_when(|now| {
        let up = now.up.forwarded - before.up.forwarded;
        let all_up = now.up.received - before.up.received == u64::from(PACKETS);
        let all_down = now.down.received - before.down.received == up;
        all_up && all_down && now.up.is_settled() && now.down.is_settled()
    });
    let stats = in_time(settled).await.unwrap();
    let mut arrived = Vec::new();
    let mut buffer = [0; 4];
    for _ in before.down.forwarded..stats.down.forwarded {
        in_time(client.recv(&mut buffer)).await.unwrap();
        arrived.push(u32::from_be_bytes(buffer));
    }
    (arrived, stats)
}

#[tokio::test]
async fn a_clean_relay_passes_every_packet_in_order() {
    let echo = Echo::start();
    let relay = Relay::start(echo.addr, Plan::default(), 1).unwrap();
    let (arrived, stats) = exchange(&relay, &client(&relay).await).await;
    assert_eq!(arrived, (0..PACKETS).collect::<Vec<_>>());
    assert_eq!(stats.up.dropped() + stats.down.dropped(), 0);
}

#[tokio::test]
async fn a_rough_plan_loses_doubles_and_reorders() {
    let echo = Echo::start();
    let plan = Plan {
        up: Path {
            delay: Duration::from_millis(2),
            jitter: Duration::from_millis(2),
            loss: 0.1,
            duplicate: 0.1,
            ..Path::default()
        },
        down: Path {
            reorder: 0.1,
            ..Path::default()
        },
    };
    let relay = Relay::start(echo.addr, plan, 2).unwrap();
    let (arrived, stats) = exchange(&relay, &client(&relay).await).await;
    assert!(stats.up.lost > 0 && stats.up.duplicated > 0, "{stats:?}");
    assert!(stats.down.reordered > 0 && !arrived.is_sorted());
    let mut times = BTreeMap::new();
    for number in &arrived {
        *times.entry(number).or_insert(0) += 1;
    }
    assert_eq!(times.len() as u64, u64::from(PACKETS) - stats.up.lost);
    assert!(times.values().any(|times| *times == 2));
}

#[tokio::test]
async fn each_client_hears_only_its_own_echo() {
    let echo = Echo::start();
    let relay = Relay::start(echo.addr, Plan::default(), 3).unwrap();
    let (ann, bob) = (client(&relay).await, client(&relay).await);
    ann.send(b"from ann").await.unwrap();
    bob.send(b"from bob").await.unwrap();
    let mut buffer = [0; 16];
    let length = in_time(bob.recv(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..length], b"from bob");
    let length = in_time(ann.recv(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..length], b"from ann");
    assert_eq!(echo.peers(), 2);
}

#[tokio::test]
async fn a_cut_drops_everything_until_it_heals() {
    let echo = Echo::start();
    let relay = Relay::start(echo.addr, Plan::default(), 4).unwrap();
    let client = client(&relay).await;
    relay.cut();
    client.send(b"lost").await.unwrap();
    in_time(relay.stats_when(|stats| stats.up.cut == 1))
        .await
        .unwrap();
    relay.heal();
    let (arrived, _) = exchange(&relay, &client).await;
    assert_eq!(arrived.len() as u32, PACKETS);
}

#[tokio::test]
async fn after_a_rebind_the_server_sees_new_addresses() {
    let echo = Echo::start();
    let relay = Relay::start(echo.addr, Plan::default(), 5).unwrap();
    let client = client(&relay).await;
    exchange(&relay, &client).await;
    assert_eq!(in_time(relay.rebind()).await.unwrap(), 1);
    let (arrived, _) = exchange(&relay, &client).await;
    assert_eq!(arrived.len() as u32, PACKETS);
    assert_eq!(echo.peers(), 2);
}

#[tokio::test]
async fn a_new_plan_holds_for_the_next_packet() {
    let echo = Echo::start();
    let relay = Relay::start(echo.addr, Plan::losing(1.0), 6).unwrap();
    let client = client(&relay).await;
    let (arrived, stats) = exchange(&relay, &client).await;
    assert_eq!((arrived.len(), stats.up.lost), (0, u64::from(PACKETS)));
    relay.set(Plan::default()).unwrap();
    let (arrived, _) = exchange(&relay, &client).await;
    assert_eq!(arrived.len() as u32, PACKETS);
    assert!(relay.set(Plan::losing(1.5)).is_err());
}

#[tokio::test]
async fn a_server_that_comes_back_is_reached_again() {
    let echo = Echo::start();
    let addr = echo.addr;
    let relay = Relay::start(addr, Plan::default(), 7).unwrap();
    let client = client(&relay).await;
    exchange(&relay, &client).await;
    echo.task.abort();
    drop(echo);
    let back = loop {
        // The old socket is closed when its aborted task has run.
        match UdpSocket::bind(addr).await {
            Ok(socket) => break socket,
            Err(_) => {
                client.send(b"nobody there").await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    };
    let mut buffer = [0; 16];
    client.send(b"welcome back").await.unwrap();
    loop {
        let (length, peer) = in_time(back.recv_from(&mut buffer)).await.unwrap();
        if &buffer[..length] == b"welcome back" {
            back.send_to(b"yes", peer).await.unwrap();
            break;
        }
    }
    let length = in_time(client.recv(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..length], b"yes");
}

#[tokio::test]
async fn dropping_the_relay_frees_its_port() {
    let echo = Echo::start();
    let relay = Relay::start(echo.addr, Plan::default(), 8).unwrap();
    let addr = relay.addr();
    drop(relay);
    let freed = crate::wait::eventually(super::PATIENCE, || async {
        UdpSocket::bind(addr).await.is_ok()
    });
    freed.await.unwrap();
}
