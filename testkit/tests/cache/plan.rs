//! Random plans: whatever people do in whatever order, a read through a cache is what the database
//! says.

use parlor_protocol::message::{Place, Timeline};
use parlor_protocol::{RoomId, SessionId, UserId};
use parlor_server::cache::Kind;
use parlor_server::store::conformance::plan::{Plan, Step};
use parlor_server::store::{SessionFound, Store, TokenHash};
use parlor_testkit::redis::Redis;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::world::{Database, Node};

const STEPS: usize = 60;

/// What can be asked.
#[derive(Default)]
struct Known {
    people: Vec<UserId>,
    rooms: Vec<RoomId>,
    sessions: Vec<(UserId, SessionId, TokenHash)>,
}

/// All of a session but when it was last seen, which may lag behind.
fn shown(found: Option<SessionFound>) -> Option<(SessionId, UserId, bool, [bool; 3], u64)> {
    found.map(|it| {
        let rights = [it.user.disabled, it.user.administrator, it.user.unlimited];
        let session = it.session;
        (
            session.id,
            session.user,
            it.by_next,
            rights,
            session.token_at_ms,
        )
    })
}

async fn same(cached: &dyn Store, bare: &dyn Store, known: &Known, random: &mut StdRng, at: &str) {
    macro_rules! same {
        ($name:ident($($arg:expr),*)) => {
            assert_eq!(
                cached.$name($($arg),*).await.unwrap(),
                bare.$name($($arg),*).await.unwrap(),
                "{at}: {}", stringify!($name($($arg),*))
            );
        };
    }
    same!(is_empty());
    for n in 0..14 {
        same!(room_by_name(&format!("room {n}")));
    }
    let reader = known.people[random.random_range(0..known.people.len())];
    same!(directory(reader, "", 201));
    same!(directory(reader, "room 3", 3));
    let names = ["person1".to_owned(), "nobody".to_owned()];
    for names in [&names[..], &[]] {
        let mut of_cache = cached.people(&known.people, names).await.unwrap();
        let mut of_store = bare.people(&known.people, names).await.unwrap();
        of_cache.sort_by_key(|it| it.id);
        of_store.sort_by_key(|it| it.id);
        assert_eq!(of_cache, of_store, "{at}: people");
    }
    for &room in &known.rooms {
        same!(members(room, None, 201));
        same!(members(room, Some(reader), 2));
        // As handlers do: who may read is asked before.
        let Some(access) = cached.access(room, reader).await.unwrap() else {
            continue;
        };
        let seen = access.visible_from;
        for (limit, seen) in [(50, 1), (3, 1), (100, seen), (50, seen)] {
            same!(page(room, Timeline::ROOM, Place::NEWEST, 0, limit, seen));
        }
        same!(page(room, Timeline::ROOM, Place::BEFORE, 5, 3, 1));
    }
    for (_, _, token) in &known.sessions {
        let of_cache = shown(cached.session_by_token(token).await.unwrap());
        let of_store = shown(bare.session_by_token(token).await.unwrap());
        assert_eq!(of_cache, of_store, "{at}: a session");
    }
}

/// Something besides rooms changes.
async fn change(node: &Node, known: &mut Known, random: &mut StdRng, step: usize) {
    let store = &*node.store;
    let person = known.people[random.random_range(0..known.people.len())];
    match random.random_range(0..8) {
        0 => store.set_disabled(person, random.random()).await.unwrap(),
        1 => store
            .set_administrator(person, random.random())
            .await
            .unwrap(),
        2..=4 => {
            let number = u8::try_from(step).unwrap();
            let (session, token) = node.session(person, number).await;
            known.sessions.push((person, session, token));
        }
        5 => drop(store.end_sessions(person, None).await.unwrap()),
        _ if known.sessions.is_empty() => {}
        6 => {
            let at = random.random_range(0..known.sessions.len());
            let (user, session, _) = known.sessions[at];
            store.end_session(user, session).await.unwrap();
        }
        _ => {
            // A token is replaced, and the new one used.
            let at = random.random_range(0..known.sessions.len());
            let (user, session, _) = known.sessions[at];
            let next = [100 + u8::try_from(step).unwrap(); 32];
            store.offer_token(session, &next, 1).await.unwrap();
            store.session_by_token(&next).await.unwrap();
            store.accept_token(session, &next, 2).await.unwrap();
            known.sessions.push((user, session, next));
        }
    }
}

/// Follows a plan at nodes by turns; the others must not be behind.
async fn follow(database: &Database, nodes: &[Node], redis: Option<&Redis>, seed: u64) {
    let mut plan = Plan::new(seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut known = Known {
        people: plan.people.clone(),
        ..Known::default()
    };
    for (n, person) in plan.people.iter().enumerate() {
        nodes[0].person_as(*person, &format!("person{n}")).await;
    }
    for step in 0..STEPS {
        let writer = &nodes[random.random_range(0..nodes.len())];
        let Step { commands, now_ms } = plan.draw();
        database.hand.set(now_ms);
        let reads = async {
            // Meanwhile others read what is about to change, and would keep it.
            for node in nodes {
                for &room in &known.rooms {
                    node.store.members(room, None, 201).await.unwrap();
                    node.store
                        .page(room, Timeline::ROOM, Place::NEWEST, 0, 50, 1)
                        .await
                        .unwrap();
                }
                node.store
                    .directory(known.people[0], "", 201)
                    .await
                    .unwrap();
            }
        };
        let (appended, ()) = tokio::join!(writer.append(commands.clone()), reads);
        plan.learn(&commands, &appended.results);
        for batch in &appended.rooms {
            if !known.rooms.contains(&batch.room) {
                known.rooms.push(batch.room);
            }
        }
        change(writer, &mut known, &mut random, step).await;
        if let Some(redis) = redis
            && step % 20 == 19
        {
            redis.command(&["FLUSHALL"]).await.unwrap();
        }
        for node in nodes {
            let at = format!("seed {seed}, step {step}");
            same(&*node.store, database.bare(), &known, &mut random, &at).await;
        }
    }
}

fn hits_of_every_kind(node: &Node) {
    for kind in Kind::ALL {
        let hits = node.metrics.cache_hits.of(kind).get();
        assert!(hits > 0, "{}: no plan ever hits one", kind.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_node_reads_what_the_database_says() {
    for seed in 0..6 {
        let database = Database::new().await;
        let node = [database.lone()];
        follow(&database, &node, None, seed).await;
        hits_of_every_kind(&node[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_share_a_redis_read_what_the_database_says() {
    let redis = Redis::running().await.unwrap();
    for seed in 10..13 {
        let database = Database::new().await;
        let nodes = [database.shared(&redis).await, database.shared(&redis).await];
        follow(&database, &nodes, Some(&redis), seed).await;
        for node in &nodes {
            for kind in [Kind::Sessions, Kind::Users, Kind::Rooms, Kind::Pages] {
                let hits = node.metrics.cache_shared_hits.of(kind).get();
                assert!(
                    hits > 0,
                    "{}: nothing came from the other node",
                    kind.name()
                );
            }
        }
    }
}
