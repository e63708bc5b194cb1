//! Rooms: who may know of them, who may do what.

use parlor_protocol::account::{Invite, RedeemInvite, Redeemed};
use parlor_protocol::limit::TOPIC_CHARS;
use parlor_protocol::message::Place;
use parlor_protocol::room::{CreateRoom, Members, Role, RoomDone, RoomKind, Rooms};
use parlor_protocol::sync::UserEntry;
use parlor_protocol::{Body, Code, Extensions, RoomId};
use parlor_testkit::ask;
use parlor_testkit::device::Device;

use crate::common::{ada_and_bob, device, gone, open_server, room_of};

/// The refusal, whatever the granted reply would have been.
async fn refusal<Q: Body>(device: &Device, request: &Q) -> parlor_protocol::Refusal {
    let refused: Result<parlor_protocol::Refusal, _> = device.try_ask(request).await;
    refused.unwrap_err()
}

#[tokio::test]
async fn a_room_that_is_not_there_and_one_that_is_not_yours_answer_alike() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let hidden = room_of(RoomKind::PRIVATE, &ada, &[]).await;
    ada.post(hidden, "nobody else's business").await;
    let absent = RoomId::new();
    macro_rules! alike {
        ($($request:expr),* $(,)?) => {$({
            let request = $request;
            let (yours, nobodys) = (
                refusal(&bob, &request(hidden)).await,
                refusal(&bob, &request(absent)).await,
            );
            assert_eq!(yours.code, Code::NOT_FOUND, "{}", stringify!($request));
            assert_eq!(yours, nobodys, "{}", stringify!($request));
        })*};
    }
    alike!(
        |room| ask::post(room, "let me in"),
        |room| ask::page(room, Place::NEWEST, 0, 10),
        |room| ask::open(room, None, 10),
        |room| ask::changes(room, 0),
        |room| ask::members(room, None, 10),
        |room| ask::mark(room, 1),
        |room| ask::join(room),
        |room| ask::leave(room),
        |room| ask::add(room, bob.user()),
        |room| ask::remove(room, ada.user()),
        |room| ask::set_role(room, ada.user(), Role::MEMBER),
        |room| ask::set_topic(room, "mine now"),
        |room| ask::invite(vec![room], 1, 0),
    );
    let put = |room| ask::put_text(room, "a text");
    let get = |room| ask::get_text(room, 1);
    for room in [hidden, absent] {
        let put = bob
            .link
            .put_text(&put(room), "a text".into())
            .await
            .unwrap_err();
        let get = bob.link.get_text(&get(room)).await.unwrap_err();
        let text = Code::NOT_FOUND.text();
        assert_eq!(
            (put.to_string(), get.to_string()),
            (text.to_owned(), text.to_owned())
        );
    }
    let by_name = refusal(&bob, &ask::join_by_name("workshop")).await;
    assert_eq!(
        by_name,
        refusal(&bob, &ask::join_by_name("no such room")).await
    );
}

#[tokio::test]
async fn public_rooms_are_found_joined_and_named_once() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    for name in ["Beta", "alpha", "Gamma"] {
        let _: RoomDone = ada.ask(&ask::create_room(RoomKind::PUBLIC, name)).await;
    }
    let _: RoomDone = ada
        .ask(&ask::create_room(RoomKind::PRIVATE, "secret"))
        .await;
    let taken = bob
        .refused(&ask::create_room(RoomKind::PUBLIC, "ALPHA"))
        .await;
    assert_eq!(taken, Code::ROOM_NAME_TAKEN);
    let _: RoomDone = bob.ask(&ask::create_room(RoomKind::PRIVATE, "alpha")).await;

    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page: Rooms = bob.ask(&ask::rooms(&after, 2)).await;
        assert!(page.rooms.len() <= 2);
        names.extend(page.rooms.iter().map(|it| (it.name.clone(), it.joined)));
        after = names.last().unwrap().0.clone();
        if !page.more {
            break;
        }
    }
    let names: Vec<_> = names
        .iter()
        .map(|(name, joined)| (name.as_str(), *joined))
        .collect();
    assert_eq!(
        names,
        [
            ("alpha", false),
            ("Beta", false),
            ("Gamma", false),
            ("general", true)
        ]
    );
    let joined = bob.done(&ask::join_by_name("GAMMA")).await;
    assert_eq!(bob.post(joined.room, "hello").await.seq, 1);
}

#[tokio::test]
async fn a_public_room_may_be_read_before_it_is_joined_and_not_written() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PUBLIC, &ada, &[]).await;
    ada.post(room, "come in").await;
    assert_eq!(bob.newest(room).await.messages[0].text, "come in");
    bob.open(room).await;
    ada.post(room, "the door is open").await;
    assert_eq!(bob.message(room).await.text, "the door is open");
    assert_eq!(
        bob.refused(&ask::post(room, "from outside")).await,
        Code::NOT_FOUND
    );
}

#[tokio::test]
async fn roles_decide_and_a_room_keeps_an_owner() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let carl = server.register("carl", "").await;
    let carl = device(&server, &carl).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob, &carl]).await;
    let role = |of: &Device, role| ask::set_role(room, of.user(), role);

    assert_eq!(
        bob.refused(&ask::set_topic(room, "mine")).await,
        Code::FORBIDDEN
    );
    assert_eq!(
        bob.refused(&ask::remove(room, carl.user())).await,
        Code::FORBIDDEN
    );
    assert_eq!(bob.refused(&role(&bob, Role::OWNER)).await, Code::FORBIDDEN);
    ada.done(&role(&bob, Role::MODERATOR)).await;
    bob.done(&ask::set_topic(room, "tools")).await;
    assert_eq!(
        bob.refused(&ask::remove(room, ada.user())).await,
        Code::FORBIDDEN
    );
    assert_eq!(
        bob.refused(&role(&carl, Role::OWNER)).await,
        Code::FORBIDDEN
    );

    assert_eq!(ada.refused(&ask::leave(room)).await, Code::LAST_OWNER);
    assert_eq!(
        ada.refused(&role(&ada, Role::MEMBER)).await,
        Code::LAST_OWNER
    );
    ada.done(&role(&bob, Role::OWNER)).await;
    ada.done(&ask::leave(room)).await;
    assert_eq!(
        ada.refused(&ask::post(room, "one more thing")).await,
        Code::NOT_FOUND
    );
    bob.done(&ask::remove(room, carl.user())).await;
    assert_eq!(
        bob.refused(&ask::remove(room, carl.user())).await,
        Code::NO_SUCH_PERSON
    );
    // Alone, the last owner may go.
    bob.done(&ask::leave(room)).await;
}

#[tokio::test]
async fn members_come_in_pages_with_their_roles() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    let carl = server.register("carl", "").await;
    ada.done(&ask::add(room, carl.user)).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page: Members = bob.ask(&ask::members(room, after, 1)).await;
        assert_eq!(page.members.len(), 1);
        let member = &page.members[0];
        after = Some(member.person.id);
        seen.push((member.person.id, member.role, member.online));
        if !page.more {
            break;
        }
    }
    seen.sort_by_key(|(id, ..)| *id);
    let mut expected = vec![
        (ada.user(), Role::OWNER, true),
        (bob.user(), Role::MEMBER, true),
        (carl.user, Role::MEMBER, false),
    ];
    expected.sort_by_key(|(id, ..)| *id);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn two_people_have_one_direct_room_whoever_opens_it() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let carl = server.register("carl", "").await;
    let carl = device(&server, &carl).await;
    let room = ada.done(&ask::open_direct(bob.user())).await.room;
    assert_eq!(bob.done(&ask::open_direct(ada.user())).await.room, room);
    assert_eq!(room, RoomId::direct(ada.user(), bob.user()));
    // It reaches the other whole, though nobody opened it.
    ada.post(room, "psst").await;
    assert_eq!(bob.message(room).await.text, "psst");

    assert_eq!(
        carl.refused(&ask::open(room, None, 10)).await,
        Code::NOT_FOUND
    );
    assert_eq!(ada.refused(&ask::leave(room)).await, Code::NOT_FOR_DIRECT);
    assert_eq!(
        ada.refused(&ask::set_topic(room, "us")).await,
        Code::NOT_FOR_DIRECT
    );
    assert_eq!(
        ada.refused(&ask::open_direct(ada.user())).await,
        Code::NO_SUCH_PERSON
    );
    let stranger = parlor_protocol::UserId::new();
    assert_eq!(
        ada.refused(&ask::open_direct(stranger)).await,
        Code::NO_SUCH_PERSON
    );
}

#[tokio::test]
async fn a_join_code_opens_its_rooms_to_who_has_an_account_already() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[]).await;
    let invite: Invite = ada.ask(&ask::invite(vec![room], 1, 0)).await;
    let redeem = RedeemInvite {
        code: invite.code,
        ext: Extensions::NONE,
    };
    let redeemed: Redeemed = bob.ask(&redeem).await;
    assert_eq!(redeemed.rooms, [room]);
    let listed = |entry: &UserEntry| matches!(entry, UserEntry::Room(it) if it.room == room);
    bob.own_entry(listed).await;
    bob.post(room, "thank you").await;
    // Once more by the same person is no second use, and by another one too many.
    let _: Redeemed = bob.ask(&redeem).await;
    let carl = server.register("carl", "").await;
    let carl = device(&server, &carl).await;
    assert_eq!(carl.refused(&redeem).await, Code::INVITE_INVALID);
}

#[tokio::test]
async fn who_was_removed_does_not_come_back_by_an_invite_of_their_own() {
    let server = open_server().await;
    let (ada, mut bob) = ada_and_bob(&server).await;
    let (first, second) = (
        room_of(RoomKind::PRIVATE, &ada, &[&bob]).await,
        room_of(RoomKind::PRIVATE, &ada, &[&bob]).await,
    );
    let made: Invite = bob.ask(&ask::invite(vec![first, second], 0, 0)).await;
    let redeem = RedeemInvite {
        code: made.code,
        ext: Extensions::NONE,
    };
    ada.done(&ask::remove(first, bob.user())).await;
    gone(&mut bob, first).await;
    let redeemed: Redeemed = bob.ask(&redeem).await;
    assert_eq!(redeemed.rooms, [second], "what he may open still");
    assert_eq!(
        bob.refused(&ask::open(first, None, 1)).await,
        Code::NOT_FOUND
    );
    ada.done(&ask::remove(second, bob.user())).await;
    gone(&mut bob, second).await;
    assert_eq!(bob.refused(&redeem).await, Code::INVITE_INVALID);
}

#[tokio::test]
async fn a_directory_of_long_topics_comes_in_pages_that_fit_a_frame() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let topic = "\u{1F33F}".repeat(TOPIC_CHARS);
    for n in 0..100 {
        let create = CreateRoom {
            topic: topic.clone(),
            ..ask::create_room(RoomKind::PUBLIC, &format!("room {n:03}"))
        };
        ada.done(&create).await;
    }
    let mut names: Vec<String> = Vec::new();
    loop {
        let after = names.last().cloned().unwrap_or_default();
        let page: Rooms = bob.ask(&ask::rooms(&after, 200)).await;
        names.extend(page.rooms.into_iter().map(|room| room.name));
        if !page.more {
            break;
        }
    }
    assert_eq!(
        names
            .iter()
            .filter(|name| name.starts_with("room "))
            .count(),
        100
    );
    let once: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "each once");
    // So do all of one's own, which come in turn.
    let mut mine = ada.all_of_mine().await;
    let mut listed = mine.entries.len();
    assert!(mine.reset && mine.heads.len() >= 100);
    while mine.through < mine.rev {
        mine = ada.ask(&ask::sync_user(Some(mine.through))).await;
        assert!(!mine.reset, "the list goes on");
        listed += mine.entries.len();
    }
    assert_eq!(listed, mine.heads.len());
}
