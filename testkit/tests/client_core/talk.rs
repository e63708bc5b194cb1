//! Two people talk.

use parlor_client_core::api::{
    Change, Core, Explain, JoinRoomError, MemberError, NewRoom, Options, PostError, Presence, Role,
    RoomKind, SetTopicError, Timeline,
};
use parlor_testkit::server::TestServer;

use crate::face::{Face, offline, shown};

async fn two(server: &TestServer) -> (Face, Face) {
    let ada = Face::owner(server, "ada").await;
    let bob = ada.invite(&server.owner_link(), "bob").await;
    (ada, bob)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_says_the_other_reads_and_both_count_alike() {
    let server = TestServer::start().await;
    let (mut ada, mut bob) = two(&server).await;
    let general = ada.room("general").await;
    bob.room("general").await;
    let at_ada = ada.timeline(general);
    ada.say(general, "hello bob").await;
    ada.sees(&at_ada, &["hello bob"]).await;
    bob.until("one unread", |core| {
        (core.room(general)?.unread == 1).then_some(())
    })
    .await;

    let at_bob = bob.timeline(general);
    bob.sees(&at_bob, &["hello bob"]).await;
    bob.core.mark_read(general, 1);
    bob.until("nothing unread", |core| {
        (core.room(general)?.unread == 0).then_some(())
    })
    .await;
    bob.say(general, "hello ada").await;
    ada.sees(&at_ada, &["hello bob", "hello ada"]).await;
    let named = |_: &_| {
        at_ada
            .message(2)
            .filter(|message| &*message.author_name == "bob")
    };
    let message = ada.until("who said it", named).await;
    assert!(!message.own);
    assert!(at_ada.message(1).unwrap().own);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_message_makes_its_room_and_notifies() {
    let server = TestServer::start().await;
    let (ada, mut bob) = two(&server).await;
    let direct = ada.core.find_room("@bob").await.unwrap();
    let mut ada = ada;
    ada.until("the direct room", |core| core.room(direct)).await;
    ada.say(direct, "psst").await;
    let notified = bob
        .change("a notification", |change| match change {
            Change::Notify(notification) => Some(notification),
            _ => None,
        })
        .await;
    assert_eq!((notified.room, &*notified.message.text), (direct, "psst"));
    bob.until("a title", |core| {
        (core.room(direct)?.title == "ada").then_some(())
    })
    .await;
    bob.core.mark_read(direct, 1);
    bob.change("its withdrawal", |change| {
        matches!(change, Change::Withdraw(room, _) if room == direct).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_are_made_found_joined_and_left() {
    let server = TestServer::start().await;
    let (ada, mut bob) = two(&server).await;
    let tea = NewRoom {
        kind: RoomKind::Public,
        name: "Tea".to_owned(),
        topic: "leaves".to_owned(),
    };
    let tea = ada.core.create_room(tea).await.unwrap();
    assert_eq!(bob.core.find_room("tea").await.unwrap(), tea);
    bob.core.join_room(tea).await.unwrap();
    bob.until("tea in the list", |core| core.room(tea)).await;
    let refused = bob.core.set_topic(tea, "coffee").await.unwrap_err();
    assert!(matches!(refused, SetTopicError::Forbidden(_)), "{refused}");
    let members = ada.core.members(tea, None, 50).await.unwrap();
    assert_eq!(members.rows.len(), 2);
    bob.core.leave_room(tea).await.unwrap();
    bob.until("tea gone", |core| core.room(tea).is_none().then_some(()))
        .await;
    let nowhere = bob
        .core
        .join_room(parlor_client_core::api::RoomId::new())
        .await
        .unwrap_err();
    assert!(matches!(nowhere, JoinRoomError::NotFound(_)), "{nowhere}");
    assert_eq!(nowhere.code(), "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_keeps_nothing_of_the_room() {
    let server = TestServer::start().await;
    let (mut ada, mut bob) = two(&server).await;
    let secret = NewRoom {
        kind: RoomKind::Private,
        name: "Secret".to_owned(),
        topic: String::new(),
    };
    let secret = ada.core.create_room(secret).await.unwrap();
    ada.until("the room", |core| core.room(secret)).await;
    let me = bob.core.whoami().unwrap().user;
    ada.core.add_member(secret, me).await.unwrap();
    bob.until("the room", |core| core.room(secret)).await;
    let timeline = bob.timeline(secret);
    ada.say(secret, "the plan").await;
    bob.sees(&timeline, &["the plan"]).await;
    ada.core.remove_member(secret, me).await.unwrap();
    bob.change("the end of it", |change| {
        (change == Change::RoomGone(secret)).then_some(())
    })
    .await;
    assert_eq!(shown(&timeline), [""; 0]);
    let error = ada
        .core
        .set_role(secret, me, Role::Moderator)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            MemberError::NoSuchPerson(_) | MemberError::NotFound(_) | MemberError::Ask(_)
        ),
        "{error}"
    );
    let bob = bob.again(crate::face::offline()).await;
    assert!(bob.core.room(secret).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_and_presence_are_seen() {
    let server = TestServer::start().await;
    let (mut ada, mut bob) = two(&server).await;
    let general = ada.room("general").await;
    bob.room("general").await;
    let (_one, _other) = (ada.timeline(general), bob.timeline(general));
    ada.online().await;
    bob.online().await;
    ada.until("two online", |core| {
        (core.presence(general).online == 2).then_some(())
    })
    .await;
    // Signals may be lost, so a person's keys repeat them.
    bob.core.set_typing(general, true);
    ada.until("bob typing", |core| {
        core.typing(general)
            .iter()
            .any(|who| who.name == "bob")
            .then_some(())
    })
    .await;
    bob.core.set_presence(Presence::Away);
    let bob_id = bob.core.whoami().unwrap().user;
    ada.until("bob away", |core| {
        core.presence(general)
            .people
            .contains(&(bob_id, Presence::Away))
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_room_takes_is_refused_before_it_is_kept() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    let core = &ada.core;
    assert!(matches!(
        core.post(general, " \n").await,
        Err(PostError::Empty)
    ));
    assert!(matches!(
        core.post(general, "a\0b").await,
        Err(PostError::HasNul)
    ));
    let long = "x".repeat(1024 * 1024 + 1);
    assert!(matches!(
        core.post(general, &long).await,
        Err(PostError::TooLong { .. })
    ));
    let nowhere = parlor_client_core::api::RoomId::new();
    assert!(matches!(
        core.post(nowhere, "x").await,
        Err(PostError::NoSuchRoom)
    ));
    assert_eq!(core.link().unsent, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_write_at_once_is_held_by_both_without_a_hole() {
    const EACH: usize = 40;
    let server = TestServer::start().await;
    let (mut ada, mut bob) = two(&server).await;
    let general = ada.room("general").await;
    bob.room("general").await;
    // Both have the room open, and never draw it: nothing but batches and acknowledgements comes.
    let (at_ada, at_bob) = (ada.timeline(general), bob.timeline(general));
    let write = async |face: &Face, name: &str| {
        let mut last = None;
        for number in 0..EACH {
            let text = format!("{name} {number}");
            last = Some(face.core.post(general, &text).await.unwrap());
        }
        face.core.wait_sent(last.unwrap()).await.unwrap();
    };
    tokio::join!(write(&ada, "ada"), write(&bob, "bob"));
    let newest = |core: &Core, timeline: &Timeline, text: &str| {
        let newest = timeline.message(core.room(general)?.head)?;
        (&*newest.text == text).then_some(())
    };
    ada.say(general, "that was all").await;
    bob.until("the end", |core| newest(core, &at_bob, "that was all"))
        .await;
    drop(at_bob);
    let bob = bob.again(offline()).await;
    let held = bob.texts(general).await;
    assert_eq!(held.len(), 2 * EACH + 1);
    let bob = bob.again(Options::app("test 0")).await;
    bob.say(general, "indeed").await;
    ada.until("the end", |core| newest(core, &at_ada, "indeed"))
        .await;
    drop(at_ada);
    let ada = ada.again(offline()).await;
    let at_ada = ada.texts(general).await;
    assert_eq!(at_ada[..held.len()], held[..]);
    assert_eq!(at_ada.len(), held.len() + 1);
}
