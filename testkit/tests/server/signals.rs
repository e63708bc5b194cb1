//! Who is there and who is typing.

use parlor_protocol::room::RoomKind;
use parlor_protocol::signal::{PresenceDigest, PresenceState, TypingDigest};
use parlor_testkit::ask;
use parlor_testkit::device::Device;

use crate::common::{ada_and_bob, device, open_server, room_of};

/// Digests until one says so.
async fn online(device: &mut Device, wanted: &[(parlor_protocol::UserId, PresenceState)]) {
    loop {
        let digest: PresenceDigest = device.push().await;
        let named = |(user, state)| {
            digest
                .people
                .iter()
                .any(|it| it.user == user && it.state == state)
        };
        if digest.online as usize == wanted.len() && wanted.iter().copied().all(named) {
            assert!(digest.complete);
            return;
        }
    }
}

#[tokio::test]
async fn people_are_seen_to_come_to_be_away_and_to_go() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    bob.open(room).await;
    let (first, second) = (ada.user(), bob.user());
    let (here, away) = (PresenceState::ONLINE, PresenceState::AWAY);
    online(&mut bob, &[(first, here), (second, here)]).await;
    assert!(ada.link.signal(&ask::presence(away)));
    online(&mut bob, &[(first, away), (second, here)]).await;
    ada.leave().await;
    online(&mut bob, &[(second, here)]).await;
}

#[tokio::test]
async fn typing_is_shown_to_who_has_the_room_open() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    bob.open(room).await;
    assert!(ada.link.signal(&ask::typing(room, true)));
    let digest: TypingDigest = bob.push().await;
    assert_eq!((digest.room, digest.people), (room, vec![ada.user()]));
    assert!(ada.link.signal(&ask::typing(room, false)));
    let digest: TypingDigest = bob.push().await;
    assert!(digest.people.is_empty());
}

#[tokio::test]
async fn who_only_looks_into_a_public_room_is_not_there() {
    let server = open_server().await;
    let (mut ada, carl) = (
        device(&server, &server.owner("ada").await).await,
        device(&server, &server.register("carl", "").await).await,
    );
    let room = room_of(RoomKind::PUBLIC, &ada, &[]).await;
    ada.open(room).await;
    carl.open(room).await;
    assert!(carl.link.signal(&ask::typing(room, true)));
    assert!(ada.link.signal(&ask::typing(room, true)));
    let digest: TypingDigest = ada.push().await;
    assert_eq!(digest.people, [ada.user()]);
    carl.done(&ask::join(room)).await;
    let here = PresenceState::ONLINE;
    let (first, second) = (ada.user(), carl.user());
    online(&mut ada, &[(first, here), (second, here)]).await;
    // A member's typing is shown.
    assert!(carl.link.signal(&ask::typing(room, true)));
    let digest: TypingDigest = ada.push().await;
    assert!(digest.people.contains(&second));
}
