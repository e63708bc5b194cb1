//! What happens to files: damage, newer programs, several processes, a full disk.

use std::fs;

use super::*;
use crate::log::SeqRange;

#[tokio::test]
async fn a_damaged_content_file_is_made_anew_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content.db");
    let (content, opened) = Content::open(&path).await.unwrap();
    assert_eq!(opened, Opened::AsItWas);
    content.put_rooms(&[room(ROOM, 1)]).await.unwrap();
    content.close().await;
    fs::write(&path, vec![0x5a; 8_192]).unwrap();
    let (content, opened) = Content::open(&path).await.unwrap();
    assert!(matches!(opened, Opened::MadeAnew(_)), "{opened:?}");
    assert!(content.rooms().await.unwrap().is_empty());
    content.put_rooms(&[room(ROOM, 1)]).await.unwrap();
}

#[tokio::test]
async fn damage_found_while_in_use_can_be_mended_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content.db");
    let (content, _) = Content::open(&path).await.unwrap();
    let clone = content.clone();
    content.make_anew().await.unwrap();
    clone.put_rooms(&[room(ROOM, 1)]).await.unwrap();
    assert_eq!(content.rooms().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_outbox_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    fs::write(&path, vec![0x5a; 8_192]).unwrap();
    let error = Outbox::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), vec![0x5a; 8_192]);
}

#[tokio::test]
async fn files_of_a_newer_program_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let outbox = Outbox::open(&path).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'later', 1, x'00', 0)",
    )
    .execute(outbox.writer())
    .await
    .unwrap();
    outbox.close().await;
    let error = Outbox::open(&path).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 999, .. }),
        "{error}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let _outbox = Outbox::open(&path).await.unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn two_processes_share_one_outbox_and_see_each_others_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let (one, other) = tokio::join!(Outbox::open(&path), Outbox::open(&path));
    let (one, other) = (one.unwrap(), other.unwrap());
    let before = other.version().await.unwrap();
    let key = SendKey::new();
    one.add(ME, ROOM, key, "hello", 1).await.unwrap();
    assert_ne!(other.version().await.unwrap(), before);
    assert_eq!(other.rows(ME).await.unwrap()[0].key, key);
    assert_eq!(
        other.version().await.unwrap(),
        other.version().await.unwrap()
    );
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_what_is_unsent_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let outbox = Outbox::open(&path).await.unwrap();
    outbox
        .add(ME, ROOM, SendKey::new(), "kept", 1)
        .await
        .unwrap();
    // SQLite answers as on a full disk when a database would pass its bound.
    sqlx::query("PRAGMA max_page_count = 20")
        .execute(outbox.writer())
        .await
        .unwrap();
    let long = "x".repeat(200_000);
    let error = outbox
        .add(ME, ROOM, SendKey::new(), &long, 2)
        .await
        .unwrap_err();
    assert_eq!(error, StoreError::Full);
    let texts: Vec<String> = outbox
        .rows(ME)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.text)
        .collect();
    assert_eq!(texts, ["kept"]);
}

#[tokio::test]
async fn a_page_written_by_one_process_is_read_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content.db");
    let (one, _) = Content::open(&path).await.unwrap();
    let (other, _) = Content::open(&path).await.unwrap();
    one.put_rooms(&[room(ROOM, 1)]).await.unwrap();
    let all = SeqRange::one(1);
    one.put_page(ROOM, all, 5, &[message(1, 5, "hi")])
        .await
        .unwrap();
    assert_eq!(other.messages(ROOM, all).await.unwrap()[0].text, "hi");
    let older = other
        .put_page(ROOM, SeqRange::one(2), 3, &[message(2, 3, "late")])
        .await
        .unwrap();
    assert_eq!(older, PagePut::Older { held: 5 });
}
