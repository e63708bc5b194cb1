//! Stories of messages: numbers, retries, order, refusals.

use parlor_protocol::limit::{CLOCK_AHEAD_MS, SEND_KEY_LIFE_MS, TEXT_INLINE_BYTES};
use parlor_protocol::message::{LongText, Place, Timeline};
use parlor_protocol::room::RoomKind;
use parlor_protocol::sync::{RoomEntry, UserEntry};
use parlor_protocol::{Code, SendKey};

use super::World;
use super::world::{Factory, create, reply, say, say_after, uuid_v7};
use crate::store::{Change, ReaderChange, RoomCommand};

pub(super) async fn tell(factory: &impl Factory) {
    numbers_have_no_gap(&World::new(factory).await).await;
    a_retry_gets_its_first_result(&World::new(factory).await).await;
    a_retry_in_the_same_batch_too(&World::new(factory).await).await;
    a_key_is_for_one_thing(&World::new(factory).await).await;
    old_and_early_keys_are_refused(&World::new(factory).await).await;
    a_sender_keeps_the_order(&World::new(factory).await).await;
    refusals_leave_no_trace(&World::new(factory).await).await;
    time_never_goes_back(&World::new(factory).await).await;
    a_thread_has_its_own_numbers(&World::new(factory).await).await;
    long_texts_are_uploaded_first(&World::new(factory).await).await;
    sending_moves_the_own_marker(&World::new(factory).await).await;
    many_at_once(&World::new(factory).await).await;
}

async fn numbers_have_no_gap(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let before = world.store.summary(room, ann).await.unwrap().unwrap();
    let commands = (0..300).map(|n| {
        world.command(
            if n % 3 == 0 { ann } else { bob },
            room,
            say(&format!("{n}")),
        )
    });
    let appended = world.append(commands.collect()).await;
    for (n, result) in (0..).zip(&appended.results) {
        let done = result.as_ref().unwrap();
        assert_eq!((done.seq, done.rev), (n + 1, before.rev + n + 1));
        assert!(!done.repeated);
    }
    let [batch] = &appended.rooms[..] else {
        panic!("one batch: {:?}", appended.rooms.len())
    };
    assert_eq!(
        (batch.before, batch.rev, batch.head),
        (before.rev, before.rev + 300, 300)
    );
    assert_eq!(batch.readers, ReaderChange::None);
    assert_eq!(batch.entries.len(), 300);
    for (n, entry) in (0..).zip(&batch.entries) {
        let Ok(RoomEntry::Message(message)) = entry.open_room() else {
            panic!("a message")
        };
        assert_eq!(
            (entry.rev, message.seq, message.text),
            (before.rev + n + 1, n + 1, n.to_string())
        );
    }
    let page = world.newest(room).await;
    assert_eq!(page.first().unwrap().seq, 101);
    assert_eq!(page.last().unwrap().text, "299");
}

async fn a_retry_gets_its_first_result(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PRIVATE, "den").await;
    let command = world.command(ann, room, say("once"));
    let first = world.one(command.clone()).await.unwrap();
    for age_ms in [0, 1_000, 60_000, SEND_KEY_LIFE_MS - 62_000] {
        world.hand.forward(age_ms);
        let appended = world.append(vec![command.clone()]).await;
        let again = appended.results[0].as_ref().unwrap();
        assert!(again.repeated);
        assert_eq!(
            (again.seq, again.rev, again.at_ms),
            (first.seq, first.rev, first.at_ms)
        );
        assert!(
            appended.rooms.is_empty() && appended.users.is_empty(),
            "nothing happened"
        );
    }
    assert_eq!(world.newest(room).await.len(), 1);
    // What made no difference is remembered as well: it may make one later.
    let join = world.command(ann, room, Change::Admit);
    let done = world.one(join.clone()).await.unwrap();
    assert_eq!(done.rev, first.rev);
    assert!(world.one(join).await.unwrap().repeated);
    // A new room's id is another one at each try.
    let make = world.command(
        ann,
        parlor_protocol::RoomId(world.id()),
        create(RoomKind::PUBLIC, "fresh"),
    );
    let made = world.one(make.clone()).await.unwrap();
    let again = world
        .one(RoomCommand {
            room: parlor_protocol::RoomId(world.id()),
            ..make
        })
        .await
        .unwrap();
    assert_eq!((again.room, again.repeated), (made.room, true));
}

async fn a_retry_in_the_same_batch_too(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let command = world.command(ann, room, say("twice"));
    let between = world.command(bob, room, say("between"));
    let appended = world.append(vec![command.clone(), between, command]).await;
    let seqs: Vec<_> = appended
        .results
        .iter()
        .map(|result| result.as_ref().unwrap().seq)
        .collect();
    assert_eq!(seqs, [1, 2, 1]);
    assert!(appended.results[2].as_ref().unwrap().repeated);
    assert_eq!(appended.rooms[0].entries.len(), 2);
}

async fn a_key_is_for_one_thing(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let command = world.command(ann, room, say("this"));
    world.one(command.clone()).await.unwrap();
    for change in [
        say("that"),
        reply(1, "this"),
        Change::Leave,
        create(RoomKind::PUBLIC, "this"),
    ] {
        let refused = world
            .one(RoomCommand {
                change,
                ..command.clone()
            })
            .await
            .unwrap_err();
        assert_eq!(refused.code, Code::SEND_KEY_REUSED);
    }
    // Another sender's key is another key.
    let done = world
        .one(RoomCommand {
            actor: bob,
            ..command
        })
        .await
        .unwrap();
    assert_eq!((done.seq, done.repeated), (2, false));
}

async fn old_and_early_keys_are_refused(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    let now_ms = world.hand.now_ms();
    let at = |at_ms| RoomCommand {
        send_key: SendKey(uuid_v7(at_ms, 1)),
        ..world.command(ann, room, say("from another time"))
    };
    let code = async |command| world.one(command).await.unwrap_err().code;
    assert_eq!(
        code(at(now_ms - SEND_KEY_LIFE_MS - 1)).await,
        Code::SEND_KEY_OLD
    );
    assert_eq!(
        code(at(now_ms + CLOCK_AHEAD_MS + 1)).await,
        Code::CLOCK_AHEAD
    );
    let nameless = RoomCommand {
        send_key: SendKey([7; 16]),
        ..at(now_ms)
    };
    assert_eq!(code(nameless).await, Code::MALFORMED);
    assert_eq!(
        world.one(at(now_ms - SEND_KEY_LIFE_MS)).await.unwrap().seq,
        1
    );
    assert_eq!(world.one(at(now_ms + CLOCK_AHEAD_MS)).await.unwrap().seq, 2);
    // Keys outlive their rows by their life, whatever is pruned.
    world.hand.forward(SEND_KEY_LIFE_MS - 1);
    world.store.prune(world.hand.now_ms(), 100).await.unwrap();
    assert!(
        world
            .one(at(now_ms - SEND_KEY_LIFE_MS))
            .await
            .unwrap()
            .repeated
    );
    assert!(
        world
            .one(at(now_ms + CLOCK_AHEAD_MS))
            .await
            .unwrap()
            .repeated
    );
    world.hand.forward(CLOCK_AHEAD_MS + 2);
    assert!(world.store.prune(world.hand.now_ms(), 100).await.unwrap() > 0);
}

async fn a_sender_keeps_the_order(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let keys: Vec<_> = (0..4).map(|_| world.key()).collect();
    let post = |n: usize, change| RoomCommand {
        send_key: keys[n],
        ..world.command(ann, room, change)
    };
    // The first is refused: so are those behind it, however far.
    let appended = world
        .append(vec![
            post(0, say("")),
            post(1, say_after(keys[0], "one")),
            post(2, say_after(keys[1], "two")),
        ])
        .await;
    let codes: Vec<_> = appended
        .results
        .iter()
        .map(|result| result.as_ref().unwrap_err().code)
        .collect();
    assert_eq!(
        codes,
        [Code::TEXT_EMPTY, Code::OUT_OF_ORDER, Code::OUT_OF_ORDER]
    );
    // Sent anew, all go: predecessors of the same batch, and of one before it.
    let appended = world
        .append(vec![
            post(0, say("zero")),
            post(1, say_after(keys[0], "one")),
        ])
        .await;
    assert!(appended.results.iter().all(Result::is_ok));
    assert_eq!(
        world
            .one(post(2, say_after(keys[1], "two")))
            .await
            .unwrap()
            .seq,
        3
    );
    // A predecessor is the sender's own.
    let theirs = world.command(bob, room, say_after(keys[0], "not mine"));
    assert_eq!(
        world.one(theirs).await.unwrap_err().code,
        Code::OUT_OF_ORDER
    );
    let texts: Vec<_> = world
        .newest(room)
        .await
        .into_iter()
        .map(|message| message.text)
        .collect();
    assert_eq!(texts, ["zero", "one", "two"]);
}

async fn refusals_leave_no_trace(world: &World) {
    let [ann, bob, eve] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let rev = world.store.summary(room, ann).await.unwrap().unwrap().rev;
    let long = "x".repeat(TEXT_INLINE_BYTES + 1);
    let missing = Change::Post {
        timeline: Timeline::ROOM,
        after: None,
        text: "preview".to_owned(),
        long: Some(LongText {
            bytes: 40_000,
            hash: [9; 32],
        }),
    };
    let wrong = [
        (say("\0"), Code::TEXT_HAS_NUL),
        (say("a\0b"), Code::TEXT_HAS_NUL),
        (say(""), Code::TEXT_EMPTY),
        (say(&long), Code::TOO_LARGE),
        (missing, Code::TEXT_MISSING),
        (reply(7, "to nothing"), Code::NOT_FOUND),
    ];
    for (change, code) in wrong {
        assert_eq!(world.refused(bob, room, change).await, code);
    }
    assert_eq!(
        world.refused(eve, room, say("hello")).await,
        Code::NOT_FOUND
    );
    let nowhere = parlor_protocol::RoomId(world.id());
    assert_eq!(
        world.refused(eve, nowhere, say("hello")).await,
        Code::NOT_FOUND
    );
    let stranger = parlor_protocol::UserId(world.id());
    assert_eq!(
        world.refused(stranger, room, say("hello")).await,
        Code::SESSION_ENDED
    );
    // In the middle of a batch they harm nobody, and their key is still free.
    let refused = world.command(ann, room, say(""));
    let appended = world
        .append(vec![
            world.command(bob, room, say("1")),
            refused.clone(),
            world.command(bob, room, say("2")),
        ])
        .await;
    assert_eq!(appended.rooms[0].rev, rev + 2);
    assert_eq!(
        world
            .one(RoomCommand {
                change: say("3"),
                ..refused
            })
            .await
            .unwrap()
            .seq,
        3
    );
    assert_eq!(world.newest(room).await.len(), 3);
}

async fn time_never_goes_back(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    let first = world.say(ann, room, "first").await;
    world.hand.back(60_000);
    let second = world.say(ann, room, "second").await;
    assert_eq!(second.at_ms, first.at_ms);
    let page = world.newest(room).await;
    assert_eq!(page[0].at_ms, page[1].at_ms);
}

async fn a_thread_has_its_own_numbers(world: &World) {
    let [ann, bob, late] = world.people().await;
    let room = world.room_of(RoomKind::PRIVATE, [ann, bob]).await;
    world.say(ann, room, "root").await;
    let rev = world.say(bob, room, "beside").await.rev;
    for n in 1..=3 {
        let done = world.act(bob, room, reply(1, "reply")).await.unwrap();
        assert_eq!((done.seq, done.rev), (n, rev + n));
    }
    let summary = world.store.summary(room, ann).await.unwrap().unwrap();
    assert_eq!((summary.head, summary.rev), (2, rev + 3));
    let thread = world
        .store
        .page(room, Timeline(1), Place::NEWEST, 0, 50, 1)
        .await
        .unwrap();
    assert_eq!((thread.head, thread.floor, thread.as_of), (3, 1, rev + 3));
    assert_eq!(
        thread
            .messages
            .iter()
            .map(|message| message.seq)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    // Who came later sees neither the root nor the thread.
    world
        .act(ann, room, Change::Add { user: late })
        .await
        .unwrap();
    let visible_from = world
        .store
        .access(room, late)
        .await
        .unwrap()
        .unwrap()
        .visible_from;
    assert_eq!(visible_from, 3);
    let thread = world
        .store
        .page(room, Timeline(1), Place::NEWEST, 0, 50, visible_from)
        .await
        .unwrap();
    assert!(thread.messages.is_empty());
    assert_eq!(
        world.refused(late, room, reply(1, "hm?")).await,
        Code::NOT_FOUND
    );
    let seen = world.missed(room, 0, visible_from).await;
    assert!(
        !seen
            .iter()
            .any(|(_, entry)| matches!(entry, RoomEntry::Message(_)))
    );
}

async fn long_texts_are_uploaded_first(world: &World) {
    let [ann] = world.people().await;
    let room = world.create(ann, RoomKind::PUBLIC, "room").await;
    let bytes = "long ".repeat(20_000).into_bytes();
    let long = LongText {
        bytes: bytes.len() as u32,
        hash: [3; 32],
    };
    let post = Change::Post {
        timeline: Timeline::ROOM,
        after: None,
        text: "long long".to_owned(),
        long: Some(long),
    };
    assert_eq!(
        world.refused(ann, room, post.clone()).await,
        Code::TEXT_MISSING
    );
    world.store.put_text(long, bytes.clone()).await.unwrap();
    let lying = LongText { bytes: 1, ..long };
    let wrong = Change::Post {
        timeline: Timeline::ROOM,
        after: None,
        text: String::new(),
        long: Some(lying),
    };
    assert_eq!(world.refused(ann, room, wrong).await, Code::TEXT_MISSING);
    let seq = world.act(ann, room, post).await.unwrap().seq;
    assert_eq!(world.newest(room).await[0].long, Some(long));
    let text = |seq, visible_from| world.store.text(room, Timeline::ROOM, seq, visible_from);
    assert_eq!(text(seq, 1).await.unwrap(), Some((long, bytes)));
    assert_eq!(text(seq, seq + 1).await.unwrap(), None);
    // In use it stays, unused it goes.
    let unused = LongText {
        bytes: 2,
        hash: [4; 32],
    };
    world.store.put_text(unused, vec![1, 2]).await.unwrap();
    world.hand.forward(25 * 3600 * 1000);
    assert_eq!(world.store.prune(world.hand.now_ms(), 10).await.unwrap(), 1);
    assert!(text(seq, 1).await.unwrap().is_some());
}

async fn sending_moves_the_own_marker(world: &World) {
    let [ann, bob] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, [ann, bob]).await;
    let rev = world.store.user_changes(ann, None).await.unwrap().rev;
    world.say(bob, room, "hi").await;
    let appended = world
        .append(vec![
            world.command(ann, room, say("hello")),
            world.command(ann, room, say("there")),
        ])
        .await;
    let [own] = &appended.users[..] else {
        panic!("one person's own entries")
    };
    assert_eq!((own.user, own.before, own.rev), (ann, rev, rev + 2));
    let [entry] = &own.entries[..] else {
        panic!("the marker once, in its newest state")
    };
    let Ok(UserEntry::Marker(marker)) = entry.open_user() else {
        panic!("a marker")
    };
    assert_eq!((entry.rev, marker.seq), (rev + 2, 3));
    let read = async |reader| {
        world
            .store
            .summary(room, reader)
            .await
            .unwrap()
            .unwrap()
            .read
    };
    assert_eq!((read(ann).await, read(bob).await), (3, 1));
}

async fn many_at_once(world: &World) {
    let people: [_; 8] = world.people().await;
    let room = world.room_of(RoomKind::PUBLIC, people).await;
    let posts = people
        .into_iter()
        .flat_map(|person| (0..25).map(move |_| person));
    let tasks: Vec<_> = posts
        .map(|person| {
            let store = world.store.clone();
            let command = world.command(person, room, say("at once"));
            tokio::spawn(async move { store.append(vec![command]).await })
        })
        .collect();
    let mut seqs = Vec::new();
    for task in tasks {
        let appended = task.await.unwrap().unwrap();
        seqs.push(appended.results[0].as_ref().unwrap().seq);
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=200).collect::<Vec<_>>());
}
