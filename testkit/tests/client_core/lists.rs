//! Pages of the directory and of members: kept, loaded anew behind what is shown, forgotten.

use std::time::Duration;

use parlor_client_core::api::{
    Change, DirectoryCursor, Explain, LinkState, NewRoom, ReadError, RoomId, RoomKind,
};
use parlor_testkit::server::TestServer;
use tokio::time::timeout;

use crate::face::Face;

async fn room(face: &Face, kind: RoomKind, name: &str) -> RoomId {
    let room = NewRoom {
        kind,
        name: name.to_owned(),
        topic: String::new(),
    };
    face.core.create_room(room).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_once_needs_no_network() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let tea = room(&ada, RoomKind::Public, "Tea").await;
    let start = DirectoryCursor::default();
    let members = ada.core.members(tea, None, 50).await.unwrap();
    let directory = ada.core.directory(&start, 50).await.unwrap();
    assert_eq!((members.rows.len(), directory.rows.len()), (1, 2));
    server.server.stop().await;
    ada.until("the loss of the link", |core| {
        (core.link().state != LinkState::Online).then_some(())
    })
    .await;
    assert_eq!(ada.core.members(tea, None, 50).await.unwrap(), members);
    assert_eq!(ada.core.directory(&start, 50).await.unwrap(), directory);
    // Another page was not.
    let error = ada.core.members(tea, None, 49).await.unwrap_err();
    assert_eq!(error.code(), "offline");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_page_is_shown_at_once_and_told_of_when_it_has_changed() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let bob = ada.invite(&server.owner_link(), "bob").await;
    let tea = room(&ada, RoomKind::Public, "Tea").await;
    let before = ada.core.members(tea, None, 50).await.unwrap();
    assert_eq!(before.rows.len(), 1);
    bob.core.join_room(tea).await.unwrap();
    // The room is not open at hers: nothing but looking again brings the news.
    let at_once = ada.core.members(tea, None, 50).await.unwrap();
    assert_eq!(at_once, before);
    let told = async {
        loop {
            ada.core.members(tea, None, 50).await.unwrap();
            let change = timeout(Duration::from_millis(100), ada.changes.next());
            if let Ok(Change::Members(room)) = change.await
                && room == tea
            {
                return;
            }
        }
    };
    timeout(Duration::from_secs(20), told)
        .await
        .expect("it is told");
    let after = ada.core.members(tea, None, 50).await.unwrap();
    assert_eq!(after.rows.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_is_shown_no_members_any_more() {
    let server = TestServer::start().await;
    let ada = Face::owner(&server, "ada").await;
    let mut bob = ada.invite(&server.owner_link(), "bob").await;
    let secret = room(&ada, RoomKind::Private, "Secret").await;
    let me = bob.core.whoami().unwrap().user;
    ada.core.add_member(secret, me).await.unwrap();
    bob.until("the room", |core| core.room(secret)).await;
    let members = bob.core.members(secret, None, 50).await.unwrap();
    assert_eq!(members.rows.len(), 2);
    ada.core.remove_member(secret, me).await.unwrap();
    bob.change("the end of it", |change| {
        (change == Change::RoomGone(secret)).then_some(())
    })
    .await;
    let error = bob.core.members(secret, None, 50).await.unwrap_err();
    assert!(matches!(error, ReadError::NotFound(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_is_walked_through_page_by_page() {
    let server = TestServer::start().await;
    let ada = Face::owner(&server, "ada").await;
    for name in ["Tea", "coffee", "Zwieback", "butter"] {
        room(&ada, RoomKind::Public, name).await;
    }
    let (mut next, mut names) = (Some(DirectoryCursor::default()), Vec::new());
    while let Some(at) = next {
        let page = ada.core.directory(&at, 2).await.unwrap();
        names.extend(page.rows.into_iter().map(|row| row.name));
        next = page.next;
    }
    assert_eq!(names, ["butter", "coffee", "general", "Tea", "Zwieback"]);
    assert!(ada.core.find_room("zwieback").await.is_ok());
}
