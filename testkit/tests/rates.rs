//! Rates over the nodes of a cluster, as somebody meets them who has a link to each.

#![allow(clippy::unwrap_used)]

use parlor_client_core::net::{ConnectError, RequestError};
use parlor_protocol::account::{ListSessions, Sessions};
use parlor_protocol::{Code, Refusal};
use parlor_server::config::{Config, Rate};
use parlor_testkit::device::{COMES_WITHIN, Device};
use parlor_testkit::nodes::Nodes;
use parlor_testkit::server::{PASSWORD, TestPerson};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The default burst, and hardly anything after it, so that a slow machine counts the same.
fn patient(config: &mut Config) {
    config.limits.commands = Rate::new(100, 1);
    config.limits.log_ins = Rate::new(10, 1);
    config.cluster.rates_within_ms = 5_000;
}

/// Somebody with a link to each of two nodes.
struct Scene {
    nodes: Nodes,
    ada: TestPerson,
    links: Vec<Device>,
}

impl Scene {
    async fn new() -> Self {
        let nodes = Nodes::start(2, patient).await;
        let ada = nodes.servers[0].owner("ada").await;
        let mut links = Vec::new();
        for server in &nodes.servers {
            links.push(Device::new(server.connect(ada.by_token()).await.unwrap()));
            let membership = server.server.node().membership().unwrap();
            let mut nodes = membership.nodes();
            let both = nodes.wait_for(|nodes| *nodes == 2);
            timeout(COMES_WITHIN, both).await.unwrap().unwrap();
        }
        Self { nodes, ada, links }
    }

    /// So many commands at once, in turn over the links: those that were refused.
    async fn refused(&self, commands: usize) -> Vec<Refusal> {
        let ask = ListSessions::default();
        let mut asked = JoinSet::new();
        for number in 0..commands {
            let link = &self.links[number % self.links.len()].link;
            asked.spawn(link.request::<_, Sessions>(&ask));
        }
        let answers = asked.join_all().await;
        answers
            .into_iter()
            .filter_map(|answer| match answer {
                Ok(_) => None,
                Err(RequestError::Refused(refusal)) => Some(refusal),
                Err(error) => panic!("{error}"),
            })
            .collect()
    }

    /// What both nodes counted with Redis, and what alone.
    fn counted(&self) -> (u64, u64) {
        let rates = self.nodes.servers.iter().map(|server| {
            let rates = server.server.core().shared_rates.as_ref().unwrap();
            let counters = rates.counters();
            (counters.shared.get(), counters.alone.get())
        });
        rates.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_150_commands_at_once_over_two_nodes_100_pass_and_50_are_told_when_to_retry() {
    let scene = Scene::new().await;
    let before = scene.counted();
    let refused = scene.refused(150).await;
    assert_eq!(refused.len(), 50);
    for refusal in refused {
        assert_eq!(refusal.code, Code::RATE_LIMITED);
        let ms = refusal.retry_after_ms;
        assert!((1..=60_000).contains(&ms), "{ms}");
    }
    let after = scene.counted();
    assert_eq!((after.0 - before.0, after.1 - before.1), (150, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_away_no_more_pass_over_both_nodes_than_over_one() {
    let mut scene = Scene::new().await;
    scene.nodes.place.redis.kill().await.unwrap();
    assert_eq!(scene.refused(150).await.len(), 50, "each allows its half");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_a_password_gains_nothing_by_another_node() {
    let scene = Scene::new().await;
    let mut codes = Vec::new();
    for number in 0..12 {
        let server = &scene.nodes.servers[number % 2];
        let refused = server.connect(scene.ada.by_password("a wrong guess")).await;
        let code = match refused {
            Err(ConnectError::Entry(refusal)) => refusal.code,
            other => panic!("{other:?}"),
        };
        codes.push(code);
    }
    assert_eq!(codes[..10], [Code::BAD_LOG_IN; 10]);
    assert_eq!(codes[10..], [Code::RATE_LIMITED; 2]);
    let right = scene.nodes.servers[0].connect(scene.ada.by_password(PASSWORD));
    assert!(right.await.is_err(), "the bucket is the account's");
}
