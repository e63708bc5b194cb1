//! Two people talk through a real server.

use parlor_client_core::net::LinkEvent;
use parlor_protocol::message::{GetPage, Page, Place, Post, Posted, Timeline};
use parlor_protocol::room::{JoinRoom, RoomDone};
use parlor_protocol::sync::{
    OpenRoom, RoomBatch, RoomEntry, RoomOpened, SyncUser, UserChanges, UserEntry,
};
use parlor_protocol::{Extensions, Kind, RoomId, SendKey};
use parlor_testkit::server::TestServer;

fn post(room: RoomId, text: &str) -> Post {
    Post {
        room,
        timeline: Timeline::ROOM,
        send_key: SendKey::new(),
        after: None,
        text: text.to_owned(),
        long: None,
        ext: Extensions::NONE,
    }
}

fn open(room: RoomId) -> OpenRoom {
    OpenRoom {
        room,
        since: None,
        page: 50,
        ext: Extensions::NONE,
    }
}

#[tokio::test]
async fn two_people_talk_in_the_first_room() {
    let server = TestServer::with(|config| {
        config.server.registration = parlor_server::config::Registration::Open;
    })
    .await;
    let ada = server.owner("ada").await;
    let bob = server.register("bob", "").await;
    let mut ada = server.connect(ada.by_token()).await.unwrap();
    let mut bob = server
        .connect(bob.by_password(parlor_testkit::server::PASSWORD))
        .await
        .unwrap();
    assert!(ada.entered.administrator && !bob.entered.administrator);

    let (link, changes) = (
        ada.link.clone(),
        SyncUser {
            since: None,
            ext: Extensions::NONE,
        },
    );
    let changes: UserChanges = drive(&mut ada.events, link.request(&changes))
        .await
        .unwrap();
    let UserEntry::Room(general) = changes.entries[0].open_user().unwrap() else {
        panic!("a room")
    };
    let room = general.room;
    let again = JoinRoom {
        send_key: SendKey::new(),
        room: Some(room),
        name: String::new(),
        ext: Extensions::NONE,
    };
    let joined: RoomDone = drive(&mut bob.events, bob.link.request(&again))
        .await
        .unwrap();
    assert_eq!(joined.room, room);

    let opened: RoomOpened = drive(&mut bob.events, bob.link.request(&open(room)))
        .await
        .unwrap();
    assert!(opened.changes.reset && opened.page.unwrap().messages.is_empty());
    let said = post(room, "hello, bob");
    let posted: Posted = drive(&mut ada.events, ada.link.request(&said))
        .await
        .unwrap();
    assert_eq!(posted.seq, 1);
    let repeated: Posted = drive(&mut ada.events, ada.link.request(&said))
        .await
        .unwrap();
    assert_eq!(repeated, posted, "a retry gives the first result");

    let batch: RoomBatch = loop {
        if let LinkEvent::Push(frame) = bob.events.next().await
            && frame.header.kind == Kind::ROOM_BATCH
        {
            break frame.open().unwrap();
        }
    };
    let RoomEntry::Message(message) = batch.entries[0].open_room().unwrap() else {
        panic!("a message")
    };
    assert_eq!(
        (message.seq, message.text.as_str(), message.send_key),
        (1, "hello, bob", said.send_key)
    );

    let page = GetPage {
        room,
        timeline: Timeline::ROOM,
        place: Place::NEWEST,
        seq: 0,
        limit: 10,
        ext: Extensions::NONE,
    };
    let page: Page = drive(&mut bob.events, bob.link.request(&page))
        .await
        .unwrap();
    assert_eq!(
        (page.head, page.as_of, page.messages.len()),
        (1, batch.rev, 1)
    );
    server.server.stop().await;
}

/// Polls the link's events while a request waits for its reply.
async fn drive<T>(
    events: &mut parlor_client_core::net::LinkEvents,
    request: impl Future<Output = T>,
) -> T {
    let mut request = std::pin::pin!(request);
    loop {
        tokio::select! {
            reply = &mut request => return reply,
            event = events.next() => if let LinkEvent::Closed(why) = event { panic!("closed: {why}") },
        }
    }
}
