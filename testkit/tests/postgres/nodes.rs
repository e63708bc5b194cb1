//! Several nodes write to one database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parlor_protocol::room::RoomKind;
use parlor_protocol::{RoomId, SendKey, UserId};
use parlor_server::store::conformance::World;
use parlor_server::store::postgres::PostgresStore;
use parlor_server::store::{Appended, Change, RoomCommand, Store};
use parlor_testkit::postgres::TestPostgres;
use parlor_testkit::wait::eventually;

use super::{begin, open, post, whole};

/// Two nodes on one database, with its people.
async fn two(server: &TestPostgres) -> ([Arc<PostgresStore>; 2], World) {
    let (first, world, database) = begin(server).await;
    let second = Arc::new(open(&server.url(&database), &world.hand).await);
    ([first, second], world)
}

/// What a node gave out of rooms: whether all nodes together gave each entry once, in one order.
fn check_batches(appended: &[Appended], room: RoomId, began: u64) {
    let mut batches: Vec<_> = appended
        .iter()
        .flat_map(|appended| &appended.rooms)
        .filter(|batch| batch.room == room)
        .map(|batch| (batch.before, batch.rev, batch.entries.len() as u64))
        .collect();
    batches.sort_unstable();
    let mut rev = began;
    for (before, after, entries) in batches {
        assert_eq!(before, rev, "batches of all nodes follow one another");
        assert_eq!(after - before, entries, "each entry has a rev");
        rev = after;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_on_two_nodes_at_once_stay_gapless_and_happen_once() {
    let server = TestPostgres::start().await.unwrap();
    let (nodes, world) = two(&server).await;
    let people: [UserId; 8] = world.people().await;
    let rooms = [
        world.room_of(RoomKind::PUBLIC, people).await,
        world.room_of(RoomKind::PRIVATE, people).await,
    ];
    let mut began = Vec::new();
    for room in rooms {
        began.push(nodes[0].changes(room, 0, 1).await.unwrap().rev);
    }
    // Each batch goes to both nodes, and once more to each: four tries at once, in pieces.
    let mut tasks = Vec::new();
    let mut sent = HashSet::new();
    for round in 0..20 {
        let batch: Vec<RoomCommand> = people
            .iter()
            .enumerate()
            .map(|(n, person)| post(rooms[(round + n) % 2], *person, &world, &format!("{round}")))
            .collect();
        sent.extend(batch.iter().map(|it| (it.send_key, it.actor)));
        for node in nodes.iter().chain(&nodes) {
            let (node, batch) = (Arc::clone(node), batch.clone());
            tasks.push(tokio::spawn(async move {
                (node.append(batch.clone()).await.unwrap(), batch)
            }));
        }
    }
    let mut first: HashMap<(SendKey, UserId), (u64, u64)> = HashMap::new();
    let mut given = Vec::new();
    let mut fresh = 0;
    for task in tasks {
        let (appended, batch) = task.await.unwrap();
        for (command, result) in batch.iter().zip(&appended.results) {
            let done = result.as_ref().unwrap();
            fresh += usize::from(!done.repeated);
            let place = (done.seq, done.rev);
            let known = first
                .entry((command.send_key, command.actor))
                .or_insert(place);
            assert_eq!(*known, place, "every try hears the first result");
        }
        given.push(appended);
    }
    assert_eq!(fresh, sent.len(), "each happened once");
    let mut there = 0;
    for (room, began) in rooms.into_iter().zip(began) {
        let messages = whole(&*nodes[1], room).await;
        there += messages.len();
        assert!(
            messages
                .iter()
                .all(|it| sent.contains(&(it.send_key, it.author)))
        );
        check_batches(&given, room, began);
    }
    assert_eq!(there, sent.len());
    check_people(&given, &people);
}

/// Each person's own revs, over all nodes, follow one another.
fn check_people(given: &[Appended], people: &[UserId]) {
    for person in people {
        let mut own: Vec<_> = given
            .iter()
            .flat_map(|appended| &appended.users)
            .filter(|user| user.user == *person)
            .map(|user| (user.before, user.rev))
            .collect();
        own.sort_unstable();
        assert!(!own.is_empty());
        for pair in own.windows(2) {
            assert_eq!(pair[0].1, pair[1].0, "a person's revs have no gap");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_members_and_posts_at_once_agree() {
    let server = TestPostgres::start().await.unwrap();
    let (nodes, world) = two(&server).await;
    let people: [UserId; 6] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, people).await;
    let began = nodes[0].changes(room, 0, 1).await.unwrap().rev;
    let mut tasks = Vec::new();
    for round in 0..30 {
        let person = people[1 + round % 5];
        let change = match round % 3 {
            0 => Change::Leave,
            1 => Change::Join,
            _ => Change::SetTopic {
                topic: format!("topic {round}"),
            },
        };
        let commands = vec![
            post(room, person, &world, "before"),
            world.command(person, room, change),
            post(room, people[0], &world, "after"),
        ];
        let node = Arc::clone(&nodes[round % 2]);
        tasks.push(tokio::spawn(
            async move { node.append(commands).await.unwrap() },
        ));
    }
    let mut given = Vec::new();
    for task in tasks {
        given.push(task.await.unwrap());
    }
    check_batches(&given, room, began);
    let members = nodes[0].members(room, None, 100).await.unwrap();
    let summary = nodes[1].summary(room, people[0]).await.unwrap().unwrap();
    assert_eq!(members.len() as u32, summary.members);
    whole(&*nodes[0], room).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_room_and_a_name_are_made_once() {
    let server = TestPostgres::start().await.unwrap();
    let (nodes, world) = two(&server).await;
    let [ann, bob] = world.people().await;
    let mut tasks = Vec::new();
    for round in 0..8_usize {
        let (actor, with) = if round % 2 == 0 {
            (ann, bob)
        } else {
            (bob, ann)
        };
        let direct = world.command(actor, RoomId([0; 16]), Change::CreateDirect { with });
        let name = parlor_server::store::RoomName {
            shown: "Name".to_owned(),
            folded: "name".to_owned(),
        };
        let create = Change::Create {
            kind: RoomKind::PUBLIC,
            name,
            topic: String::new(),
        };
        let named = world.command(actor, RoomId(world.id()), create);
        let node = Arc::clone(&nodes[round / 4]);
        tasks.push(tokio::spawn(async move {
            node.append(vec![direct, named]).await.unwrap()
        }));
    }
    let mut direct = HashSet::new();
    let mut named = 0;
    for task in tasks {
        let appended = task.await.unwrap();
        direct.insert(appended.results[0].as_ref().unwrap().room);
        match &appended.results[1] {
            Ok(_) => named += 1,
            Err(refusal) => assert_eq!(refusal.code, parlor_protocol::Code::ROOM_NAME_TAKEN),
        }
    }
    assert_eq!((direct.len(), named), (1, 1));
    let (anns, bobs) = (
        nodes[0].heads(ann).await.unwrap(),
        nodes[1].heads(bob).await.unwrap(),
    );
    assert_eq!(
        anns.len() + bobs.len(),
        3,
        "the direct room is both's, the named one its maker's"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_asker_went_away_still_takes_effect() {
    let server = TestPostgres::start().await.unwrap();
    let (store, world, _) = begin(&server).await;
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    let commands = vec![post(room, ann, &world, "one")];
    {
        // Asked once, which starts it, then dropped.
        let mut asked = Box::pin(store.append(commands));
        let waker = std::task::Waker::noop();
        let _ = asked
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker));
    }
    let there = || async { store.summary(room, ann).await.unwrap().unwrap().head == 1 };
    eventually(std::time::Duration::from_secs(30), there)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markers_of_one_person_on_two_nodes_move_forward_only() {
    let server = TestPostgres::start().await.unwrap();
    let (nodes, world) = two(&server).await;
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    for n in 0..10 {
        world.say(ann, room, &n.to_string()).await;
    }
    let tasks: Vec<_> = (0..40_u64)
        .map(|n| {
            let node = Arc::clone(&nodes[(n % 2) as usize]);
            tokio::spawn(async move {
                node.mark(
                    bob,
                    room,
                    parlor_protocol::message::Timeline::ROOM,
                    1 + n % 10,
                )
                .await
                .unwrap()
            })
        })
        .collect();
    let mut moves = Vec::new();
    for task in tasks {
        if let Some((own, marker)) = task.await.unwrap() {
            moves.push((own.before, own.rev, marker.seq));
        }
    }
    moves.sort_unstable();
    assert!(
        moves
            .windows(2)
            .all(|pair| pair[0].1 == pair[1].0 && pair[0].2 < pair[1].2)
    );
    assert_eq!(moves.last().unwrap().2, 10);
}
