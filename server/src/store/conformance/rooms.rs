//! Stories of rooms: who comes, who goes, who may what, and what each of them is told.

use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::sync::{RoomEntry, UserEntry};
use parlor_protocol::{Code, RoomId, UserId};

use super::World;
use super::world::{Factory, create, role, say};
use crate::store::{Appended, Change, ReaderChange};

pub(super) async fn tell(factory: &impl Factory) {
    a_room_begins(&World::new(factory).await).await;
    names_of_public_rooms_are_taken_once(&World::new(factory).await).await;
    joining_is_for_public_rooms(&World::new(factory).await).await;
    a_change_of_readers_ends_its_batch(&World::new(factory).await).await;
    newcomers_see_what_the_kind_allows(&World::new(factory).await).await;
    roles_decide(&World::new(factory).await).await;
    the_last_owner_stays(&World::new(factory).await).await;
    a_direct_room_is_between_two(&World::new(factory).await).await;
    what_is_so_already_changes_nothing(&World::new(factory).await).await;
    the_disabled_do_nothing(&World::new(factory).await).await;
}

async fn a_room_begins(world: &World) {
    let [ann] = world.people().await;
    let room = RoomId(world.id());
    let change = Change::Create {
        kind: RoomKind::PUBLIC,
        name: super::world::named("Garden"),
        topic: "plants".to_owned(),
    };
    let appended = world.append(vec![world.command(ann, room, change)]).await;
    let [batch] = &appended.rooms[..] else {
        panic!("one batch")
    };
    assert_eq!(
        (batch.before, batch.rev, batch.head, batch.direct),
        (0, 2, 0, false)
    );
    assert_eq!(batch.readers, ReaderChange::Joined(vec![ann]));
    let opened: Vec<_> = batch
        .entries
        .iter()
        .map(|entry| entry.open_room().unwrap())
        .collect();
    let [RoomEntry::Details(details), RoomEntry::Member(member)] = &opened[..] else {
        panic!("{opened:?}")
    };
    assert_eq!(
        (
            details.name.as_str(),
            details.topic.as_str(),
            details.members
        ),
        ("Garden", "plants", 1)
    );
    assert_eq!(
        (member.user, member.role, member.name.as_str()),
        (ann, Role::OWNER, "person0")
    );
    let [(_, UserEntry::Room(told))] = &own(&appended, ann)[..] else {
        panic!("a new room in the list")
    };
    let summary = world.store.summary(room, ann).await.unwrap().unwrap();
    assert_eq!(**told, summary);
    assert_eq!(
        (summary.rev, summary.head, summary.floor, summary.role),
        (2, 0, 1, Role::OWNER)
    );
}

async fn names_of_public_rooms_are_taken_once(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "Garden").await;
    let id = || RoomId(world.id());
    assert_eq!(
        world
            .refused(bob, id(), create(RoomKind::PUBLIC, "gARDEN"))
            .await,
        Code::ROOM_NAME_TAKEN
    );
    world
        .act(bob, id(), create(RoomKind::PRIVATE, "garden"))
        .await
        .unwrap();
    world
        .act(bob, id(), create(RoomKind::PRIVATE, "garden"))
        .await
        .unwrap();
    assert_eq!(
        world.store.room_by_name("garden").await.unwrap(),
        Some(room)
    );
    assert_eq!(world.store.room_by_name("cellar").await.unwrap(), None);
    // Two in one batch: the first has it.
    let twins =
        [ann, bob].map(|person| world.command(person, id(), create(RoomKind::PUBLIC, "twin")));
    let appended = world.append(twins.to_vec()).await;
    assert!(appended.results[0].is_ok());
    assert_eq!(
        appended.results[1].as_ref().unwrap_err().code,
        Code::ROOM_NAME_TAKEN
    );
    for name in ["", "x", &"x".repeat(65), "two\nlines"] {
        assert_eq!(
            world
                .refused(ann, id(), create(RoomKind::PUBLIC, name))
                .await,
            Code::ROOM_NAME_INVALID
        );
    }
    assert_eq!(
        world
            .refused(ann, id(), create(RoomKind::DIRECT, "name"))
            .await,
        Code::NOT_FOR_DIRECT
    );
}

async fn joining_is_for_public_rooms(world: &World) {
    let [ann, bob, eve] = world.people().await;
    let public = world.create(ann, RoomKind::PUBLIC, "square").await;
    let private = world.create(ann, RoomKind::PRIVATE, "den").await;
    world.act(bob, public, Change::Join).await.unwrap();
    assert_eq!(
        world.refused(bob, private, Change::Join).await,
        Code::NOT_FOUND
    );
    assert_eq!(
        world.refused(bob, RoomId(world.id()), Change::Join).await,
        Code::NOT_FOUND
    );
    // By a member, or by an invite.
    world
        .act(ann, private, Change::Add { user: bob })
        .await
        .unwrap();
    world.act(eve, private, Change::Admit).await.unwrap();
    assert_eq!(world.store.member_ids(private, 10).await.unwrap().len(), 3);
    assert_eq!(
        world
            .refused(
                ann,
                public,
                Change::Add {
                    user: UserId(world.id())
                }
            )
            .await,
        Code::NO_SUCH_PERSON
    );
}

async fn a_change_of_readers_ends_its_batch(world: &World) {
    let [ann, bob, eve] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let other = world.create(ann, RoomKind::PUBLIC, "other").await;
    let appended = world
        .append(vec![
            world.command(ann, room, say("before")),
            world.command(ann, other, say("elsewhere")),
            world.command(eve, room, Change::Join),
            world.command(ann, room, say("eve is here")),
            world.command(ann, other, say("still elsewhere")),
            world.command(ann, room, Change::Remove { user: bob }),
            world.command(ann, room, say("bob is gone")),
        ])
        .await;
    let of_room: Vec<_> = appended
        .rooms
        .iter()
        .filter(|batch| batch.room == room)
        .collect();
    let readers: Vec<_> = of_room.iter().map(|batch| batch.readers.clone()).collect();
    assert_eq!(
        readers,
        [
            ReaderChange::Joined(vec![eve]),
            ReaderChange::Left(bob),
            ReaderChange::None
        ]
    );
    let entries: Vec<_> = of_room.iter().map(|batch| batch.entries.len()).collect();
    assert_eq!(entries, [3, 3, 1]);
    assert!(of_room.windows(2).all(|pair| pair[0].rev == pair[1].before));
    assert_eq!(
        appended.rooms.len(),
        4,
        "the other room's batch was not cut"
    );
    let [(_, UserEntry::RoomGone(gone))] = &own(&appended, bob)[..] else {
        panic!("bob is told")
    };
    assert_eq!(gone.room, room);
    assert_eq!(
        world.store.access(room, eve).await.unwrap().unwrap().role,
        Role::MEMBER
    );
    assert_eq!(
        world.refused(bob, room, say("I am not")).await,
        Code::NOT_FOUND
    );
}

async fn newcomers_see_what_the_kind_allows(world: &World) {
    let [ann, bob] = world.people().await;
    for (kind, first, seen) in [(RoomKind::PUBLIC, 1, 3), (RoomKind::PRIVATE, 3, 1)] {
        let room = world.create(ann, kind, &format!("room {}", kind.0)).await;
        world.say(ann, room, "one").await;
        world.say(ann, room, "two").await;
        world
            .act(ann, room, Change::Add { user: bob })
            .await
            .unwrap();
        world.say(ann, room, "three").await;
        let summary = world.store.summary(room, bob).await.unwrap().unwrap();
        assert_eq!(
            (summary.visible_from, summary.read, summary.head),
            (first, 2, 3),
            "nothing old is unread"
        );
        let messages = world.missed(room, 0, summary.visible_from).await;
        let messages = messages
            .iter()
            .filter(|(_, entry)| matches!(entry, RoomEntry::Message(_)))
            .count();
        assert_eq!(messages, seen);
        // Coming back begins anew.
        world.act(bob, room, Change::Leave).await.unwrap();
        world.say(ann, room, "four").await;
        world
            .act(ann, room, Change::Add { user: bob })
            .await
            .unwrap();
        let again = world.store.summary(room, bob).await.unwrap().unwrap();
        assert_eq!(
            (again.visible_from, again.read),
            (if kind == RoomKind::PUBLIC { 1 } else { 5 }, 4)
        );
    }
}

async fn roles_decide(world: &World) {
    let [owner, moderator, member, other, stranger] = world.people().await;
    let room = world
        .room_of(RoomKind::PUBLIC, [owner, moderator, member, other])
        .await;
    world
        .act(owner, room, role(moderator, Role::MODERATOR))
        .await
        .unwrap();
    let topic = || Change::SetTopic {
        topic: "what it is about".to_owned(),
    };
    let remove = |user| Change::Remove { user };
    assert_eq!(world.refused(member, room, topic()).await, Code::FORBIDDEN);
    assert_eq!(
        world.refused(member, room, remove(other)).await,
        Code::FORBIDDEN
    );
    assert_eq!(
        world
            .refused(moderator, room, role(member, Role::OWNER))
            .await,
        Code::FORBIDDEN
    );
    assert_eq!(
        world.refused(moderator, room, remove(owner)).await,
        Code::FORBIDDEN
    );
    assert_eq!(
        world.refused(stranger, room, topic()).await,
        Code::NOT_FOUND
    );
    assert_eq!(
        world.refused(owner, room, remove(stranger)).await,
        Code::NO_SUCH_PERSON
    );
    assert_eq!(
        world
            .refused(owner, room, role(stranger, Role::OWNER))
            .await,
        Code::NO_SUCH_PERSON
    );
    assert_eq!(
        world.refused(owner, room, role(member, Role(77))).await,
        Code::MALFORMED
    );
    let long = Change::SetTopic {
        topic: "x".repeat(513),
    };
    assert_eq!(world.refused(owner, room, long).await, Code::TOPIC_INVALID);
    world.act(moderator, room, topic()).await.unwrap();
    world.act(moderator, room, remove(other)).await.unwrap();
    let summary = world.store.summary(room, moderator).await.unwrap().unwrap();
    assert_eq!(
        (summary.topic.as_str(), summary.members, summary.role),
        ("what it is about", 3, Role::MODERATOR)
    );
    let members = world.store.members(room, None, 50).await.unwrap();
    let roles: Vec<_> = members
        .iter()
        .map(|(person, role)| (person.id, *role))
        .collect();
    assert_eq!(
        roles,
        [
            (owner, Role::OWNER),
            (moderator, Role::MODERATOR),
            (member, Role::MEMBER)
        ]
    );
    let rest = world.store.members(room, Some(owner), 1).await.unwrap();
    assert_eq!(rest[0].0.id, moderator);
}

async fn the_last_owner_stays(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PRIVATE, [ann, bob]).await;
    assert_eq!(
        world.refused(ann, room, Change::Leave).await,
        Code::LAST_OWNER
    );
    assert_eq!(
        world.refused(ann, room, role(ann, Role::MEMBER)).await,
        Code::LAST_OWNER
    );
    let appended = world
        .append(vec![world.command(ann, room, role(bob, Role::OWNER))])
        .await;
    let [(_, UserEntry::Room(told))] = &own(&appended, bob)[..] else {
        panic!("bob is told of his role")
    };
    assert_eq!(told.role, Role::OWNER);
    world.act(ann, room, Change::Leave).await.unwrap();
    // The last member may go; the room stays behind, out of reach.
    world.act(bob, room, Change::Leave).await.unwrap();
    assert!(world.store.access(room, bob).await.unwrap().is_none());
    assert!(world.store.summary(room, bob).await.unwrap().is_none());
    assert!(world.store.heads(bob).await.unwrap().is_empty());
    // Whoever comes into an empty room owns it.
    let square = world.create(ann, RoomKind::PUBLIC, "square").await;
    world.act(ann, square, Change::Leave).await.unwrap();
    world.act(bob, square, Change::Join).await.unwrap();
    assert_eq!(
        world.store.access(square, bob).await.unwrap().unwrap().role,
        Role::OWNER
    );
}

async fn a_direct_room_is_between_two(world: &World) {
    let [ann, bob, eve] = world.people().await;
    let room = RoomId::direct(ann, bob);
    let appended = world
        .append(vec![world.command(
            ann,
            room,
            Change::CreateDirect { with: bob },
        )])
        .await;
    let [batch] = &appended.rooms[..] else {
        panic!("one batch")
    };
    assert!(batch.direct);
    assert_eq!(batch.readers, ReaderChange::Joined(vec![ann, bob]));
    for (person, other) in [(ann, bob), (bob, ann)] {
        let [(_, UserEntry::Room(told))] = &own(&appended, person)[..] else {
            panic!("both are told")
        };
        assert_eq!((told.direct_with, told.room), (Some(other), room));
        let summary = world.store.summary(room, person).await.unwrap().unwrap();
        assert_eq!(**told, summary);
        assert!(world.store.heads(person).await.unwrap()[0].1);
    }
    // From the other side it is the same room.
    let again = world
        .act(bob, room, Change::CreateDirect { with: ann })
        .await
        .unwrap();
    assert_eq!((again.room, again.rev), (room, batch.rev));
    world.say(bob, room, "hi").await;
    for change in [
        Change::Leave,
        Change::Add { user: eve },
        Change::Remove { user: bob },
        role(bob, Role::OWNER),
        Change::SetTopic {
            topic: "us".to_owned(),
        },
    ] {
        assert_eq!(world.refused(ann, room, change).await, Code::NOT_FOR_DIRECT);
    }
    for change in [Change::Join, Change::Admit, say("let me in")] {
        assert_eq!(world.refused(eve, room, change).await, Code::NOT_FOUND);
    }
    let with = |with| Change::CreateDirect { with };
    assert_eq!(
        world.refused(ann, room, with(ann)).await,
        Code::NOT_FOR_DIRECT
    );
    assert_eq!(
        world.refused(ann, room, with(UserId(world.id()))).await,
        Code::NO_SUCH_PERSON
    );
}

async fn what_is_so_already_changes_nothing(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let rev = world.store.summary(room, ann).await.unwrap().unwrap().rev;
    let topic = Change::SetTopic {
        topic: String::new(),
    };
    for change in [
        Change::Join,
        Change::Admit,
        Change::Add { user: bob },
        role(bob, Role::MEMBER),
        topic,
    ] {
        let appended = world.append(vec![world.command(ann, room, change)]).await;
        let done = appended.results[0].as_ref().unwrap();
        assert_eq!((done.rev, done.seq, done.repeated), (rev, 0, false));
        assert!(appended.rooms.is_empty() && appended.users.is_empty());
    }
}

async fn the_disabled_do_nothing(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    world.store.set_disabled(bob, true).await.unwrap();
    assert_eq!(
        world.refused(bob, room, say("hello?")).await,
        Code::ACCOUNT_DISABLED
    );
    assert_eq!(
        world
            .refused(ann, room, Change::CreateDirect { with: bob })
            .await,
        Code::NO_SUCH_PERSON
    );
    world.store.set_disabled(bob, false).await.unwrap();
    world.say(bob, room, "back").await;
}

fn own(appended: &Appended, user: UserId) -> Vec<(u64, UserEntry)> {
    let batches = appended.users.iter().filter(|batch| batch.user == user);
    batches
        .flat_map(|batch| &batch.entries)
        .map(|entry| (entry.rev, entry.open_user().unwrap()))
        .collect()
}
