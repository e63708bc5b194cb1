//! The bad network that may lie before a server: a relay on a thread of its own, which is good
//! until told otherwise.

use std::net::SocketAddr;
use std::time::Duration;

use parlor_services::relay::{BadPlan, Path, Plan, Relay, RelayError, Stats};
use tokio::runtime::{Builder, Runtime};

/// A relay before a server.
#[derive(Debug)]
pub struct Network {
    relay: Relay,
    bad: Plan,
    /// `None` only while dropped.
    runtime: Option<Runtime>,
}

/// A bad network cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("cannot start the thread of the bad network: {0}")]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Relay(#[from] RelayError),
    #[error(transparent)]
    Plan(#[from] BadPlan),
}

impl Network {
    /// Starts one that will lose a share (0 to 1) of the packets each way and take half of
    /// `round_trip` each way.
    pub fn start(
        server: SocketAddr,
        loss: f64,
        round_trip: Duration,
        seed: u64,
    ) -> Result<Self, NetworkError> {
        let bad = Plan::both(Path {
            loss,
            delay: round_trip / 2,
            ..Path::default()
        });
        bad.check()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("network")
            .enable_all()
            .build()?;
        let relay = {
            let _within = runtime.enter();
            Relay::start(server, Plan::default(), seed)?
        };
        Ok(Self {
            relay,
            bad,
            runtime: Some(runtime),
        })
    }

    /// Where clients go to.
    pub fn address(&self) -> SocketAddr {
        self.relay.addr()
    }

    /// From now on it is as bad as it was asked to be.
    pub fn turn_bad(&self) {
        // The plan was checked when it was made.
        let _checked = self.relay.set(self.bad);
    }

    /// What has happened to packets so far.
    pub fn stats(&self) -> Stats {
        self.relay.stats()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_network_turns_bad_when_it_is_told_to() {
        let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let network = Network::start(server.local_addr().unwrap(), 1.0, Duration::ZERO, 1).unwrap();
        let client = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(b"a", network.address()).await.unwrap();
        let mut buffer = [0; 1];
        assert_eq!(server.recv(&mut buffer).await.unwrap(), 1);
        network.turn_bad();
        client.send_to(b"b", network.address()).await.unwrap();
        let lost = network.relay.stats_when(|stats| stats.up.lost == 1);
        assert_eq!(lost.await.unwrap().up.forwarded, 1);
    }

    #[test]
    fn a_share_above_all_is_refused() {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let refused = Network::start(nowhere, 1.5, Duration::ZERO, 1);
        assert!(matches!(refused, Err(NetworkError::Plan(_))));
    }
}
