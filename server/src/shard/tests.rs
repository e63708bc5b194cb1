//! The shard with real links, without a server around it: what the core tells it comes in the order
//! that a test chooses.

#![allow(clippy::unwrap_used)]

mod leave;
mod world;

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use parlor_protocol::limit::OPEN_ROOMS;
use parlor_protocol::room::{Head, Role};
use parlor_protocol::signal::{PresenceDigest, PresenceState};
use parlor_protocol::sync::{Behind, Entry, Heads, MemberEntry, RoomBatch};
use parlor_protocol::{Code, Extensions, Kind, RoomId, SessionId, UserId, frame};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::hub::Depth;
use super::{ToShard, Wish};
use crate::net::pair::COMES_WITHIN;
use world::{Linked, WIDE, World, entries, head, in_a_shard};

#[tokio::test]
async fn who_is_ended_while_entering_does_not_get_in() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let user = UserId::new();
        let mut entering = world.greeted(user, WIDE).await;
        world.identify(&entering);
        world.end(user, Code::SESSION_ENDED);
        assert!(!world.grant(&mut entering, &[head()]).await);
        let entered = world.shard.step(|state| {
            let link = state.link(entering.at).unwrap();
            (link.entered, link.who.is_some(), link.rooms.len())
        });
        assert_eq!(entered, (false, false, 0));
        assert!(world.shard.step(|state| state.links_of(user).is_empty()));
        assert_eq!(world.shard.core.metrics.entered.get(), 0);
        // The next try on the same link is another one.
        let (sender, decision) = oneshot::channel();
        world
            .shard
            .step(|state| state.link(entering.at).unwrap().decision = Some(sender));
        entering.decision = Some(decision);
        world.identify(&entering);
        assert!(world.grant(&mut entering, &[]).await);
    })
    .await;
}

#[tokio::test]
async fn rooms_joined_while_entering_are_not_the_next_persons() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let (ada, bob) = (UserId::new(), UserId::new());
        let mut link = world.greeted(ada, WIDE).await;
        world.identify(&link);
        let hers = head();
        world
            .shard
            .step(|state| state.join(link.at.index, hers, false));
        world.end(ada, Code::SESSION_ENDED);
        assert!(!world.grant(&mut link, &[]).await);
        link.who.user = bob;
        let (sender, decision) = oneshot::channel();
        world
            .shard
            .step(|state| state.link(link.at).unwrap().decision = Some(sender));
        link.decision = Some(decision);
        world.identify(&link);
        assert!(world.grant(&mut link, &[]).await);
        assert_eq!(world.depth(&link, hers.room), None);
    })
    .await;
}

#[tokio::test]
async fn a_person_has_so_many_links_and_no_more() {
    in_a_shard(async {
        let world = World::new(|config| config.link.per_person = 2).await;
        let user = UserId::new();
        let _first = world.entered(user, &[], WIDE).await;
        let second = world.entered(user, &[], WIDE).await;
        let mut third = world.greeted(user, WIDE).await;
        world.identify(&third);
        assert!(!world.grant(&mut third, &[]).await);
        let _other = world.entered(UserId::new(), &[], WIDE).await;
        world
            .shard
            .step(|state| state.remove(second.at, &world.shard));
        let _again = world.entered(user, &[], WIDE).await;
    })
    .await;
}

#[tokio::test]
async fn who_falls_behind_again_is_told_of_every_room() {
    in_a_shard(async {
        let world = World::new(|config| config.link.outbound_kib = 4).await;
        let rooms: Vec<Head> = (0..100).map(|_| head()).collect();
        // Lets a few frames wait, and reads nothing for now.
        let mut link = world.entered(UserId::new(), &[], 1_024).await;
        for room in &rooms {
            world
                .shard
                .step(|state| state.join(link.at.index, *room, true));
        }
        for room in &rooms {
            world.batch(*room, 2_000);
        }
        let behind = || {
            world.shard.step(|state| {
                let link = state.link(link.at).unwrap();
                (link.behind.len(), link.push.as_ref().unwrap().is_empty())
            })
        };
        // Too large to wait at all: only what has begun to leave stays.
        world.batch(rooms[0], 5_000);
        assert!(behind().0 >= 90);
        // Reads until it is being told, which does not fit what may wait.
        let first = link.peer.pushed().await;
        assert_eq!(first.header.kind, Kind::ROOM_BATCH);
        let told = async {
            while behind().0 > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(COMES_WITHIN, told).await.unwrap();
        assert!(!behind().1, "some of it waits");
        // What waits is lost once more.
        let last = *rooms.last().unwrap();
        world.batch(last, 5_000);
        assert!(behind().0 > 1);
        let mut told: HashSet<RoomId> = HashSet::new();
        while told.len() < rooms.len() {
            let frame = link.peer.pushed().await;
            match frame.header.kind {
                Kind::BEHIND => told.insert(frame.open::<Behind>().unwrap().head.room),
                Kind::ROOM_BATCH => told.insert(frame.open::<RoomBatch>().unwrap().room),
                other => panic!("{other:?}"),
            };
        }
    })
    .await;
}

#[tokio::test]
async fn who_looks_into_a_public_room_is_gone_with_closing_it() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let room = head();
        let member = world.entered(UserId::new(), &[room], WIDE).await;
        let visitor = world.entered(UserId::new(), &[], WIDE).await;
        world.open(&visitor, room, false);
        assert_eq!(world.depth(&visitor, room.room), Some(Depth::Full));
        assert_eq!(world.online(room.room), 1);
        let typing = |linked: &Linked| {
            world.shard.step(|state| {
                state.typing(linked.at, linked.who.user, room.room, true, 0);
                let slot = state.hub.slot(room.room).unwrap();
                state.presences.typing_in(slot)
            })
        };
        assert!(typing(&visitor).is_empty());
        assert_eq!(typing(&member), [member.who.user]);

        world
            .shard
            .step(|state| state.close_room(visitor.at, room.room));
        assert_eq!(world.depth(&visitor, room.room), None);
        // A member who closes it still hears of it.
        world.open(&member, room, true);
        world
            .shard
            .step(|state| state.close_room(member.at, room.room));
        assert_eq!(world.depth(&member, room.room), Some(Depth::Light));
        // Who joins meanwhile stays.
        world.open(&visitor, room, false);
        world
            .shard
            .step(|state| state.join(visitor.at.index, room, false));
        assert_eq!(world.online(room.room), 2);
        world
            .shard
            .step(|state| state.close_room(visitor.at, room.room));
        assert_eq!(world.depth(&visitor, room.room), Some(Depth::Light));
    })
    .await;
}

#[tokio::test]
async fn the_room_opened_longest_ago_is_closed_for_the_newest() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let link = world.entered(UserId::new(), &[], WIDE).await;
        let rooms: Vec<Head> = (0..=OPEN_ROOMS).map(|_| head()).collect();
        for room in &rooms {
            world.open(&link, *room, false);
        }
        let open: HashMap<RoomId, Option<Depth>> = rooms
            .iter()
            .map(|head| (head.room, world.depth(&link, head.room)))
            .collect();
        assert_eq!(open[&rooms[0].room], None);
        assert!(
            rooms[1..]
                .iter()
                .all(|it| open[&it.room] == Some(Depth::Full))
        );
    })
    .await;
}

#[tokio::test]
async fn a_wish_that_was_undone_is_not_granted_by_the_next_one() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let room = head();
        let link = world.entered(UserId::new(), &[room], WIDE).await;
        let number = world.wish(&link, room.room);
        // Removed while the access was being checked; asked again at once.
        world
            .shard
            .step(|state| state.leave(link.at.index, room.room));
        world.wish(&link, room.room);
        let wish = Wish {
            link: link.at,
            number,
        };
        let (head, member) = (room, true);
        world.tell(ToShard::Activate { wish, head, member });
        assert_eq!(world.depth(&link, room.room), None);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_pushed_before_entering_or_after_the_end() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let (room, other) = (head(), head());
        let mut entering = world.greeted(UserId::new(), WIDE).await;
        world.identify(&entering);
        world
            .shard
            .step(|state| state.join(entering.at.index, room, false));
        world.batch(room, 10);
        world.shard.step(super::State::send_heads);
        let queued = |linked: &Linked| {
            world.shard.step(|state| {
                let link = state.link(linked.at).unwrap();
                let heads = link.rooms.iter().any(|joined| joined.heads);
                (link.push.as_ref().unwrap().queued_bytes(), heads)
            })
        };
        assert_eq!(queued(&entering), (0, false));
        // Entered, it hears of what comes next, and of nothing that came before.
        assert!(world.grant(&mut entering, &[other]).await);
        world.batch(other, 10);
        world.shard.step(super::State::send_heads);
        let heads: Heads = entering.peer.pushed().await.open().unwrap();
        assert_eq!(heads.heads, [other]);

        world.batch(other, 10);
        world.end(entering.who.user, Code::SESSION_ENDED);
        world.shard.step(|state| {
            state.link(entering.at).unwrap().behind_user = true;
            state.send_heads();
            state.catch_up(entering.at.index, &world.shard);
        });
        assert_eq!(queued(&entering).0, 0);
        assert_eq!(
            entering.peer.closed().await,
            u64::from(Code::SESSION_ENDED.0)
        );
        assert!(entering.peer.connection.accept_uni().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_session_is_noted_while_its_link_lives_and_when_it_ends() {
    in_a_shard(async {
        let mut world = World::new(|_| {}).await;
        let link = world.entered(UserId::new(), &[], WIDE).await;
        let now = world.shard.core.now_ms();
        let sweep = |now_ms| {
            let core = &world.shard.core;
            world.shard.step(|state| state.sweep(core, now_ms));
        };
        sweep(now);
        let later = now + 24 * 3600 * 1000;
        sweep(later);
        sweep(later + 1);
        world
            .shard
            .step(|state| state.remove(link.at, &world.shard));
        let noted = |seen: Option<(SessionId, u64, String)>| seen.map(|it| (it.0, it.1 >= now));
        for _ in 0..2 {
            assert_eq!(
                noted(world.seen.recv().await),
                Some((link.who.session, true))
            );
        }
        assert!(world.seen.try_recv().is_err());
    })
    .await;
}

#[tokio::test]
async fn a_link_does_not_outlive_its_session() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let mut link = world.greeted(UserId::new(), WIDE).await;
        let now = world.shard.core.now_ms();
        link.who.expires_at_ms = now + 1_000_000;
        world.identify(&link);
        assert!(world.grant(&mut link, &[]).await);
        let core = world.shard.core.clone();
        world.shard.step(|state| state.sweep(&core, now + 999_999));
        assert!(
            world
                .shard
                .step(|state| state.link(link.at).unwrap().entered)
        );
        world
            .shard
            .step(|state| state.sweep(&core, now + 1_000_000));
        assert_eq!(link.peer.closed().await, u64::from(Code::SESSION_ENDED.0));
    })
    .await;
}

#[tokio::test]
async fn an_address_has_so_many_links() {
    in_a_shard(async {
        let world = World::new(|config| config.link.per_address = 2).await;
        let first = world.greeted(UserId::new(), WIDE).await;
        let crowded = || {
            world.shard.step(|state| {
                let address = state.link(first.at).unwrap().counted_at;
                world.shard.crowded(state, address)
            })
        };
        assert!(!crowded());
        let second = world.greeted(UserId::new(), WIDE).await;
        assert!(crowded());
        world
            .shard
            .step(|state| state.remove(second.at, &world.shard));
        assert!(!crowded());
    })
    .await;
}

#[tokio::test]
async fn who_opens_a_room_is_told_who_is_there_and_of_each_change_at_once() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let room = head();
        let ada = world.entered(UserId::new(), &[room], WIDE).await;
        let bob = world.entered(UserId::new(), &[room], WIDE).await;
        world.open(&bob, room, true);
        let digest = |signal: Bytes| -> PresenceDigest {
            frame::from_datagram(signal).unwrap().open().unwrap()
        };
        let told = digest(bob.peer.connection.read_datagram().await.unwrap());
        assert!(told.complete && told.online == 2);
        // No timer runs here: the step that brings the change sends it.
        world
            .shard
            .step(|state| state.set_presence(ada.at, ada.who.user, PresenceState::AWAY));
        let told = digest(bob.peer.connection.read_datagram().await.unwrap());
        let away = told.people.iter().find(|it| it.user == ada.who.user);
        assert_eq!(away.map(|it| it.state), Some(PresenceState::AWAY));
    })
    .await;
}

/// The revs that the next batch pushed leads over.
async fn pushed(linked: &mut Linked) -> (u64, u64) {
    let frame = linked.peer.pushed().await;
    let batch: RoomBatch = frame.open().unwrap();
    (batch.before, batch.rev)
}

#[tokio::test]
async fn a_batch_that_comes_early_waits_for_the_one_before_it() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let room = head();
        let mut link = world.entered(UserId::new(), &[], WIDE).await;
        world.open(&link, room, true);
        world.commit(room, 2, 4);
        world.commit(room, 4, 5);
        world.commit(room, 1, 2);
        // Heard of once more over the bus.
        world.commit(room, 2, 4);
        world.commit(room, 5, 6);
        for revs in [(1, 2), (2, 4), (4, 5), (5, 6)] {
            assert_eq!(pushed(&mut link).await, revs);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_is_read_once_and_shown_to_whom_it_may_be() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let room = head();
        let mut ada = world.entered(UserId::new(), &[], WIDE).await;
        world.open(&ada, room, true);
        // Came when the room had gone on already, and may not see what was before.
        let mut bob = world.entered(UserId::new(), &[], WIDE).await;
        world.open(&bob, Head { rev: 3, ..room }, true);
        world.commit(room, 4, 5);

        let due = |after_ms| {
            let now_ms = world.shard.core.steady_ms() + after_ms;
            world.shard.step(|state| state.due_readings(now_ms).0)
        };
        assert_eq!(due(0), []);
        assert_eq!(due(1_000), [(room.room, 1)]);
        assert_eq!(due(2_000), [], "it is being read");
        world.gap_read(room, 1, entries(1, 5));
        assert_eq!(due(3_000), []);

        assert_eq!(pushed(&mut ada).await, (1, 5));
        let told: Behind = bob.peer.pushed().await.open().unwrap();
        assert_eq!((told.head.room, told.head.rev), (room.room, 5));
        world.commit(room, 5, 6);
        assert_eq!(pushed(&mut ada).await, (5, 6));
        assert_eq!(pushed(&mut bob).await, (5, 6));
    })
    .await;
}

#[tokio::test]
async fn who_was_removed_in_a_gap_sees_nothing_of_it() {
    in_a_shard(async {
        let world = World::new(|_| {}).await;
        let room = head();
        let mut ada = world.entered(UserId::new(), &[], WIDE).await;
        let mut bob = world.entered(UserId::new(), &[], WIDE).await;
        world.open(&ada, room, true);
        world.open(&bob, room, true);
        let removed = MemberEntry {
            user: bob.who.user,
            role: Role::NONE,
            name: "bob".to_owned(),
            display_name: String::new(),
            ext: Extensions::NONE,
        };
        let mut missed = entries(1, 2);
        missed.push(Entry::member(3, &removed));
        world.commit(room, 3, 4);
        world.gap_read(room, 1, missed);
        assert_eq!(pushed(&mut ada).await, (1, 3));
        assert_eq!(pushed(&mut ada).await, (3, 4));
        assert_eq!(world.depth(&bob, room.room), None);
        // The next thing that reaches him is of another room.
        let other = head();
        world.open(&bob, other, true);
        world.commit(other, 1, 2);
        let batch: RoomBatch = bob.peer.pushed().await.open().unwrap();
        assert_eq!(batch.room, other.room);
    })
    .await;
}
