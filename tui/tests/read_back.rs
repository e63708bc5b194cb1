//! A recorded conversation, read back from the command line range by range: every message as it was
//! said, in order, without a gap. `PARLOR_CORPUS` is the folder of the record; without it the texts
//! are made.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use parlor_protocol::RoomId;
use parlor_protocol::message::Posted;
use parlor_protocol::room::{RoomDone, RoomKind};
use parlor_server::config::{Rate, Registration};
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::{PASSWORD, TestServer};
use support::Person;

const MESSAGES: usize = 2_000;
/// Whoever speaks in the record speaks here as one of so many.
const PEOPLE: usize = 8;
/// Messages of one person on their way at one time.
const IN_FLIGHT: usize = 64;
/// Messages of one range; no divisor of their number.
const RANGE: u64 = 300;

/// Who says what: the number of a person, and a text.
fn conversation() -> Vec<(usize, String)> {
    match std::env::var_os("PARLOR_CORPUS") {
        Some(folder) => recorded(&Path::new(&folder).join("ubuntu-irc.tsv.gz")),
        None => (0..MESSAGES).map(made).collect(),
    }
}

fn recorded(log: &Path) -> Vec<(usize, String)> {
    let output = Command::new("gzip").arg("-dc").arg(log).output().unwrap();
    assert!(output.status.success(), "{} can be read", log.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut people = HashMap::new();
    let said = |line: &str| {
        let (nick, text) = line.split_once('\t')?.1.split_once('\t')?;
        let next = people.len() % PEOPLE;
        let who = *people.entry(nick.to_owned()).or_insert(next);
        (!text.trim().is_empty()).then(|| (who, text.to_owned()))
    };
    text.lines().filter_map(said).take(MESSAGES).collect()
}

fn made(number: usize) -> (usize, String) {
    let odd = [
        "",
        "\ttab",
        " 🍅",
        " \u{202e}back",
        "\nsecond line",
        "  ",
        "\u{1b}[31m",
    ];
    let text = format!("message {number}{}", odd[number % odd.len()]);
    (number * 7 % PEOPLE, text)
}

/// Says everything in its order: what one person says in a row goes out at once, and different
/// people wait for each other.
async fn say(devices: &[Device], room: RoomId, said: &[(usize, String)]) {
    for turn in said.chunk_by(|one, other| one.0 == other.0) {
        for messages in turn.chunks(IN_FLIGHT) {
            let post = |(who, text): &(usize, String)| {
                let post = ask::post(room, text);
                devices[*who].link.request::<_, Posted>(&post)
            };
            let asked: Vec<_> = messages.iter().map(post).collect();
            for posted in asked {
                posted.await.unwrap();
            }
        }
    }
}

#[test]
fn a_conversation_is_read_back_by_range_as_it_was_said() {
    let said = conversation();
    assert_eq!(said.len(), MESSAGES);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, devices) = runtime.block_on(scene(&said));
    let reader = Person::new();
    let login = [
        "login",
        &server.address().to_string(),
        "--name",
        "person0",
        "--pin",
        &server.server.pins()[0].to_string(),
        "--password-stdin",
    ];
    reader.pipe(&format!("{PASSWORD}\n"), &login).done();
    let mut next = 1;
    while next <= MESSAGES as u64 {
        let (from, count) = (next.to_string(), RANGE.to_string());
        let range = ["tail", "square", "--from", &from, "-n", &count, "--json"];
        let mut command = reader.command(&range);
        let output = command.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success());
        let printed = String::from_utf8(output.stdout).unwrap();
        let due = RANGE.min(MESSAGES as u64 + 1 - next);
        assert_eq!(printed.lines().count() as u64, due, "from {from}");
        for line in printed.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let (who, text) = &said[next as usize - 1];
            assert_eq!(line["seq"], next);
            assert_eq!(line["text"], text.as_str(), "seq {next}");
            assert_eq!(
                line["author_id"],
                devices[*who].user().to_string(),
                "seq {next}"
            );
            next += 1;
        }
    }
    runtime.block_on(async { drop((devices, server)) });
}

/// A server on which all of it was said.
async fn scene(said: &[(usize, String)]) -> (TestServer, Vec<Device>) {
    let server = TestServer::with(|config| {
        config.server.registration = Registration::Open;
        config.limits.sends = Rate::new(1_000_000, 1_000_000);
        config.limits.reads = Rate::new(1_000_000, 1_000_000);
    })
    .await;
    let mut devices = Vec::new();
    for number in 0..PEOPLE {
        let name = format!("person{number}");
        let person = match number {
            0 => server.owner(&name).await,
            _ => server.register(&name, "").await,
        };
        devices.push(Device::new(
            server.connect(person.by_token()).await.unwrap(),
        ));
    }
    let made = ask::create_room(RoomKind::PUBLIC, "square");
    let room: RoomDone = devices[0].ask(&made).await;
    for device in &devices[1..] {
        devices[0].done(&ask::add(room.room, device.user())).await;
    }
    say(&devices, room.room, said).await;
    (server, devices)
}
