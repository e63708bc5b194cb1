//! Stories of what is one person's own: the list of rooms and the read markers.

use parlor_protocol::limit::PAGE_TEXT_BYTES;
use parlor_protocol::message::Timeline;
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::sync::UserEntry;
use parlor_protocol::{RoomId, UserId};

use super::World;
use super::world::{Factory, reply, role};
use crate::store::Change;

pub(super) async fn tell(factory: &impl Factory) {
    the_first_sync_is_the_whole_list(&World::new(factory).await).await;
    later_ones_bring_what_changed(&World::new(factory).await).await;
    markers_move_forward_only(&World::new(factory).await).await;
    many_markers_at_once(&World::new(factory).await).await;
    a_long_list_comes_in_parts(&World::new(factory).await).await;
}

async fn a_long_list_comes_in_parts(world: &World) {
    let [ann, bob] = world.people().await;
    let topic = "\u{1F33F}".repeat(500);
    let mut rooms = Vec::new();
    for n in 0..250 {
        let room = world
            .create(ann, RoomKind::PUBLIC, &format!("room {n}"))
            .await;
        let set = Change::SetTopic {
            topic: topic.clone(),
        };
        world.act(ann, room, set).await.unwrap();
        rooms.push(room);
    }
    // What has moved since stands behind the rooms, and a room left is none of them.
    world
        .act(ann, rooms[3], Change::Add { user: bob })
        .await
        .unwrap();
    world
        .act(ann, rooms[3], role(bob, Role::OWNER))
        .await
        .unwrap();
    world.act(ann, rooms[3], Change::Leave).await.unwrap();
    world.say(ann, rooms[7], "moves her marker").await;
    let (mut since, mut listed, mut markers, mut parts) = (None, Vec::new(), 0, 0);
    loop {
        let changes = world.store.user_changes(ann, since).await.unwrap();
        assert_eq!(changes.reset, since.is_none());
        assert_eq!(changes.heads.len(), 249);
        let bytes: usize = changes.entries.iter().map(|entry| entry.body.len()).sum();
        assert!(bytes <= PAGE_TEXT_BYTES, "{bytes}");
        for entry in &changes.entries {
            match entry.open_user().unwrap() {
                UserEntry::Room(summary) => listed.push(summary.room),
                UserEntry::RoomGone(gone) => assert_eq!(gone.room, rooms[3]),
                UserEntry::Marker(_) => markers += 1,
                other => panic!("{other:?}"),
            }
        }
        parts += 1;
        since = Some(changes.through);
        if changes.through == changes.rev {
            break;
        }
    }
    rooms.remove(3);
    assert!(parts > 2, "{parts}");
    assert_eq!((listed, markers), (rooms, 1));
}

/// What a person is told who holds `since`, opened, and their rev.
async fn sync(world: &World, user: UserId, since: Option<u64>) -> (Vec<UserEntry>, u64, bool) {
    let changes = world.store.user_changes(user, since).await.unwrap();
    assert_eq!(changes.through, changes.rev);
    assert!(changes.entries.is_sorted_by_key(|entry| entry.rev));
    let entries = changes
        .entries
        .iter()
        .map(|entry| entry.open_user().unwrap())
        .collect();
    (entries, changes.rev, changes.reset)
}

async fn the_first_sync_is_the_whole_list(world: &World) {
    let [ann, bob] = world.people().await;
    assert_eq!(sync(world, bob, None).await, (Vec::new(), 0, true));
    let mut rooms = vec![world.room_of(RoomKind::PUBLIC, [ann, bob]).await];
    rooms.push(
        world
            .act(ann, RoomId([0; 16]), Change::CreateDirect { with: bob })
            .await
            .unwrap()
            .room,
    );
    world.create(ann, RoomKind::PUBLIC, "not his").await;
    let (entries, rev, reset) = sync(world, bob, None).await;
    assert!(reset);
    let mut listed = Vec::new();
    for entry in entries {
        let UserEntry::Room(summary) = entry else {
            panic!("a room")
        };
        assert_eq!(
            world
                .store
                .summary(summary.room, bob)
                .await
                .unwrap()
                .unwrap(),
            *summary
        );
        listed.push(summary.room);
    }
    rooms.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, rooms);
    let heads = world.store.user_changes(bob, None).await.unwrap().heads;
    assert_eq!(heads.len(), 2);
    assert_eq!(sync(world, bob, Some(rev)).await, (Vec::new(), rev, false));
    assert!(
        sync(world, bob, Some(rev + 1)).await.2,
        "a rev that is not there yet is of another life"
    );
}

async fn later_ones_bring_what_changed(world: &World) {
    let [ann, bob] = world.people().await;
    let stays = world.room_of(RoomKind::PRIVATE, [ann, bob]).await;
    let goes = world.room_of(RoomKind::PRIVATE, [ann, bob]).await;
    let (_, since, _) = sync(world, bob, None).await;
    world.say(bob, stays, "one").await;
    world.say(bob, stays, "two").await;
    world.say(bob, goes, "bye").await;
    world
        .act(ann, goes, Change::Remove { user: bob })
        .await
        .unwrap();
    world
        .act(
            ann,
            stays,
            role(bob, parlor_protocol::room::Role::MODERATOR),
        )
        .await
        .unwrap();
    let (entries, rev, reset) = sync(world, bob, Some(since)).await;
    assert!(!reset);
    assert_eq!(rev, since + 5);
    let [
        UserEntry::Marker(marker),
        UserEntry::RoomGone(gone),
        UserEntry::Room(room),
    ] = &entries[..]
    else {
        panic!("each thing once, in its newest state: {entries:?}")
    };
    assert_eq!((marker.room, marker.seq), (stays, 2));
    assert_eq!(gone.room, goes);
    assert_eq!(
        (room.room, room.role, room.read),
        (stays, parlor_protocol::room::Role::MODERATOR, 2)
    );
}

async fn markers_move_forward_only(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    for text in ["one", "two", "three"] {
        world.say(ann, room, text).await;
    }
    world.act(ann, room, reply(1, "in a thread")).await.unwrap();
    let (_, since, _) = sync(world, bob, None).await;
    let mark = async |timeline, seq| world.store.mark(bob, room, timeline, seq).await.unwrap();
    assert!(mark(Timeline::ROOM, 0).await.is_none());
    let (own, marker) = mark(Timeline::ROOM, 2).await.unwrap();
    assert_eq!((own.before, own.rev, marker.seq), (since, since + 1, 2));
    assert!(mark(Timeline::ROOM, 2).await.is_none());
    assert!(mark(Timeline::ROOM, 1).await.is_none());
    let (own, marker) = mark(Timeline::ROOM, 99).await.unwrap();
    assert_eq!(
        (own.before, own.rev, marker.seq),
        (since + 1, since + 2, 3),
        "never past the head"
    );
    let (own, marker) = mark(Timeline(1), 5).await.unwrap();
    assert_eq!(
        (own.rev, marker.timeline, marker.seq),
        (since + 3, Timeline(1), 1)
    );
    assert!(mark(Timeline(1), 1).await.is_none());
    assert!(mark(Timeline(3), 1).await.is_none());
    let (entries, rev, _) = sync(world, bob, Some(since)).await;
    assert_eq!((entries.len(), rev), (2, since + 3));
    assert_eq!(
        world.store.summary(room, bob).await.unwrap().unwrap().read,
        3
    );
    assert!(
        world
            .store
            .mark(bob, RoomId(world.id()), Timeline::ROOM, 1)
            .await
            .unwrap()
            .is_none()
    );
}

async fn many_markers_at_once(world: &World) {
    let people: [_; 10] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, people).await;
    for n in 0..10 {
        world.say(people[0], room, &n.to_string()).await;
    }
    let tasks: Vec<_> = people[1..]
        .iter()
        .flat_map(|person| (1..=10).map(move |seq| (*person, seq)))
        .map(|(person, seq)| {
            let store = world.store.clone();
            tokio::spawn(async move { store.mark(person, room, Timeline::ROOM, seq).await })
        })
        .collect();
    let mut moved = 0;
    for task in tasks {
        moved += usize::from(task.await.unwrap().unwrap().is_some());
    }
    assert!(moved >= 9);
    for person in &people[1..] {
        assert_eq!(
            world
                .store
                .summary(room, *person)
                .await
                .unwrap()
                .unwrap()
                .read,
            10
        );
    }
}
