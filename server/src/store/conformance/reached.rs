//! Stories of what nodes compare what they hold with.

use parlor_protocol::room::RoomKind;
use parlor_protocol::{RoomId, SessionId, UserId};

use super::World;
use super::world::Factory;
use crate::store::NewSession;

pub(super) async fn tell(factory: &impl Factory) {
    rooms_and_people_are_where_their_last_change_was(&World::new(factory).await).await;
    sessions_live_until_they_end(&World::new(factory).await).await;
}

async fn rooms_and_people_are_where_their_last_change_was(world: &World) {
    let [ann, bob] = world.people().await;
    let here = world.create(ann, RoomKind::PUBLIC, "here").await;
    let there = world.create(bob, RoomKind::PRIVATE, "there").await;
    for text in ["one", "two"] {
        world.say(ann, here, text).await;
    }
    let absent = RoomId(world.id());
    let mut reached = world
        .store
        .rooms_reached(&[absent, here, there])
        .await
        .unwrap();
    reached.sort_by_key(|head| head.room != here);
    assert_eq!(reached.len(), 2);
    for head in reached {
        let changes = world.store.changes(head.room, 0, 0).await.unwrap();
        assert_eq!((head.rev, head.head), (changes.rev, changes.head));
    }

    let stranger = UserId(world.id());
    let people = world.store.people_reached(&[stranger, ann, bob]).await;
    let people = people.unwrap();
    assert_eq!(people.len(), 2);
    for (user, rev) in people {
        let changes = world.store.user_changes(user, None).await.unwrap();
        assert_eq!(rev, changes.rev);
        assert!(rev > 0);
    }
}

async fn sessions_live_until_they_end(world: &World) {
    let [ann] = world.people().await;
    let mut made = Vec::new();
    for number in 0..3 {
        let session = NewSession {
            id: SessionId(world.id()),
            user: ann,
            token: [number; 32],
            device: "test".to_owned(),
            address: "::1".to_owned(),
            made_at_ms: world.hand.now_ms(),
            expires_at_ms: world.hand.now_ms() + 1_000,
        };
        made.push(session.id);
        world.store.create_session(session).await.unwrap();
    }
    assert!(world.store.end_session(ann, made[1]).await.unwrap());
    let asked = [made[0], made[1], made[2], SessionId(world.id())];
    let mut living = world.store.living_sessions(&asked).await.unwrap();
    living.sort();
    assert_eq!(living, [made[0], made[2]]);
}
