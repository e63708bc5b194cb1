//! One port that leads to a server by UDP and by TCP, each of which can be shut: a network that lets
//! no UDP through, from the start or from some moment on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::{Plan, Relay, RelayError};

/// Times a free port is looked for whose number is free for TCP as well.
const PORT_TRIES: u32 = 32;
/// Pause after a failed accept.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// A relay for UDP, and one for TCP on the same port. Dropping it ends both.
#[derive(Debug)]
pub struct Both {
    /// The UDP side, with all that can be done to it.
    pub udp: Relay,
    tcp_is_open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Both {
    /// Starts both before `server`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`RelayError`] when no socket can be had.
    pub async fn start(server: SocketAddr, plan: Plan, seed: u64) -> Result<Self, RelayError> {
        let mut tries = 0;
        let (udp, listener) = loop {
            let udp = Relay::start(server, plan, seed)?;
            match TcpListener::bind(udp.addr()).await {
                Ok(listener) => break (udp, listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let (tcp_is_open, open) = watch::channel(true);
        let task = tokio::spawn(forward(listener, server, open));
        Ok(Self {
            udp,
            tcp_is_open,
            task,
        })
    }

    /// Where clients go to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.udp.addr()
    }

    /// No UDP gets through any more, in either direction.
    pub fn block_udp(&self) {
        self.udp.cut();
    }

    pub fn allow_udp(&self) {
        self.udp.heal();
    }

    /// Breaks all connections over TCP, and every new one at once.
    pub fn break_tcp(&self) {
        self.tcp_is_open.send_replace(false);
    }

    pub fn mend_tcp(&self) {
        self.tcp_is_open.send_replace(true);
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(listener: TcpListener, server: SocketAddr, open: watch::Receiver<bool>) {
    // Ends its connections with itself.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((client, _)) = listener.accept().await else {
            sleep(ACCEPT_AGAIN).await;
            continue;
        };
        connections.spawn(carry(client, server, open.clone()));
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut open: watch::Receiver<bool>) {
    let carried = async {
        let mut server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await
    };
    tokio::select! {
        // However it ended, both ends see it.
        _ = carried => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
