//! Networks of namespaces, with loss by the kernel and with a seeded relay.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use parlor_testkit::netns::{Carried, Namespace, TunNet, Veth, support};
use parlor_testkit::relay::{Path, Plan};
use parlor_testkit::skip;
use parlor_testkit::wait::eventually;

const WITHIN: Duration = Duration::from_secs(20);
/// Packets sent within a millisecond.
const FLIGHT: u16 = 20;
/// Looks without a packet after which none is under way.
const SILENT_LOOKS: u32 = 20;

/// Whether the machine has namespaces; else the test is on the list of skipped ones.
fn possible(test: &str) -> bool {
    support()
        .map_err(|reason| skip::note(test, &reason))
        .is_ok()
}

fn udp(namespace: &Namespace, addr: SocketAddr) -> tokio::net::UdpSocket {
    let socket = namespace.run(|| UdpSocket::bind(addr)).unwrap().unwrap();
    socket.set_nonblocking(true).unwrap();
    tokio::net::UdpSocket::from_std(socket).unwrap()
}

/// Numbers that arrive of so many packets sent.
async fn arrived(from: &tokio::net::UdpSocket, to: &tokio::net::UdpSocket, sent: u16) -> Vec<u16> {
    let addr = to.local_addr().unwrap();
    let mut numbers = Vec::new();
    let mut buffer = [0; 2];
    for number in 0..=sent {
        if number % FLIGHT == 0 {
            // More at once than a socket's buffer holds would be lost there.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The last one is an end that is repeated until it comes.
        from.send_to(&number.to_be_bytes(), addr).await.unwrap();
        while let Ok((2, _)) = to.try_recv_from(&mut buffer) {
            numbers.push(u16::from_be_bytes(buffer));
        }
    }
    let ended = eventually(WITHIN, || {
        let _ = from.try_send_to(&sent.to_be_bytes(), addr);
        while let Ok((2, _)) = to.try_recv_from(&mut buffer) {
            numbers.push(u16::from_be_bytes(buffer));
        }
        std::future::ready(numbers.contains(&sent))
    });
    ended.await.unwrap();
    // What the last one has overtaken is still to come: until many looks in a row find nothing.
    let mut silent = 0;
    let quiet = eventually(WITHIN, || {
        silent += 1;
        while let Ok((2, _)) = to.try_recv_from(&mut buffer) {
            silent = 0;
            numbers.push(u16::from_be_bytes(buffer));
        }
        std::future::ready(silent >= SILENT_LOOKS)
    });
    quiet.await.unwrap();
    numbers.retain(|number| *number != sent);
    numbers
}

#[tokio::test]
async fn virtual_cards_lose_about_as_many_as_asked() {
    if !possible("virtual_cards_lose_about_as_many_as_asked") {
        return;
    }
    let net = Veth::new().unwrap();
    let a = udp(&net.a, (net.address_a(), 0).into());
    let b = udp(&net.b, (net.address_b(), 0).into());
    assert_eq!(arrived(&a, &b, 200).await.len(), 200);
    net.lose(0.3).unwrap();
    let some = arrived(&a, &b, 2_000).await.len();
    assert!((1_200..1_600).contains(&some), "{some} of 2000");
    net.lose(0.0).unwrap();
    assert_eq!(arrived(&a, &b, 200).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_of_packets_reorders_udp_and_keeps_tcp_whole() {
    if !possible("a_relay_of_packets_reorders_udp_and_keeps_tcp_whole") {
        return;
    }
    let rough = Path {
        delay: Duration::from_millis(5),
        reorder: 0.1,
        loss: 0.05,
        ..Path::default()
    };
    let net = TunNet::start(Plan::both(rough), 7).unwrap();
    let client = udp(&net.clients, (net.client_address(), 0).into());
    let server = udp(&net.servers, (net.server_address(), 0).into());
    let numbers = arrived(&client, &server, 500).await;
    assert!(!numbers.is_sorted(), "some were overtaken");
    assert!((400..500).contains(&numbers.len()), "{}", numbers.len());

    const BYTES: usize = 100_000;
    let at = (net.server_address(), 0);
    let listener = net.servers.run(|| TcpListener::bind(at)).unwrap().unwrap();
    let to = listener.local_addr().unwrap();
    let writer = net.clients.run(|| TcpStream::connect(to)).unwrap().unwrap();
    let sent = tokio::task::spawn_blocking(move || (&writer).write_all(&[7; BYTES]));
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        listener.accept()?.0.read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    });
    sent.await.unwrap().unwrap();
    assert_eq!(read.await.unwrap().unwrap(), [7; BYTES]);
    let [up, _] = net.stats();
    assert!(up.lost > 0 && up.reordered > 0, "{up:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_can_be_cut_while_tcp_goes_on() {
    if !possible("udp_can_be_cut_while_tcp_goes_on") {
        return;
    }
    let net = TunNet::start(Plan::default(), 1).unwrap();
    let client = udp(&net.clients, (net.client_address(), 0).into());
    let server = udp(&net.servers, (net.server_address(), 0).into());
    assert_eq!(arrived(&client, &server, 20).await.len(), 20);
    net.carry(Carried::WithoutUdp);
    let at = (net.server_address(), 0);
    let listener = net.servers.run(|| TcpListener::bind(at)).unwrap().unwrap();
    let to = listener.local_addr().unwrap();
    client
        .send_to(b"gone", server.local_addr().unwrap())
        .await
        .unwrap();
    net.clients.run(|| TcpStream::connect(to)).unwrap().unwrap();
    // The connection came after the packet, which is refused by now.
    assert_eq!(net.stats()[0].cut, 1);
    net.carry(Carried::All);
    assert_eq!(arrived(&client, &server, 20).await.len(), 20);
}
