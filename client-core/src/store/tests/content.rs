use parlor_protocol::Epoch;

use super::*;
use crate::log::SeqRange;

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange::new(first, last).unwrap()
}

fn messages(first: u64, last: u64, rev: u64) -> Vec<MessageRow> {
    (first..=last)
        .map(|seq| message(seq, rev, &format!("message {seq}")))
        .collect()
}

async fn with_room(head: u64) -> Content {
    let content = Content::in_memory().await.unwrap();
    content.put_rooms(&[room(ROOM, head)]).await.unwrap();
    content
}

async fn seqs(content: &Content) -> Vec<u64> {
    let rows = content.messages(ROOM, range(0, 10_000)).await.unwrap();
    rows.iter().map(|row| row.seq).collect()
}

#[tokio::test]
async fn a_page_and_what_follows_it_are_one_range() {
    let content = with_room(20).await;
    let put = content
        .put_page(ROOM, range(11, 20), 20, &messages(11, 20, 20))
        .await
        .unwrap();
    assert_eq!(put, PagePut::Kept);
    let write = RoomWrite {
        through: 22,
        messages: messages(21, 22, 22),
        mention: 22,
        ..RoomWrite::default()
    };
    assert!(content.apply(ROOM, &write).await.unwrap());
    let held: Vec<SeqRange> = content.ranges(ROOM).await.unwrap().iter().collect();
    assert_eq!(held, [range(11, 22)]);
    let row = &content.rooms().await.unwrap()[0];
    assert_eq!(
        (row.held, row.head, row.mention, row.active_at_ms),
        (Some(22), 22, 22, 22_000)
    );
}

async fn held(content: &Content) -> Vec<SeqRange> {
    content.ranges(ROOM).await.unwrap().iter().collect()
}

fn batch(first: u64, last: u64) -> RoomWrite {
    RoomWrite {
        through: last,
        messages: messages(first, last, last),
        ..RoomWrite::default()
    }
}

#[tokio::test]
async fn a_message_of_ones_own_is_kept_where_it_follows_what_is_held() {
    let content = with_room(3).await;
    content
        .put_page(ROOM, range(1, 3), 3, &messages(1, 3, 3))
        .await
        .unwrap();
    let own = message(4, 4, "own");
    assert!(content.keep_own(ROOM, &own).await.unwrap());
    assert_eq!(held(&content).await, [range(1, 4)]);
    assert_eq!(content.rooms().await.unwrap()[0].held, Some(3));
    // Its entry comes and changes nothing.
    assert!(content.apply(ROOM, &batch(4, 4)).await.unwrap());
    assert_eq!(held(&content).await, [range(1, 4)]);
}

#[tokio::test]
async fn a_message_of_ones_own_behind_those_of_others_is_left_to_its_batch() {
    let content = with_room(3).await;
    content
        .put_page(ROOM, range(1, 3), 3, &messages(1, 3, 3))
        .await
        .unwrap();
    let own = message(6, 6, "own");
    assert!(!content.keep_own(ROOM, &own).await.unwrap());
    assert_eq!(held(&content).await, [range(1, 3)]);
    assert!(content.apply(ROOM, &batch(4, 6)).await.unwrap());
    assert_eq!(held(&content).await, [range(1, 6)]);
    assert_eq!(seqs(&content).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn batches_close_the_hole_below_a_page_that_ran_ahead() {
    let content = with_room(3).await;
    content
        .put_page(ROOM, range(1, 3), 3, &messages(1, 3, 3))
        .await
        .unwrap();
    content
        .put_page(ROOM, range(7, 8), 8, &messages(7, 8, 8))
        .await
        .unwrap();
    assert!(content.apply(ROOM, &batch(4, 6)).await.unwrap());
    assert_eq!(held(&content).await, [range(1, 8)]);
    assert_eq!(seqs(&content).await.len(), 8);
}

#[tokio::test]
async fn a_page_older_than_what_is_held_is_refused() {
    let content = with_room(5).await;
    content
        .put_page(ROOM, range(4, 5), 9, &messages(4, 5, 9))
        .await
        .unwrap();
    let put = content
        .put_page(ROOM, range(1, 3), 8, &messages(1, 3, 8))
        .await
        .unwrap();
    assert_eq!(put, PagePut::Older { held: 9 });
    assert_eq!(seqs(&content).await, [4, 5]);
}

#[tokio::test]
async fn an_edit_of_what_is_not_held_changes_nothing_and_an_older_state_never_wins() {
    let content = with_room(5).await;
    content
        .put_page(ROOM, range(4, 5), 9, &messages(4, 5, 9))
        .await
        .unwrap();
    let edits = vec![message(2, 10, "not held"), message(4, 11, "newer")];
    content
        .apply(
            ROOM,
            &RoomWrite {
                through: 11,
                messages: edits,
                ..RoomWrite::default()
            },
        )
        .await
        .unwrap();
    let late = vec![message(4, 10, "older")];
    content
        .apply(
            ROOM,
            &RoomWrite {
                through: 10,
                messages: late,
                ..RoomWrite::default()
            },
        )
        .await
        .unwrap();
    let rows = content.messages(ROOM, range(1, 5)).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| &row.text[..]).collect::<Vec<_>>(),
        ["newer", "message 5"]
    );
    assert_eq!(content.rooms().await.unwrap()[0].held, Some(11));
}

#[tokio::test]
async fn a_reset_drops_messages_and_keeps_the_room() {
    let content = with_room(5).await;
    content
        .put_page(ROOM, range(1, 5), 5, &messages(1, 5, 5))
        .await
        .unwrap();
    content.reset(ROOM, 90).await.unwrap();
    assert_eq!(seqs(&content).await, [0u64; 0]);
    assert_eq!(content.rooms().await.unwrap()[0].held, Some(90));
}

#[tokio::test]
async fn a_room_that_is_gone_takes_its_content_with_it() {
    let content = with_room(5).await;
    content
        .put_page(ROOM, range(1, 5), 5, &messages(1, 5, 5))
        .await
        .unwrap();
    content.remove_rooms(&[ROOM]).await.unwrap();
    assert!(content.rooms().await.unwrap().is_empty());
    assert!(seqs(&content).await.is_empty());
    assert!(!content.apply(ROOM, &RoomWrite::default()).await.unwrap());
    let page = content
        .put_page(ROOM, range(1, 1), 9, &messages(1, 1, 9))
        .await
        .unwrap();
    assert_eq!(page, PagePut::NoRoom);
}

#[tokio::test]
async fn markers_and_heads_only_grow() {
    let content = with_room(5).await;
    content.put_marker(ROOM, 4, 0).await.unwrap();
    content.put_marker(ROOM, 2, 7).await.unwrap();
    let old = RoomRow {
        name: "old name".to_owned(),
        ..room(ROOM, 3)
    };
    content.put_rooms(&[old]).await.unwrap();
    let row = content.rooms().await.unwrap().remove(0);
    assert_eq!(
        (row.read, row.unread_gone, row.head, &row.name[..]),
        (4, 0, 5, "tea")
    );
    assert_eq!(row.unread(), 1);
}

#[tokio::test]
async fn another_epoch_or_another_person_starts_empty() {
    let content = with_room(5).await;
    assert!(!content.claim(ME, Epoch(7)).await.unwrap());
    content.put_rooms(&[room(ROOM, 5)]).await.unwrap();
    content.set_user_rev(Some(3)).await.unwrap();
    assert!(!content.claim(ME, Epoch(7)).await.unwrap());
    assert_eq!(content.meta().await.unwrap().user_rev, Some(3));
    assert!(content.claim(ME, Epoch(8)).await.unwrap());
    assert!(content.rooms().await.unwrap().is_empty());
    assert_eq!(
        content.meta().await.unwrap(),
        Meta {
            user: Some(ME),
            epoch: Some(Epoch(8)),
            user_rev: None
        }
    );
}

#[tokio::test]
async fn retention_forgets_below_the_floor() {
    let content = with_room(5).await;
    content
        .put_page(ROOM, range(1, 5), 5, &messages(1, 5, 5))
        .await
        .unwrap();
    content.forget_below(ROOM, 4).await.unwrap();
    assert_eq!(seqs(&content).await, [4, 5]);
    assert_eq!(
        content
            .ranges(ROOM)
            .await
            .unwrap()
            .iter()
            .collect::<Vec<_>>(),
        [range(4, 5)]
    );
}

#[tokio::test]
async fn a_long_text_is_kept_until_its_room_goes() {
    let content = with_room(1).await;
    let hash = [7; 32];
    let mut long = message(1, 1, "preview");
    long.long = Some(parlor_protocol::message::LongText {
        bytes: 40_000,
        hash,
    });
    content
        .put_page(ROOM, range(1, 1), 1, &[long.clone()])
        .await
        .unwrap();
    content.put_text(&hash, "whole").await.unwrap();
    assert_eq!(content.text(&hash).await.unwrap().as_deref(), Some("whole"));
    assert_eq!(content.messages(ROOM, range(1, 1)).await.unwrap(), [long]);
    content.remove_rooms(&[ROOM]).await.unwrap();
    assert_eq!(content.text(&hash).await.unwrap(), None);
}
