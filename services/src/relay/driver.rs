//! Moves the bytes of a relay; what happens to them is decided in `line`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::line::{Bounds, Line};
use super::plan::Direction;
use super::stats::Stats;
use super::{Rebind, Settings};

/// Client addresses a relay serves: more than any test has, few enough for open files.
const MAX_CLIENTS: usize = 1_024;
/// Packets read from the clients' side before others get their turn.
const READ_BURST: usize = 64;
/// Packets between the upstream readers and the relay; when full, packets stay in the
/// kernel's buffers, which drop at their own bound.
const MAX_FROM_SERVER: usize = 8_192;
/// Largest UDP payload there is.
const MAX_DATAGRAM_BYTES: usize = 65_535;
/// Kernel buffers: a storm of connects overruns the default of about 200 KiB.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

pub(super) struct Driver {
    server: SocketAddr,
    clients_side: UdpSocket,
    clients: HashMap<SocketAddr, Upstream>,
    readers: JoinSet<()>,
    from_server: mpsc::Receiver<FromServer>,
    to_relay: mpsc::Sender<FromServer>,
    up: Line<SocketAddr>,
    down: Line<SocketAddr>,
    refused: u64,
    settings: watch::Receiver<Settings>,
    commands: mpsc::Receiver<Rebind>,
    stats: watch::Sender<Stats>,
}

/// One client's socket towards the server, and the task that reads it.
struct Upstream {
    socket: Arc<UdpSocket>,
    reader: tokio::task::AbortHandle,
}

/// A packet of the server for this client.
type FromServer = (SocketAddr, Bytes);

/// What woke the relay.
enum Wake {
    FromClient(io::Result<(usize, SocketAddr)>),
    FromServer(Option<FromServer>),
    Command(Option<Rebind>),
    Settings(bool),
    Due,
}

impl Driver {
    pub(super) fn open(
        server: SocketAddr,
        seed: u64,
        settings: watch::Receiver<Settings>,
        commands: mpsc::Receiver<Rebind>,
        stats: watch::Sender<Stats>,
    ) -> io::Result<Driver> {
        let loopback: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let clients_side = open_socket(loopback)?;
        let (to_relay, from_server) = mpsc::channel(MAX_FROM_SERVER);
        Ok(Driver {
            server,
            clients_side,
            clients: HashMap::new(),
            readers: JoinSet::new(),
            from_server,
            to_relay,
            up: Line::new(seed, Direction::Up, Bounds::default()),
            down: Line::new(seed, Direction::Down, Bounds::default()),
            refused: 0,
            settings,
            commands,
            stats,
        })
    }

    pub(super) fn addr(&self) -> io::Result<SocketAddr> {
        self.clients_side.local_addr()
    }

    pub(super) async fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        loop {
            let due = [self.up.next_due(), self.down.next_due()];
            let due = due.into_iter().flatten().min();
            let wake = tokio::select! {
                read = self.clients_side.recv_from(&mut buffer) => Wake::FromClient(read),
                packet = self.from_server.recv() => Wake::FromServer(packet),
                command = self.commands.recv() => Wake::Command(command),
                changed = self.settings.changed() => Wake::Settings(changed.is_ok()),
                () = sleep_until(due), if due.is_some() => Wake::Due,
            };
            match wake {
                Wake::FromClient(read) => self.read_clients(read, &mut buffer),
                Wake::FromServer(Some(packet)) => self.take_from_server(packet),
                Wake::Command(Some(answer)) => drop(answer.send(self.rebind())),
                Wake::Settings(true) => self.obey_cut(),
                Wake::Due => {}
                // The relay's handle is gone.
                Wake::FromServer(None) | Wake::Command(None) | Wake::Settings(false) => return,
            }
            self.send_due();
            self.show_stats();
        }
    }

    /// Takes what one wake brought and a burst of what waits behind it. An error is an
    /// ICMP report about a client that went away, or "nothing more there".
    fn read_clients(&mut self, first: io::Result<(usize, SocketAddr)>, buffer: &mut [u8]) {
        let Ok((length, client)) = first else { return };
        self.take_from_client(client, &buffer[..length]);
        for _ in 0..READ_BURST {
            let Ok((length, client)) = self.clients_side.try_recv_from(buffer) else {
                return;
            };
            self.take_from_client(client, &buffer[..length]);
        }
    }

    fn take_from_client(&mut self, client: SocketAddr, payload: &[u8]) {
        let full = self.clients.len() >= MAX_CLIENTS;
        if let Entry::Vacant(place) = self.clients.entry(client) {
            let opened = if full {
                Err(io::ErrorKind::QuotaExceeded.into())
            } else {
                Upstream::open(self.server, client, &mut self.readers, &self.to_relay)
            };
            match opened {
                Ok(upstream) => drop(place.insert(upstream)),
                Err(_) => {
                    self.refused += 1;
                    return;
                }
            }
        }
        let settings = *self.settings.borrow();
        if settings.cut {
            self.up.refuse();
        } else {
            let payload = Bytes::copy_from_slice(payload);
            self.up
                .offer(Instant::now(), &settings.plan.up, client, payload);
        }
    }

    fn take_from_server(&mut self, (client, payload): FromServer) {
        let settings = *self.settings.borrow();
        if settings.cut {
            self.down.refuse();
        } else {
            self.down
                .offer(Instant::now(), &settings.plan.down, client, payload);
        }
    }

    fn obey_cut(&mut self) {
        if self.settings.borrow_and_update().cut {
            self.up.clear();
            self.down.clear();
        }
    }

    /// Sends what is due. A send that would wait is a drop: UDP promises nothing.
    fn send_due(&mut self) {
        let now = Instant::now();
        while let Some((client, payload)) = self.up.pop_due(now) {
            let socket = self.clients.get(&client).map(|upstream| &upstream.socket);
            // Past tokio, which refuses to send on a socket until its first poll.
            let send = |socket: &Arc<UdpSocket>| SockRef::from(&**socket).send(&payload);
            if !socket.is_some_and(|socket| sent_or_unheard(send(socket))) {
                self.up.undeliverable();
            }
        }
        while let Some((client, payload)) = self.down.pop_due(now) {
            let clients_side = SockRef::from(&self.clients_side);
            if !sent_or_unheard(clients_side.send_to(&payload, &client.into())) {
                self.down.undeliverable();
            }
        }
    }

    /// Replaces every client's upstream socket, so that the server sees new addresses.
    fn rebind(&mut self) -> io::Result<usize> {
        for (client, upstream) in &mut self.clients {
            let fresh = Upstream::open(self.server, *client, &mut self.readers, &self.to_relay)?;
            let old = std::mem::replace(upstream, fresh);
            old.reader.abort();
        }
        while self.readers.try_join_next().is_some() {}
        Ok(self.clients.len())
    }

    fn show_stats(&self) {
        let stats = Stats {
            up: self.up.stats(),
            down: self.down.stats(),
            clients: self.clients.len(),
            refused: self.refused,
        };
        self.stats.send_if_modified(|shown| {
            let changed = *shown != stats;
            *shown = stats;
            changed
        });
    }
}

impl Upstream {
    fn open(
        server: SocketAddr,
        client: SocketAddr,
        readers: &mut JoinSet<()>,
        to_relay: &mpsc::Sender<FromServer>,
    ) -> io::Result<Upstream> {
        let local: IpAddr = match server.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = open_socket(local)?;
        // Connected: packets of others never reach the client.
        SockRef::from(&socket).connect(&server.into())?;
        let socket = Arc::new(socket);
        let reader = readers.spawn(read_server(socket.clone(), client, to_relay.clone()));
        Ok(Upstream { socket, reader })
    }
}

/// Reads one client's upstream socket until it is aborted or the relay is gone.
async fn read_server(
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    to_relay: mpsc::Sender<FromServer>,
) {
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(length) => {
                let packet = (client, Bytes::copy_from_slice(&buffer[..length]));
                if to_relay.send(packet).await.is_err() {
                    return;
                }
            }
            // The server's port is closed for now: it may come back.
            Err(error) if is_port_closed(&error) => {}
            Err(_) => return,
        }
    }
}

/// A socket that was told "port closed" gives that answer to the next send, too:
/// the packet is as gone as on a real network.
fn sent_or_unheard(sent: io::Result<usize>) -> bool {
    match sent {
        Ok(_) => true,
        Err(error) => is_port_closed(&error),
    }
}

fn is_port_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    )
}

pub(super) fn open_socket(ip: IpAddr) -> io::Result<UdpSocket> {
    let addr = SocketAddr::new(ip, 0);
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    // The kernel gives what it allows; a smaller buffer only drops earlier.
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    UdpSocket::from_std(socket.into())
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
