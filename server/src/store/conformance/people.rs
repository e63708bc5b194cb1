//! Stories of accounts, sessions and invites.

use parlor_protocol::room::RoomKind;
use parlor_protocol::{Code, RoomId, SessionId, UserId};

use super::World;
use super::world::Factory;
use crate::store::{NewInvite, NewSession, NewUser};

pub(super) async fn tell(factory: &impl Factory) {
    an_account_has_its_name_alone(&World::new(factory).await).await;
    accounts_change(&World::new(factory).await).await;
    tokens_rotate(&World::new(factory).await).await;
    sessions_end(&World::new(factory).await).await;
    invites_count_people(&World::new(factory).await).await;
    a_check_and_an_end(&World::new(factory).await).await;
}

async fn an_account_has_its_name_alone(world: &World) {
    assert!(world.store.is_empty().await.unwrap());
    let ann = world.person("Ann").await;
    assert!(!world.store.is_empty().await.unwrap());
    let again = NewUser {
        id: UserId(world.id()),
        name: "ANN".to_owned(),
        folded: "ann".to_owned(),
        display_name: String::new(),
        password_hash: String::new(),
        administrator: false,
        made_at_ms: 0,
        unlimited: false,
    };
    assert_eq!(
        world
            .store
            .create_user(again)
            .await
            .unwrap()
            .unwrap_err()
            .code,
        Code::NAME_TAKEN
    );
    let found = world.store.user_by_name("ann").await.unwrap().unwrap();
    assert_eq!(
        (found.id, found.name.as_str(), found.display_name.as_str()),
        (ann, "Ann", "Ann the person")
    );
    assert!(
        world.store.user_by_name("Ann").await.unwrap().is_none(),
        "names are asked for folded"
    );
    let bob = world.person("Bob").await;
    let people = world
        .store
        .people(&[bob], &["ann".to_owned(), "nobody".to_owned()])
        .await
        .unwrap();
    assert_eq!(people.len(), 2);
    assert!(world.store.people(&[], &[]).await.unwrap().is_empty());
    let listed = world.store.users(None, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|user| user.id).collect::<Vec<_>>(),
        [ann, bob]
    );
    assert_eq!(world.store.users(Some(ann), 1).await.unwrap()[0].id, bob);
}

async fn accounts_change(world: &World) {
    let ann = world.person("Ann").await;
    world.store.set_password(ann, "another").await.unwrap();
    world.store.set_administrator(ann, true).await.unwrap();
    world.store.set_disabled(ann, true).await.unwrap();
    let found = world.store.user(ann).await.unwrap().unwrap();
    assert_eq!(found.password_hash, "another");
    assert!(found.administrator && found.disabled && !found.unlimited);
    assert!(
        world
            .store
            .user(UserId(world.id()))
            .await
            .unwrap()
            .is_none()
    );
}

async fn session(world: &World, user: UserId, token: u8) -> SessionId {
    let id = SessionId(world.id());
    let now_ms = world.hand.now_ms();
    let session = NewSession {
        id,
        user,
        token: [token; 32],
        device: "a device".to_owned(),
        address: "192.0.2.1".to_owned(),
        made_at_ms: now_ms,
        expires_at_ms: now_ms + 1_000_000,
    };
    world.store.create_session(session).await.unwrap();
    id
}

async fn tokens_rotate(world: &World) {
    let ann = world.person("Ann").await;
    let id = session(world, ann, 1).await;
    let found = async |token: u8| {
        let found = world.store.session_by_token(&[token; 32]).await.unwrap();
        found.map(|found| (found.session.id, found.user.id, found.by_next))
    };
    assert_eq!(found(1).await, Some((id, ann, false)));
    assert_eq!(found(2).await, None);
    // An offer that gets lost is made anew; the current token stays good until one is used.
    world.hand.forward(500);
    world
        .store
        .offer_token(id, &[2; 32], world.hand.now_ms())
        .await
        .unwrap();
    world
        .store
        .offer_token(id, &[3; 32], world.hand.now_ms())
        .await
        .unwrap();
    assert_eq!(
        (found(1).await, found(2).await, found(3).await),
        (Some((id, ann, false)), None, Some((id, ann, true)))
    );
    world
        .store
        .accept_token(id, &[3; 32], world.hand.now_ms())
        .await
        .unwrap();
    assert_eq!(
        (found(1).await, found(3).await),
        (None, Some((id, ann, false)))
    );
    world
        .store
        .accept_token(id, &[3; 32], world.hand.now_ms())
        .await
        .unwrap();
    assert_eq!(
        found(3).await,
        Some((id, ann, false)),
        "accepting twice changes nothing"
    );
    let row = world
        .store
        .session_by_token(&[3; 32])
        .await
        .unwrap()
        .unwrap()
        .session;
    assert_eq!(
        (row.token_at_ms, row.seen_at_ms),
        (world.hand.now_ms(), world.hand.now_ms())
    );
}

async fn sessions_end(world: &World) {
    let [ann, bob] = world.people().await;
    let [one, two, three] = [
        session(world, ann, 1).await,
        session(world, ann, 2).await,
        session(world, ann, 3).await,
    ];
    let other = session(world, bob, 4).await;
    let now_ms = world.hand.now_ms() + 7;
    world
        .store
        .touch_sessions(&[
            (two, now_ms, "198.51.100.7".to_owned()),
            (other, now_ms, "::\"1".to_owned()),
        ])
        .await
        .unwrap();
    let listed = world.store.sessions(ann).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(
        (
            listed[0].id,
            listed[0].seen_at_ms,
            listed[0].address.as_str()
        ),
        (two, now_ms, "198.51.100.7")
    );
    assert!(
        !world.store.end_session(bob, one).await.unwrap(),
        "only one's own"
    );
    assert!(world.store.end_session(ann, one).await.unwrap());
    assert!(!world.store.end_session(ann, one).await.unwrap());
    assert_eq!(
        world.store.end_sessions(ann, Some(two)).await.unwrap(),
        [three]
    );
    assert_eq!(world.store.end_sessions(ann, None).await.unwrap(), [two]);
    assert!(
        world
            .store
            .session_by_token(&[2; 32])
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        world
            .store
            .session_by_token(&[4; 32])
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        world
            .store
            .prune(world.hand.now_ms() + 1_000_000, 10)
            .await
            .unwrap(),
        1
    );
    assert!(world.store.sessions(bob).await.unwrap().is_empty());
}

async fn invites_count_people(world: &World) {
    let [ann, bob, eve] = world.people().await;
    let rooms = vec![
        world.create(ann, RoomKind::PRIVATE, "den").await,
        world.create(ann, RoomKind::PUBLIC, "hall").await,
    ];
    let now_ms = world.hand.now_ms();
    let new = |code: u8, uses, rooms: &[RoomId]| NewInvite {
        code: [code; 32],
        maker: Some(ann),
        rooms: rooms.to_vec(),
        uses,
        made_at_ms: now_ms,
        expires_at_ms: now_ms + 1_000,
        owner: code == 2,
    };
    world.store.create_invite(new(1, 1, &rooms)).await.unwrap();
    world
        .store
        .create_invite(NewInvite {
            maker: None,
            ..new(2, 0, &[])
        })
        .await
        .unwrap();
    let found =
        async |code: u8, user, now_ms| world.store.invite(&[code; 32], user, now_ms).await.unwrap();
    let row = found(1, None, now_ms).await.unwrap();
    assert_eq!(
        (row.rooms, row.owner, row.expires_at_ms),
        (rooms, false, now_ms + 1_000)
    );
    assert!(found(2, None, now_ms).await.unwrap().owner);
    assert!(found(3, None, now_ms).await.is_none());
    assert!(world.store.use_invite(&[1; 32], bob, now_ms).await.unwrap());
    assert!(
        world.store.use_invite(&[1; 32], bob, now_ms).await.unwrap(),
        "a retry is the same use"
    );
    assert!(
        !world.store.use_invite(&[1; 32], eve, now_ms).await.unwrap(),
        "used up"
    );
    assert!(found(1, Some(bob), now_ms).await.is_some());
    assert!(found(1, Some(eve), now_ms).await.is_none());
    for person in [ann, bob, eve] {
        assert!(
            world
                .store
                .use_invite(&[2; 32], person, now_ms)
                .await
                .unwrap()
        );
    }
    assert!(found(2, None, now_ms + 1_000).await.is_none(), "expired");
    assert!(
        !world
            .store
            .use_invite(&[2; 32], UserId(world.id()), now_ms + 1_000)
            .await
            .unwrap()
    );
    assert_eq!(world.store.prune(now_ms + 1_000, 10).await.unwrap(), 2);
}

async fn a_check_and_an_end(world: &World) {
    world.store.check().await.unwrap();
    assert_ne!(world.store.epoch().0, 0);
    world.store.close().await;
    assert!(world.store.check().await.is_err());
    assert!(world.store.user(UserId(world.id())).await.is_err());
}
