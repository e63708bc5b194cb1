//! Kill -9 in the middle of appends: what was acknowledged is there, once, without a gap.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use parlor_protocol::{RoomId, SendKey, UserId};
use tempfile::TempDir;

use super::{begin, open, whole};
use crate::store::conformance::Hand;
use crate::store::{Change, RoomCommand, Store};

/// Says to the child where to write, and as whom.
const FOLDER: &str = "PARLOR_TEST_CRASH_FOLDER";
const ROOMS: usize = 3;
const LIVES: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = begin(&folder).await;
    let [ann] = world.people().await;
    let mut rooms = Vec::new();
    for n in 0..ROOMS {
        rooms.push(
            world
                .create(
                    ann,
                    parlor_protocol::room::RoomKind::PUBLIC,
                    &format!("room {n}"),
                )
                .await,
        );
    }
    store.close().await;
    let mut acknowledged: HashMap<SendKey, (RoomId, u64)> = HashMap::new();
    for life in 0..LIVES {
        let mut child = spawn(&folder, ann, &rooms);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A different number each time, so that the kill falls elsewhere in a commit.
        let enough = 40 + life * 37;
        let mut heard = 0;
        for line in lines.map_while(Result::ok) {
            let Some((key, room, seq)) = read(&line) else {
                continue;
            };
            acknowledged.insert(key, (room, seq));
            heard += 1;
            if heard == enough {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard >= enough, "the child ended by itself after {heard}");
        let back = open(&folder, &Hand::new()).await;
        let mut found = HashMap::new();
        for room in &rooms {
            for message in whole(&*back, *room).await {
                assert!(
                    found
                        .insert(message.send_key, (*room, message.seq))
                        .is_none(),
                    "twice"
                );
            }
        }
        for (key, place) in &acknowledged {
            assert_eq!(found.get(key), Some(place));
        }
        back.close().await;
    }
}

fn spawn(folder: &TempDir, ann: UserId, rooms: &[RoomId]) -> Child {
    let rooms: Vec<_> = rooms.iter().map(ToString::to_string).collect();
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::sqlite::tests::crash::child_that_is_killed",
            "--nocapture",
        ])
        .env(
            FOLDER,
            format!("{}|{ann}|{}", folder.path().display(), rooms.join("|")),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn read(line: &str) -> Option<(SendKey, RoomId, u64)> {
    let mut words = line.strip_prefix("acknowledged ")?.split(' ');
    Some((
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
    ))
}

/// Writes until it is killed. Does nothing unless the test above has started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_is_killed() {
    let Ok(told) = std::env::var(FOLDER) else {
        return;
    };
    let mut told = told.split('|');
    let folder = std::path::PathBuf::from(told.next().unwrap());
    let ann: UserId = told.next().unwrap().parse().unwrap();
    let rooms: Vec<RoomId> = told.map(|room| room.parse().unwrap()).collect();
    let store = crate::store::sqlite::SqliteStore::open(&folder.join("parlor.db"))
        .await
        .unwrap();
    for count in 1.. {
        // Batches of one to seven, over all rooms.
        let commands: Vec<_> = (0..count % 7 + 1)
            .map(|n| post(ann, rooms[(count + n) % rooms.len()]))
            .collect();
        let appended = store.append(commands.clone()).await.unwrap();
        let mut out = std::io::stdout().lock();
        for (command, result) in commands.iter().zip(appended.results) {
            writeln!(
                out,
                "acknowledged {} {} {}",
                command.send_key,
                command.room,
                result.unwrap().seq
            )
            .unwrap();
        }
        out.flush().unwrap();
    }
}

fn post(ann: UserId, room: RoomId) -> RoomCommand {
    let change = Change::Post {
        timeline: parlor_protocol::message::Timeline::ROOM,
        after: None,
        text: "said before the end".to_owned(),
        long: None,
    };
    RoomCommand {
        room,
        actor: ann,
        send_key: SendKey::new(),
        change,
    }
}
