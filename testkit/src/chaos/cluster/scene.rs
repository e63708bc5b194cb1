//! A cluster with its people: how it begins, when it is at rest, how it ends.

use std::time::{Duration, Instant};

use parlor_client_core::net::Dial;
use parlor_protocol::link::ServerAddress;

use super::{ClusterChaos, ClusterOutcome, ClusterPlan, Recovery};
use crate::chaos::ChaosError;
use crate::chaos::crowd::{Crowd, Talk};
use crate::chaos::people::{enrol, furnish};
use crate::chaos::run::{BACK_WITHIN, BURST, CLASSES, PER_MINUTE, late};
use crate::client::{Person, Progress, RecordedClient};
use crate::cluster::Cluster;
use crate::dump::dump_postgres;
use crate::relay::{Plan as Network, Relay};
use crate::wait::eventually;

/// Clients of this node stand behind the relay, which is its public address.
pub(super) const RELAYED: usize = 0;
/// Messages for one into the public room, in each private one of the writer.
const PRIVATE_SHARE: usize = 2;
/// Messages after which somebody is removed or brought back.
const CHANGE_EVERY: u64 = 25;

pub(super) struct Scene {
    // First, so that clients end before what they lean on.
    pub(super) crowd: Crowd,
    pub(super) relay: Relay,
    pub(super) cluster: Cluster,
    pub(super) recoveries: Vec<Recovery>,
    pub(super) rolling_errors: Vec<String>,
    pub(super) patience: Duration,
}

impl Scene {
    pub(super) async fn open(chaos: &ClusterChaos) -> Result<Self, ChaosError> {
        let plan = &chaos.plan;
        let mut cluster = cluster(chaos).await?;
        let network = Network::both(plan.network);
        let relay = Relay::start(cluster.node(RELAYED).socket_address(), network, chaos.seed)?;
        let public = ServerAddress {
            hosts: vec![relay.addr().ip().to_string()],
            port: relay.addr().port(),
        };
        cluster = cluster.set_of(RELAYED, "server.public_address", public);
        cluster.start_all().await?;
        let crowd = crowd(chaos, &cluster, &relay).await?;
        crowd
            .all(|it| it.linked && it.current, BACK_WITHIN)
            .await
            .map_err(late("the first links"))?;
        Ok(Self {
            crowd,
            relay,
            cluster,
            recoveries: Vec::new(),
            rolling_errors: Vec::new(),
            patience: plan.patience,
        })
    }

    /// What clients call a node.
    pub(super) fn name(&self, node: usize) -> String {
        if node == RELAYED {
            return self.relay.addr().to_string();
        }
        self.cluster.address(node).to_string()
    }

    /// Waits in silence until nothing is unsent and everybody holds the same; how long it took.
    pub(super) async fn settle(&self) -> Option<Duration> {
        let clients = self.crowd.progress();
        let began = Instant::now();
        self.crowd.reached().await;
        let settled = eventually(self.patience, || {
            let now: Vec<Progress> = clients.iter().map(|it| it.borrow().clone()).collect();
            std::future::ready(at_rest(&now))
        });
        settled.await.ok().map(|()| began.elapsed())
    }

    pub(super) async fn close(mut self) -> Result<ClusterOutcome, ChaosError> {
        self.cluster.start_all().await?;
        let (cluster, relay, patience) = (&self.cluster, &self.relay, self.patience);
        let mut dials = Vec::new();
        for number in 0..self.crowd.people.len() {
            dials.push(dial(cluster, relay, number)?);
        }
        let rest = self.crowd.close(patience, |number| dials[number].clone());
        let rest = rest.await;
        for node in 0..self.cluster.count() {
            self.cluster.kill(node).await?;
        }
        let shared = &self.cluster.shared;
        let database = dump_postgres(&shared.postgres.url(shared.database())).await?;
        let (verdict, converged) = rest.judge(database, Vec::new());
        Ok(ClusterOutcome {
            verdict,
            recoveries: self.recoveries,
            rolling_errors: self.rolling_errors,
            converged,
        })
    }
}

async fn cluster(chaos: &ClusterChaos) -> Result<Cluster, ChaosError> {
    let mut cluster = Cluster::new(&chaos.program, chaos.plan.nodes)
        .await?
        .set("server.registration", "open")
        .set("log.level", "warn");
    for class in CLASSES {
        cluster = cluster
            .set(&format!("limits.{class}.burst"), BURST)
            .set(&format!("limits.{class}.per_minute"), PER_MINUTE);
    }
    if let Some(mutation) = chaos.mutation {
        cluster = cluster.variable(parlor_server::mutation::VARIABLE, mutation);
    }
    Ok(cluster)
}

/// People at all nodes in turn, and the rooms they are in.
async fn crowd(
    chaos: &ClusterChaos,
    cluster: &Cluster,
    relay: &Relay,
) -> Result<Crowd, ChaosError> {
    let ClusterPlan {
        writers,
        readers,
        rooms,
        rooms_each,
        pause,
        ..
    } = chaos.plan;
    let mut people = Vec::new();
    for number in 0..writers + readers {
        let code = match number {
            0 => cluster.owner_link()?.code.clone(),
            _ => String::new(),
        };
        let dial = dial(cluster, relay, number)?;
        people.push(enrol(&dial, &format!("person{number}"), code).await?);
    }
    let rooms = furnish(&dial(cluster, relay, 1)?, &people, rooms, rooms_each).await?;
    let mut clients = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let person = Person {
            client: format!("{}'s client", person.name),
            user: person.user,
            token: person.token.clone(),
            skip_gap_fill: false,
        };
        let dial = dial(cluster, relay, number)?;
        clients.push(RecordedClient::start(person, dial));
    }
    let talk = Talk {
        writers,
        private_share: PRIVATE_SHARE,
        pause,
        change_every: Some(CHANGE_EVERY),
    };
    Ok(Crowd::new(chaos.seed, people, rooms, talk, clients))
}

/// How this person's client begins: at the nodes in turn.
fn dial(cluster: &Cluster, relay: &Relay, number: usize) -> Result<Dial, ChaosError> {
    let node = number % cluster.count();
    let at = (node == RELAYED).then(|| relay.addr());
    Ok(cluster.dial(node, at)?)
}

/// All are linked, nothing is unsent, and who has a room holds what the others hold of it.
fn at_rest(clients: &[Progress]) -> bool {
    let mut revs = std::collections::BTreeMap::new();
    let mut held = clients.iter().flat_map(|it| &it.rooms);
    clients
        .iter()
        .all(|it| it.linked && it.current && it.unsent == 0)
        && held.all(|(room, rev)| revs.entry(*room).or_insert(*rev) == rev)
}
