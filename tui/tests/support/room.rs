//! A profile with one large room in its store, of a server that is away.

use parlor_client_core::account::Account;
use parlor_client_core::api::{JoinLink, Pin, RoomId, SendKey, SessionId, Trust, UserId};
use parlor_client_core::log::SeqRange;
use parlor_client_core::secret::SessionFile;
use parlor_client_core::store::{Content, MessageRow, PersonRow, RoomRow};
use parlor_protocol::Epoch;
use parlor_protocol::hello::Token;
use parlor_protocol::room::{Role, RoomKind};

use super::Person;

/// Messages written in one transaction.
const PAGE: u64 = 5_000;
/// 1 January 2026; then a message a minute.
const FIRST_AT_MS: u64 = 1_767_225_600_000;
const MINUTE_MS: u64 = 60_000;

/// Message n says "mN" and some words after it.
pub(crate) fn fill(person: &Person, messages: u64) {
    let data = person.home().join(".local/share/parlor/default");
    let state = person.home().join(".local/state/parlor/default");
    for folder in [&data, &state] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let me = account();
    me.write(&data.join("account.json")).unwrap();
    let session = SessionFile::new(state.join("session"));
    session.begin(&Token([1; 32])).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (content, _) = Content::open(&data.join("content.db")).await.unwrap();
        content.claim(me.user, Epoch(1)).await.unwrap();
        let room = room(messages);
        content
            .put_rooms(std::slice::from_ref(&room))
            .await
            .unwrap();
        content.put_people(&people(), FIRST_AT_MS).await.unwrap();
        let mut first = 1;
        while first <= messages {
            let last = (first + PAGE - 1).min(messages);
            let rows: Vec<MessageRow> = (first..=last).map(message).collect();
            let range = SeqRange::new(first, last).unwrap();
            content
                .put_page(room.room, range, messages, &rows)
                .await
                .unwrap();
            first = last + 1;
        }
        content.close().await;
    });
}

/// Of somebody whose server does not answer: what is measured is what is stored.
fn account() -> Account {
    let pin = Pin([1; 32]);
    let link: JoinLink = format!("parlor://127.0.0.1:9/j/CODE.{pin}")
        .parse()
        .unwrap();
    Account {
        user: UserId([1; 16]),
        name: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        administrator: false,
        session: SessionId([1; 16]),
        server: link.server,
        nodes: Vec::new(),
        trust: Trust::Pins(vec![pin]),
        installation: "Parlor".to_owned(),
        ended: None,
    }
}

fn room(messages: u64) -> RoomRow {
    RoomRow {
        room: RoomId([2; 16]),
        kind: RoomKind::PUBLIC.0,
        name: "general".to_owned(),
        topic: "Everything".to_owned(),
        direct_with: None,
        role: Role::MEMBER.0,
        members: 5,
        head: messages,
        floor: 1,
        visible_from: 1,
        rev: messages,
        held: None,
        read: messages,
        unread_gone: 0,
        mention: 0,
        active_at_ms: at_ms(messages),
        opened_at_ms: 0,
    }
}

fn people() -> Vec<PersonRow> {
    let person = |number: u8| PersonRow {
        user: UserId([number; 16]),
        name: format!("person{number}"),
        display_name: format!("Person {number}"),
    };
    (1..=5).map(person).collect()
}

fn message(seq: u64) -> MessageRow {
    const WORDS: &str = "the beans have flowers and nobody knows who watered them on **Sunday**, \
                         see https://example.org/beans or ask @person3 about `water`";
    let length = 10 + (seq * 37 % 120) as usize;
    let mut key = [0; 16];
    key[8..].copy_from_slice(&seq.to_be_bytes());
    MessageRow {
        seq,
        rev: seq,
        author: UserId([1 + (seq / 3 % 5) as u8; 16]),
        at_ms: at_ms(seq),
        send_key: SendKey(key),
        state: 0,
        text: format!("m{seq} {}", &WORDS[..length.min(WORDS.len())]),
        long: None,
    }
}

fn at_ms(seq: u64) -> u64 {
    FIRST_AT_MS + seq * MINUTE_MS
}
