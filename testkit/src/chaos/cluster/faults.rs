//! What is done to a cluster, and how its clients come through it.

use std::time::{Duration, Instant};

use rand::Rng;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::scene::{RELAYED, Scene};
use super::{ClusterFault, Recovery};
use crate::chaos::ChaosError;
use crate::chaos::run::{BACK_WITHIN, late};
use crate::cluster::{Cluster, ClusterError};
use crate::wait::NotInTime;

/// As long as a machine may stand still.
const FROZEN: Duration = Duration::from_secs(5);
/// Without Redis: long enough for every node to notice, and to go on by itself.
const WITHOUT_REDIS: Duration = Duration::from_secs(3);
/// Between two nodes of a rolling restart, and while a node is away.
const BREATH: Duration = Duration::from_secs(1);
/// Said at once when a fault is over: a few in each room.
const LAST_WORDS: usize = 20;

impl Scene {
    pub(super) async fn carry_out(&mut self, fault: ClusterFault) -> Result<(), ChaosError> {
        let back = self.blow(fault).await?;
        if matches!(
            fault,
            ClusterFault::Remove | ClusterFault::Crash | ClusterFault::Move
        ) {
            // Nothing is awaited before the next one.
            return Ok(());
        }
        // Redis was away for long enough to swallow somebody's last word; else it is said now, while
        // connections are made anew.
        if fault != ClusterFault::KillRedis {
            for _ in 0..LAST_WORDS {
                self.crowd.speak().await;
            }
        }
        let settled = self.settle().await;
        self.recoveries.push(Recovery {
            fault,
            back,
            settled,
        });
        Ok(())
    }

    /// Until its end; how long clients of a node were without one, where it was a node's.
    async fn blow(&mut self, fault: ClusterFault) -> Result<Option<Duration>, ChaosError> {
        match fault {
            ClusterFault::KillNode => return self.kill_a_node().await.map(Some),
            ClusterFault::FreezeNode => return self.freeze_a_node().await.map(Some),
            ClusterFault::CutUdp => return self.cut_udp().await.map(Some),
            ClusterFault::KillNodeAndRedis => {
                self.shared(kill_redis).await?;
                let back = self.kill_a_node().await?;
                self.shared(start_redis).await?;
                return Ok(Some(back));
            }
            ClusterFault::Rolling => self.restart_all().await?,
            ClusterFault::KillRedis => {
                self.shared(kill_redis).await?;
                self.crowd.talk_during(sleep(WITHOUT_REDIS)).await;
                self.shared(start_redis).await?;
            }
            ClusterFault::FreezeRedis => self.shared(freeze_redis).await?,
            ClusterFault::FlushRedis => self.redis(&["FLUSHALL"]).await?,
            ClusterFault::CutSubscribers => {
                self.redis(&["CLIENT", "KILL", "TYPE", "pubsub"]).await?;
            }
            ClusterFault::RestartPostgres => self.shared(restart_postgres).await?,
            ClusterFault::KillPostgres => self.shared(kill_postgres).await?,
            ClusterFault::FreezePostgres => self.shared(freeze_postgres).await?,
            ClusterFault::CutPostgres => self.shared(cut_postgres).await?,
            ClusterFault::Remove => self.crowd.remove_or_add().await,
            ClusterFault::Crash => self.crowd.crash().await,
            ClusterFault::Move => {
                self.relay.rebind().await?;
            }
        }
        Ok(None)
    }

    // ---- nodes

    /// Until its clients are elsewhere; then it is started again.
    async fn kill_a_node(&mut self) -> Result<Duration, ChaosError> {
        let node = self.choose();
        let links = self.next_links(node);
        let killed = Instant::now();
        self.cluster.kill(node).await?;
        let back = self.crowd.talk_during(last(links, killed)).await;
        let back = back.map_err(late("links after a node was killed"))?;
        self.crowd.talk_during(sleep(BREATH)).await;
        let Self { crowd, cluster, .. } = self;
        crowd.talk_during(cluster.start(node)).await?;
        crowd.talk_during(sleep(BREATH)).await;
        Ok(back)
    }

    async fn freeze_a_node(&mut self) -> Result<Duration, ChaosError> {
        let node = self.choose();
        let links = self.next_links(node);
        let frozen = Instant::now();
        self.cluster.freeze(node)?;
        let both = async { tokio::join!(last(links, frozen), sleep(FROZEN)).0 };
        let back = self.crowd.talk_during(both).await;
        self.cluster.thaw(node)?;
        let back = back.map_err(late("links after a node was frozen"))?;
        self.crowd.talk_during(sleep(BREATH)).await;
        Ok(back)
    }

    async fn cut_udp(&mut self) -> Result<Duration, ChaosError> {
        let links = self.next_links(RELAYED);
        self.relay.cut();
        let back = self.crowd.talk_during(last(links, Instant::now())).await;
        self.relay.heal();
        back.map_err(late("links after UDP was cut"))
    }

    async fn restart_all(&mut self) -> Result<(), ChaosError> {
        let before = self.errors();
        for node in 0..self.cluster.count() {
            let Self { crowd, cluster, .. } = self;
            crowd.talk_during(cluster.drain(node)).await?;
            crowd.talk_during(cluster.start(node)).await?;
            crowd.talk_during(sleep(BREATH)).await;
        }
        let after = self.errors().into_iter().zip(before).enumerate();
        let erred = after.filter(|(_, ((after, _), (before, _)))| after > before);
        self.rolling_errors
            .extend(erred.map(|(client, ((after, error), (before, _)))| {
                format!("client {client}, {} times, last: {error}", after - before)
            }));
        Ok(())
    }

    /// A node with clients, if there is one.
    fn choose(&mut self) -> usize {
        let peopled: Vec<usize> = (0..self.cluster.count())
            .filter(|node| !self.clients_at(*node).is_empty())
            .collect();
        let drawn = self.crowd.rng.random_range(0..self.cluster.count());
        peopled
            .get(drawn % peopled.len().max(1))
            .copied()
            .unwrap_or(drawn)
    }

    fn clients_at(&self, node: usize) -> Vec<usize> {
        let name = self.name(node);
        let clients = self.crowd.progress().into_iter().enumerate();
        let there = clients.filter(|(_, it)| it.borrow().linked && it.borrow().node == name);
        there.map(|(number, _)| number).collect()
    }

    /// When each client that is at the node has its next link.
    fn next_links(&self, node: usize) -> JoinSet<Option<Instant>> {
        let all = self.crowd.progress();
        let mut links = JoinSet::new();
        for number in self.clients_at(node) {
            let mut client = all[number].clone();
            let before = client.borrow().links;
            links.spawn(async move {
                let linked = client.wait_for(|it| it.linked && it.links > before).await;
                linked.is_ok().then(Instant::now)
            });
        }
        links
    }

    fn errors(&self) -> Vec<(u64, String)> {
        let clients = self.crowd.progress().into_iter();
        clients
            .map(|it| (it.borrow().errors, it.borrow().error.clone()))
            .collect()
    }

    // ---- what nodes share

    async fn redis(&self, words: &[&str]) -> Result<(), ChaosError> {
        let done = self.cluster.shared.redis.command(words).await;
        done.map_err(shared)?;
        Ok(())
    }

    async fn shared(
        &mut self,
        blow: impl AsyncFnOnce(&mut Cluster) -> Result<(), ClusterError>,
    ) -> Result<(), ChaosError> {
        let Self { crowd, cluster, .. } = self;
        Ok(crowd.talk_during(blow(cluster)).await?)
    }
}

async fn kill_redis(cluster: &mut Cluster) -> Result<(), ClusterError> {
    cluster.shared.redis.kill().await.map_err(shared)
}

async fn start_redis(cluster: &mut Cluster) -> Result<(), ClusterError> {
    cluster.shared.redis.start().await.map_err(shared)
}

async fn freeze_redis(cluster: &mut Cluster) -> Result<(), ClusterError> {
    cluster.shared.redis.freeze().map_err(shared)?;
    sleep(FROZEN).await;
    cluster.shared.redis.thaw().map_err(shared)
}

async fn kill_postgres(cluster: &mut Cluster) -> Result<(), ClusterError> {
    cluster.shared.postgres.kill().await.map_err(shared)?;
    cluster.shared.postgres.begin().await.map_err(shared)
}

async fn freeze_postgres(cluster: &mut Cluster) -> Result<(), ClusterError> {
    cluster.shared.postgres.freeze().map_err(shared)?;
    sleep(FROZEN).await;
    cluster.shared.postgres.thaw().map_err(shared)
}

async fn restart_postgres(cluster: &mut Cluster) -> Result<(), ClusterError> {
    cluster.shared.postgres.restart().await.map_err(shared)
}

async fn cut_postgres(cluster: &mut Cluster) -> Result<(), ClusterError> {
    let it = &cluster.shared;
    let cut = it.postgres.terminate_connections(it.database()).await;
    cut.map_err(shared)
}

fn shared(error: impl Into<parlor_services::shared::SharedError>) -> ClusterError {
    ClusterError::Shared(error.into())
}

/// From then to the last of these moments; zero where there are none.
async fn last(mut links: JoinSet<Option<Instant>>, since: Instant) -> Result<Duration, NotInTime> {
    let mut longest = Duration::ZERO;
    let all = async {
        while let Some(at) = links.join_next().await {
            if let Ok(Some(at)) = at {
                longest = longest.max(at.duration_since(since));
            }
        }
    };
    let all = timeout(BACK_WITHIN, all).await;
    all.map_err(|_| NotInTime {
        waited: BACK_WITHIN,
        looks: 1,
    })?;
    Ok(longest)
}
