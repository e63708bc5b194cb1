//! Links that are sent elsewhere.

use std::time::Duration;

use parlor_protocol::UserId;
use parlor_protocol::hello::{GoAway, Node};

use super::world::{WIDE, World, in_a_shard};
use crate::shard::ToShard;

#[tokio::test]
async fn links_that_are_one_too_many_are_asked_to_go_each_once() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let mut links = Vec::new();
        for _ in 0..4 {
            let link = world.entered(UserId::new(), &[], WIDE).await;
            let control = world.control(&link).await;
            links.push((link, control));
        }
        // Still entering: it goes to the right node by itself the next time.
        let entering = world.greeted(UserId::new(), WIDE).await;
        let node = Node {
            address: "emptier.example.org:7443".to_owned(),
            load: 3,
        };
        let away = |count| ToShard::MoveAway {
            count,
            nodes: vec![node.clone()],
            within: Duration::from_secs(8),
        };
        let asked = || {
            world.shard.step(|state| {
                let all = state.links.iter();
                all.filter(|(_, link)| link.asked_away.is_some()).count()
            })
        };
        world.tell(away(3));
        assert_eq!(asked(), 3);
        world.tell(away(3));
        assert_eq!(asked(), 4, "nobody else is left to ask");
        for (_, control) in &mut links {
            let go_away: GoAway = control.frame().await.open().unwrap();
            assert_eq!(go_away.nodes, std::slice::from_ref(&node));
            assert_eq!((go_away.retry_min_ms, go_away.retry_max_ms), (0, 8_000));
        }
        // Nobody is cut off, and newcomers are welcome.
        let (open, draining) = world
            .shard
            .step(|state| (state.links.len(), state.draining));
        assert_eq!((open, draining), (5, false));
        drop(entering);
    })
    .await;
}
