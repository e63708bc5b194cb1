//! Stories of reading: pages, changes, the directory; each within the bounds of the wire.

use parlor_protocol::limit::{
    CHANGES_ENTRIES, PAGE_MESSAGES, PAGE_TEXT_BYTES, RESET_ABOVE_CHANGES,
};
use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_protocol::{RoomId, UserId, codec};

use super::World;
use super::world::{Factory, say};
use crate::store::Change;

pub(super) async fn tell(factory: &impl Factory) {
    pages_lie_where_they_are_asked(&World::new(factory).await).await;
    a_page_ends_at_its_bytes(&World::new(factory).await).await;
    changes_come_once_and_newest(&World::new(factory).await).await;
    far_behind_begins_anew(&World::new(factory).await).await;
    changes_fit_a_reply(&World::new(factory).await).await;
    the_directory_is_in_order(&World::new(factory).await).await;
    strangers_find_nothing(&World::new(factory).await).await;
}

async fn fill(world: &World, person: UserId, room: RoomId, texts: impl Iterator<Item = String>) {
    let commands: Vec<_> = texts
        .map(|text| world.command(person, room, say(&text)))
        .collect();
    for commands in commands.chunks(200) {
        assert!(
            world
                .append(commands.to_vec())
                .await
                .results
                .iter()
                .all(Result::is_ok)
        );
    }
}

async fn pages_lie_where_they_are_asked(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    let seqs = async |place, seq, limit, visible_from| -> Vec<u64> {
        let page = world
            .store
            .page(room, Timeline::ROOM, place, seq, limit, visible_from)
            .await
            .unwrap();
        page.messages.iter().map(|message| message.seq).collect()
    };
    let empty = world
        .store
        .page(room, Timeline::ROOM, Place::NEWEST, 0, 10, 1)
        .await
        .unwrap();
    assert_eq!(
        (empty.head, empty.floor, empty.as_of, empty.messages.len()),
        (0, 1, 2, 0)
    );
    fill(world, ann, room, (1..=100).map(|n| n.to_string())).await;
    let all: Vec<u64> = (1..=100).collect();
    let cases: [(Place, u64, u16, u64, &[u64]); 21] = [
        (Place::NEWEST, 0, 3, 1, &[98, 99, 100]),
        (Place::NEWEST, 50, 200, 1, &all),
        (Place::NEWEST, 0, 200, 97, &[97, 98, 99, 100]),
        (Place::BEFORE, 4, 10, 1, &[1, 2, 3]),
        (Place::BEFORE, 50, 2, 1, &[48, 49]),
        (Place::BEFORE, 50, 9, 47, &[47, 48, 49]),
        (Place::BEFORE, 1, 10, 1, &[]),
        (Place::BEFORE, 1_000, 2, 1, &[99, 100]),
        (Place::AFTER, 98, 10, 1, &[99, 100]),
        (Place::AFTER, 0, 2, 1, &[1, 2]),
        (Place::AFTER, 0, 2, 51, &[51, 52]),
        (Place::AFTER, 100, 2, 1, &[]),
        (Place::AFTER, u64::MAX, 2, 1, &[]),
        (Place::FROM, 99, 10, 1, &[99, 100]),
        (Place::FROM, 50, 2, 1, &[50, 51]),
        (Place::AROUND, 50, 4, 1, &[48, 49, 50, 51]),
        (Place::AROUND, 1, 4, 1, &[1, 2, 3, 4]),
        (Place::AROUND, 100, 4, 1, &[97, 98, 99, 100]),
        (Place::AROUND, 60, 4, 60, &[60, 61, 62, 63]),
        (Place::AROUND, 10, 4, 98, &[98, 99, 100]),
        (Place::AROUND, 5_000, 2, 1, &[99, 100]),
    ];
    for (place, seq, limit, visible_from, expected) in cases {
        let found = seqs(place, seq, limit, visible_from).await;
        assert_eq!(found, expected, "{place:?} {seq} {limit} {visible_from}");
    }
    fill(world, ann, room, (0..PAGE_MESSAGES).map(|n| n.to_string())).await;
    assert_eq!(
        seqs(Place::FROM, 1, u16::MAX, 1).await.len(),
        usize::from(PAGE_MESSAGES)
    );
    let nowhere = world
        .store
        .page(RoomId(world.id()), Timeline::ROOM, Place::NEWEST, 0, 10, 1)
        .await
        .unwrap();
    assert!(nowhere.messages.is_empty());
}

async fn a_page_ends_at_its_bytes(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    // Nine of 30,000 bytes pass the bound of a page after the sixth.
    fill(world, ann, room, (0..9).map(|_| "y".repeat(30_000))).await;
    for (place, seq, expected) in [
        (Place::FROM, 1, 1..=6),
        (Place::NEWEST, 0, 4..=9),
        (Place::BEFORE, 9, 3..=8),
        (Place::AFTER, 3, 4..=9),
        (Place::AROUND, 9, 4..=9),
        (Place::AROUND, 1, 1..=6),
    ] {
        let page = world
            .store
            .page(room, Timeline::ROOM, place, seq, 200, 1)
            .await
            .unwrap();
        let seqs: Vec<_> = page.messages.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, expected.collect::<Vec<u64>>(), "{place:?} {seq}");
        assert!(
            page.messages
                .iter()
                .map(|message| message.text.len())
                .sum::<usize>()
                <= PAGE_TEXT_BYTES
        );
    }
}

async fn changes_come_once_and_newest(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    for n in 0..3 {
        world.act(bob, room, Change::Join).await.unwrap();
        world
            .act(
                ann,
                room,
                Change::SetTopic {
                    topic: format!("topic {n}"),
                },
            )
            .await
            .unwrap();
        world.act(bob, room, Change::Leave).await.unwrap();
    }
    let changes = world.store.changes(room, 0, 1).await.unwrap();
    assert_eq!(
        changes.entries.len(),
        3,
        "each thing once: ann, bob, the details"
    );
    assert_eq!(
        (changes.since, changes.through, changes.rev, changes.reset),
        (0, changes.rev, 17, false)
    );
    assert!(changes.entries.is_sorted_by_key(|entry| entry.rev));
    let none = world.store.changes(room, changes.rev, 1).await.unwrap();
    assert_eq!(
        (none.entries.len(), none.through, none.reset),
        (0, changes.rev, false)
    );
    let ahead = world.store.changes(room, changes.rev + 1, 1).await.unwrap();
    assert_eq!(
        (ahead.reset, ahead.through),
        (true, changes.rev),
        "who holds more than there is begins anew"
    );
}

async fn far_behind_begins_anew(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    fill(
        world,
        ann,
        room,
        (0..RESET_ABOVE_CHANGES).map(|n| n.to_string()),
    )
    .await;
    let rev = RESET_ABOVE_CHANGES + 2;
    let far = world.store.changes(room, 1, 1).await.unwrap();
    assert_eq!(
        (far.reset, far.entries.len(), far.through, far.rev),
        (true, 0, rev, rev)
    );
    assert_eq!(far.head, RESET_ABOVE_CHANGES);
    let mut since = 2;
    let mut replies = 0;
    while since < rev {
        let near = world.store.changes(room, since, 1).await.unwrap();
        assert!(!near.reset && near.entries.len() <= CHANGES_ENTRIES);
        assert_eq!((near.since, near.entries[0].rev), (since, since + 1));
        since = near.through;
        replies += 1;
    }
    assert_eq!(
        replies,
        RESET_ABOVE_CHANGES.div_ceil(CHANGES_ENTRIES as u64)
    );
}

async fn changes_fit_a_reply(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    fill(world, ann, room, (0..20).map(|_| "z".repeat(32 * 1024))).await;
    let mut since = 0;
    let mut entries = 0;
    loop {
        let changes = world.store.changes(room, since, 1).await.unwrap();
        assert!(codec::encode(&changes).len() <= parlor_protocol::limit::BODY_BYTES);
        entries += changes.entries.len();
        since = changes.through;
        if since == changes.rev {
            break;
        }
    }
    assert_eq!(entries, 22);
}

async fn the_directory_is_in_order(world: &World) {
    let [ann, bob] = world.people().await;
    for name in ["pear", "Apple", "fig"] {
        let room = world.create(ann, RoomKind::PUBLIC, name).await;
        if name == "fig" {
            world.act(bob, room, Change::Join).await.unwrap();
        }
    }
    world.create(bob, RoomKind::PRIVATE, "banana").await;
    let all = world.store.directory(bob, "", 50).await.unwrap();
    let listed: Vec<_> = all
        .iter()
        .map(|room| (room.name.as_str(), room.members, room.joined))
        .collect();
    assert_eq!(
        listed,
        [("Apple", 1, false), ("fig", 2, true), ("pear", 1, false)]
    );
    let rest = world.store.directory(bob, "apple", 1).await.unwrap();
    assert_eq!(
        rest.iter()
            .map(|room| room.name.as_str())
            .collect::<Vec<_>>(),
        ["fig"]
    );
}

async fn strangers_find_nothing(world: &World) {
    let [ann, eve] = world.people().await;
    let private = world.create(ann, RoomKind::PRIVATE, "den").await;
    let public = world.create(ann, RoomKind::PUBLIC, "square").await;
    assert!(world.store.access(private, eve).await.unwrap().is_none());
    assert!(world.store.summary(private, eve).await.unwrap().is_none());
    assert!(
        world
            .store
            .access(RoomId(world.id()), eve)
            .await
            .unwrap()
            .is_none()
    );
    let access = world.store.access(public, eve).await.unwrap().unwrap();
    assert_eq!(
        (access.role, access.visible_from),
        (parlor_protocol::room::Role::NONE, 1)
    );
    assert!(
        world
            .store
            .mark(eve, public, Timeline::ROOM, 1)
            .await
            .unwrap()
            .is_none()
    );
}
