use super::*;

async fn three(outbox: &Outbox) -> Vec<SendKey> {
    let mut keys = Vec::new();
    for text in ["one", "two", "three"] {
        let key = SendKey::new();
        outbox.add(ME, ROOM, key, text, 5).await.unwrap();
        keys.push(key);
    }
    keys
}

async fn texts(outbox: &Outbox) -> Vec<String> {
    outbox
        .rows(ME)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.text)
        .collect()
}

#[tokio::test]
async fn messages_stay_in_the_order_written_until_they_are_acknowledged() {
    let outbox = Outbox::in_memory().await.unwrap();
    let keys = three(&outbox).await;
    let done = Acknowledged {
        key: keys[0],
        room: ROOM,
        seq: 9,
        at_ms: 77,
    };
    outbox.acknowledge(done, 100, None).await.unwrap();
    assert_eq!(texts(&outbox).await, ["two", "three"]);
    assert_eq!(outbox.acknowledged(keys[0]).await.unwrap(), Some(done));
    assert_eq!(outbox.acknowledged(keys[1]).await.unwrap(), None);
}

#[tokio::test]
async fn a_failed_one_that_is_tried_again_goes_last() {
    let outbox = Outbox::in_memory().await.unwrap();
    let keys = three(&outbox).await;
    let failure = Failure {
        code: 41,
        text: "no".to_owned(),
    };
    outbox.set_failed(keys[0], Some(&failure)).await.unwrap();
    assert_eq!(outbox.rows(ME).await.unwrap()[0].failed, Some(failure));
    let again = outbox.retry(keys[0], keys[0]).await.unwrap().unwrap();
    assert_eq!(again.failed, None);
    assert_eq!(texts(&outbox).await, ["two", "three", "one"]);
    assert_eq!(
        outbox.retry(keys[1], keys[1]).await.unwrap(),
        None,
        "it has not failed"
    );
}

#[tokio::test]
async fn only_what_was_never_sent_gets_another_key() {
    let outbox = Outbox::in_memory().await.unwrap();
    let keys = three(&outbox).await;
    assert!(
        outbox
            .begin_sending(ROOM, 1, &keys[..1], 50, 60)
            .await
            .unwrap()
    );
    assert!(!outbox.renew(keys[0], SendKey::new()).await.unwrap());
    let other = SendKey::new();
    assert!(outbox.renew(keys[1], other).await.unwrap());
    assert_eq!(outbox.rows(ME).await.unwrap()[1].key, other);
}

#[tokio::test]
async fn a_room_is_leased_to_one_process_at_a_time() {
    let outbox = Outbox::in_memory().await.unwrap();
    assert!(
        outbox
            .begin_sending(ROOM, 1, &[], 1_000, 2_000)
            .await
            .unwrap()
    );
    assert!(
        !outbox
            .begin_sending(ROOM, u64::MAX, &[], 1_500, 2_500)
            .await
            .unwrap()
    );
    assert!(
        outbox
            .begin_sending(ROOM, 1, &[], 1_500, 3_000)
            .await
            .unwrap(),
        "its holder renews it"
    );
    assert!(
        outbox
            .begin_sending(ROOM, u64::MAX, &[], 3_000, 4_000)
            .await
            .unwrap(),
        "it has run out"
    );
    outbox.release(&[ROOM], 1).await.unwrap();
    assert!(
        !outbox
            .begin_sending(ROOM, 1, &[], 3_500, 4_500)
            .await
            .unwrap(),
        "only its holder gives it back"
    );
    outbox.release(&[ROOM], u64::MAX).await.unwrap();
    assert!(
        outbox
            .begin_sending(ROOM, 1, &[], 3_500, 4_500)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn what_another_person_left_unsent_is_not_theirs_to_send() {
    let outbox = Outbox::in_memory().await.unwrap();
    three(&outbox).await;
    let other = UserId([9; 16]);
    assert!(outbox.rows(other).await.unwrap().is_empty());
    assert_eq!(outbox.authors().await.unwrap(), [(ME, 3)]);
}

#[tokio::test]
async fn drafts_and_choices_are_kept_and_an_empty_draft_is_none() {
    let outbox = Outbox::in_memory().await.unwrap();
    outbox.put_draft(ROOM, "half a thou", 1).await.unwrap();
    outbox.put_draft(ROOM, "half a thought", 2).await.unwrap();
    assert_eq!(
        outbox.drafts().await.unwrap(),
        [(ROOM, "half a thought".to_owned())]
    );
    outbox.put_draft(ROOM, "", 3).await.unwrap();
    assert!(outbox.drafts().await.unwrap().is_empty());
    outbox.set_muted(ROOM, true).await.unwrap();
    assert_eq!(outbox.muted().await.unwrap(), [ROOM]);
    outbox.set_muted(ROOM, false).await.unwrap();
    assert!(outbox.muted().await.unwrap().is_empty());
}
