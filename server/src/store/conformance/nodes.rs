//! Stories of what nodes of a cluster say of themselves.

use super::World;
use super::world::Factory;
use crate::store::NodeBeat;

const DAY_MS: u64 = 24 * 3600 * 1000;

pub(super) async fn tell(factory: &impl Factory) {
    a_node_is_kept_as_it_spoke_last_and_for_a_day(&World::new(factory).await).await;
}

async fn a_node_is_kept_as_it_spoke_last_and_for_a_day(world: &World) {
    let beat = async |number, said: &str| {
        let record = said.as_bytes().to_vec();
        let said = NodeBeat { number, record };
        world.store.beat(said).await.unwrap();
    };
    let kept = async |limit| -> Vec<(u64, String)> {
        let nodes = world.store.nodes(limit).await.unwrap();
        let text = |it: NodeBeat| (it.number, String::from_utf8(it.record).unwrap());
        nodes.into_iter().map(text).collect()
    };
    assert_eq!(kept(10).await, []);
    beat(1, "one").await;
    world.hand.forward(1);
    // Numbers are random: all 64 bits count.
    beat(u64::MAX, "two").await;
    world.hand.forward(1);
    beat(1, "one again").await;
    let both = [(1, "one again".to_owned()), (u64::MAX, "two".to_owned())];
    assert_eq!(kept(10).await, both);
    assert_eq!(kept(1).await, both[..1], "the newest first");
    world.hand.forward(DAY_MS);
    beat(1, "the next day").await;
    assert_eq!(kept(10).await, [(1, "the next day".to_owned())]);
}
