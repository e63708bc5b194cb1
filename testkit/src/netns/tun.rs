//! Two namespaces joined by a relay of IP packets, which delays, reorders, loses and cuts UDP and
//! TCP alike by a seeded [`Plan`].
//!
//! ```text
//! clients' namespace ── tun ── relay (this process) ── tun ── servers' namespace
//! ```

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tun_rs::{AsyncDevice, DeviceBuilder};

use super::{Namespace, NetError, unique};
use crate::relay::line::{Bounds, Line};
use crate::relay::{Direction, PathStats, Plan};

/// The clients' address; each network is one of its own, so all have the same.
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
/// The servers' address.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
/// Largest packet, bytes: that of Ethernet.
const MTU: u16 = 1_500;
/// Packets read from one side before the other gets its turn.
const READ_BURST: usize = 64;
/// Where an IPv4 header says what it carries, and the number of UDP.
const PROTOCOL_AT: usize = 9;
const UDP: u8 = 17;

/// What still gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carried {
    /// Everything that the plan lets through.
    #[default]
    All,
    /// No UDP, as in networks that block it.
    WithoutUdp,
    /// Nothing: the line is cut.
    Nothing,
}

/// A network of clients and servers with a relay between. Gone when dropped.
#[derive(Debug)]
pub struct TunNet {
    pub clients: Namespace,
    pub servers: Namespace,
    settings: watch::Sender<Settings>,
    stats: watch::Receiver<[PathStats; 2]>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    plan: Plan,
    carried: Carried,
}

impl TunNet {
    /// A network that works by a plan. Equal seeds and equal packet orders give equal fates. Must
    /// be called within a tokio runtime.
    ///
    /// # Errors
    /// [`NetError`].
    pub fn start(plan: Plan, seed: u64) -> Result<TunNet, NetError> {
        plan.check()?;
        let (clients, servers) = (Namespace::new()?, Namespace::new()?);
        let up = device(&clients, CLIENT)?;
        let down = device(&servers, SERVER)?;
        let carried = Carried::default();
        let (settings, settings_seen) = watch::channel(Settings { plan, carried });
        let (shown, stats) = watch::channel(Default::default());
        let driver = Driver {
            devices: [up, down],
            lines: [Direction::Up, Direction::Down]
                .map(|it| Line::new(seed, it, Bounds::default())),
            settings: settings_seen,
            shown,
        };
        Ok(TunNet {
            clients,
            servers,
            settings,
            stats,
            task: tokio::spawn(driver.run()),
        })
    }

    /// The clients' address.
    #[must_use]
    pub fn client_address(&self) -> IpAddr {
        CLIENT.into()
    }

    /// The servers' address.
    #[must_use]
    pub fn server_address(&self) -> IpAddr {
        SERVER.into()
    }

    /// Changes the plan for packets that arrive from now on.
    ///
    /// # Errors
    /// [`NetError::Plan`]; the old plan stays.
    pub fn set(&self, plan: Plan) -> Result<(), NetError> {
        plan.check()?;
        self.settings.send_modify(|settings| settings.plan = plan);
        Ok(())
    }

    /// Changes what gets through at all. [`Carried::Nothing`] also drops what is on the way.
    pub fn carry(&self, carried: Carried) {
        self.settings.send_modify(|it| it.carried = carried);
    }

    /// What has happened so far, from the clients and from the servers.
    #[must_use]
    pub fn stats(&self) -> [PathStats; 2] {
        *self.stats.borrow()
    }
}

impl Drop for TunNet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A card in the namespace whose packets this process reads and writes.
fn device(namespace: &Namespace, address: Ipv4Addr) -> Result<AsyncDevice, NetError> {
    let name = unique();
    // Made here and moved: the handle goes on to work, and no thread has to enter.
    let device = DeviceBuilder::new()
        .name(&name)
        .mtu(MTU)
        .packet_information(false)
        .build_async()?;
    let to = namespace.name();
    super::run("ip", &["link", "set", &name, "netns", to], "")?;
    namespace.ip(&format!("address add {address}/30 dev {name}"))?;
    namespace.ip(&format!("link set {name} up"))?;
    Ok(device)
}

struct Driver {
    /// The clients' and the servers' card. Packets of one go through its line to the other.
    devices: [AsyncDevice; 2],
    lines: [Line<()>; 2],
    settings: watch::Receiver<Settings>,
    shown: watch::Sender<[PathStats; 2]>,
}

/// What woke the relay.
enum Wake {
    Packet(usize, io::Result<usize>),
    Settings(bool),
    Due,
}

impl Driver {
    async fn run(mut self) {
        let mut buffers = [[0; MTU as usize]; 2];
        loop {
            let due = self.lines.iter().filter_map(Line::next_due).min();
            let [from_clients, from_servers] = &mut buffers;
            let wake = tokio::select! {
                read = self.devices[0].recv(from_clients) => Wake::Packet(0, read),
                read = self.devices[1].recv(from_servers) => Wake::Packet(1, read),
                changed = self.settings.changed() => Wake::Settings(changed.is_ok()),
                () = sleep_until(due), if due.is_some() => Wake::Due,
            };
            match wake {
                Wake::Packet(side, Ok(length)) => self.read(side, &mut buffers[side], length),
                Wake::Settings(true) => self.obey_cut(),
                Wake::Due => {}
                // A namespace is gone, and its card with it, or the handle is.
                Wake::Packet(_, Err(_)) | Wake::Settings(false) => return,
            }
            self.send_due();
            let stats = [self.lines[0].stats(), self.lines[1].stats()];
            self.shown.send_replace(stats);
        }
    }

    /// Takes the packet that woke and a burst of what waits behind it.
    fn read(&mut self, side: usize, buffer: &mut [u8], first: usize) {
        self.take(side, &buffer[..first]);
        for _ in 0..READ_BURST {
            match self.devices[side].try_recv(buffer) {
                Ok(length) => self.take(side, &buffer[..length]),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, side: usize, packet: &[u8]) {
        let settings = *self.settings.borrow();
        let line = &mut self.lines[side];
        let is_udp = packet.get(PROTOCOL_AT) == Some(&UDP);
        match settings.carried {
            Carried::Nothing => line.refuse(),
            Carried::WithoutUdp if is_udp => line.refuse(),
            Carried::All | Carried::WithoutUdp => {
                let path = settings.plan.path(direction(side));
                line.offer(Instant::now(), path, (), Bytes::copy_from_slice(packet));
            }
        }
    }

    fn obey_cut(&mut self) {
        if self.settings.borrow_and_update().carried == Carried::Nothing {
            self.lines.iter_mut().for_each(Line::clear);
        }
    }

    /// Sends what is due; what a card does not take is dropped, as a full network does.
    fn send_due(&mut self) {
        let now = Instant::now();
        for side in 0..2 {
            while let Some(((), packet)) = self.lines[side].pop_due(now) {
                if self.devices[1 - side].try_send(&packet).is_err() {
                    self.lines[side].undeliverable();
                }
            }
        }
    }
}

fn direction(side: usize) -> Direction {
    if side == 0 {
        Direction::Up
    } else {
        Direction::Down
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
