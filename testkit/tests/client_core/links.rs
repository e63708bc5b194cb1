//! Join links of somebody who has an account.

use parlor_client_core::api::{JoinLink, NewInvite, NewRoom, RedeemError, RoomKind};
use parlor_testkit::server::TestServer;

use crate::face::Face;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_of_another_server_is_refused_and_its_code_stays_unused() {
    let (here, there) = (TestServer::start().await, TestServer::start().await);
    let ada = Face::owner(&here, "ada").await;
    let eve = Face::owner(&there, "eve").await;
    let once = NewInvite {
        uses: 1,
        ..NewInvite::default()
    };
    let invite = eve.core.create_invite(once).await.unwrap();
    let link = JoinLink {
        code: invite.code,
        ..there.owner_link()
    };
    let error = ada.core.redeem(&link).await.unwrap_err();
    assert!(matches!(error, RedeemError::OtherServer { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("-P PROFILE") && text.contains(&link.server.to_string()));
    assert!(!text.contains('\n'), "{text}");
    Face::join(&link, "bob").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_redeems_a_link_can_write_into_its_rooms_at_once() {
    let server = TestServer::start().await;
    let ada = Face::owner(&server, "ada").await;
    let bob = ada.invite(&server.owner_link(), "bob").await;
    let mut rooms = Vec::new();
    for name in ["Club", "Den"] {
        let room = NewRoom {
            kind: RoomKind::Private,
            name: name.to_owned(),
            topic: String::new(),
        };
        rooms.push(ada.core.create_room(room).await.unwrap());
    }
    let invite = NewInvite {
        rooms: rooms.clone(),
        ..NewInvite::default()
    };
    let link = JoinLink {
        code: ada.core.create_invite(invite).await.unwrap().code,
        ..server.owner_link()
    };
    let mut joined = bob.core.redeem(&link).await.unwrap();
    for room in &joined {
        assert!(bob.core.room(*room).is_some());
        bob.say(*room, "here I am").await;
    }
    joined.sort_unstable();
    rooms.sort_unstable();
    assert_eq!(joined, rooms);
}
