//! Reading: what is on screen, what is far away, long texts, scripts.

use parlor_testkit::server::TestServer;

use crate::face::{Face, offline, shown};

async fn with_messages(
    server: &TestServer,
    count: usize,
) -> (Face, parlor_client_core::api::RoomId) {
    let mut ada = Face::owner(server, "ada").await;
    let general = ada.room("general").await;
    let mut last = None;
    for number in 1..=count {
        last = Some(
            ada.core
                .post(general, &format!("message {number}"))
                .await
                .unwrap(),
        );
    }
    ada.core.wait_sent(last.unwrap()).await.unwrap();
    (ada, general)
}

fn numbered(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| format!("message {number}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_to_the_start_of_a_long_room_loads_what_lies_there() {
    let server = TestServer::start().await;
    let (ada, general) = with_messages(&server, 400).await;
    let mut bob = ada.invite(&server.owner_link(), "bob").await;
    bob.room("general").await;
    let timeline = bob.timeline(general);
    bob.until("the end", |_| {
        (shown(&timeline) == numbered(351..=400)).then_some(())
    })
    .await;
    timeline.jump_to_start();
    bob.until("the start", |_| {
        (shown(&timeline) == numbered(1..=50)).then_some(())
    })
    .await;
    // What was loaded is there without the network.
    let bob = bob.again(offline()).await;
    let mut bob = bob;
    let timeline = bob.timeline(general);
    timeline.jump_to_start();
    bob.until("the start again", |_| {
        (shown(&timeline) == numbered(1..=50)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_before_the_room_has_answered_is_not_undone_by_its_answer() {
    let server = TestServer::start().await;
    let (ada, general) = with_messages(&server, 400).await;
    let mut bob = ada.invite(&server.owner_link(), "bob").await;
    bob.room("general").await;
    let timeline = bob.timeline(general);
    timeline.jump_to_start();
    bob.until("the start", |_| {
        (shown(&timeline) == numbered(1..=50)).then_some(())
    })
    .await;
    // The room is open by now, since the pages wait for that, and nothing moved.
    ada.say(general, "message 401").await;
    bob.until("a new one below", |_| {
        (timeline.screen(|_, _| 1).new_below > 0).then_some(())
    })
    .await;
    assert_eq!(shown(&timeline), numbered(1..=50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_reads_all_or_the_newest_and_follows() {
    let server = TestServer::start().await;
    let (ada, general) = with_messages(&server, 250).await;
    assert_eq!(ada.texts(general).await, numbered(1..=250));
    let mut newest = ada.core.read(general, None, Some(3), false);
    for number in 248..=250 {
        assert_eq!(
            newest.next().await.unwrap().unwrap().text.to_string(),
            format!("message {number}")
        );
    }
    assert!(newest.next().await.unwrap().is_none());
    let mut follow = ada.core.read(general, Some(250), None, true);
    assert_eq!(&*follow.next().await.unwrap().unwrap().text, "message 250");
    ada.say(general, "message 251").await;
    assert_eq!(&*follow.next().await.unwrap().unwrap().text, "message 251");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text_goes_whole_and_comes_whole() {
    let server = TestServer::start().await;
    let (ada, general) = with_messages(&server, 1).await;
    let long = "a line of a long log\n".repeat(20_000);
    let key = ada.core.post(general, &long).await.unwrap();
    let behind = ada.core.post(general, "behind it").await.unwrap();
    ada.core.wait_sent(key).await.unwrap();
    ada.core.wait_sent(behind).await.unwrap();
    let mut bob = ada.invite(&server.owner_link(), "bob").await;
    bob.room("general").await;
    let timeline = bob.timeline(general);
    bob.until("the preview", |_| {
        timeline
            .message(2)?
            .more_bytes
            .filter(|bytes| *bytes as usize == long.len())
    })
    .await;
    bob.core.load_text(general, 2).await.unwrap();
    bob.until("the whole", |_| {
        (*timeline.message(2)?.text == *long).then_some(())
    })
    .await;
    assert_eq!(
        bob.texts(general).await,
        ["message 1".to_owned(), long, "behind it".to_owned()]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instant_is_found_by_halving() {
    let server = TestServer::start().await;
    let (ada, general) = with_messages(&server, 40).await;
    let all = ada.read_all(general).await;
    let at = all[20].at_ms;
    let first = all.iter().position(|message| message.at_ms >= at).unwrap() as u64 + 1;
    assert_eq!(ada.core.seq_at(general, at).await.unwrap(), Some(first));
    assert_eq!(ada.core.seq_at(general, 0).await.unwrap(), Some(1));
    assert_eq!(ada.core.seq_at(general, u64::MAX).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_screen_needs_no_network() {
    let server = TestServer::start().await;
    let (mut ada, general) = with_messages(&server, 5).await;
    let timeline = ada.timeline(general);
    ada.until("all five", |_| {
        (shown(&timeline) == numbered(1..=5)).then_some(())
    })
    .await;
    ada.core.set_draft(general, "half a thought");
    drop(timeline);
    let mut ada = ada.again(offline()).await;
    assert_eq!(ada.core.draft(general), "half a thought");
    let timeline = ada.timeline(general);
    ada.until("all five", |_| {
        (shown(&timeline) == numbered(1..=5)).then_some(())
    })
    .await;
    assert_eq!(ada.core.room(general).unwrap().title, "general");
}
