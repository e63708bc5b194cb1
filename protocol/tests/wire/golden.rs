//! Frozen bytes: one file per (type, revision), per kind of entry, and one compressed frame.

use std::collections::BTreeSet;

use parlor_protocol::frame::{self, FLAG_ZSTD};
use parlor_protocol::{Body, Kind, sync};

use crate::common::bodies::{one_frame, reopen};
use crate::common::files::{folder, frozen, to_hex};
use crate::common::story;

/// Holds bytes to a golden file; the text of the failure says what it means.
fn hold(name: &str, bytes: &[u8]) -> Result<(), String> {
    let path = folder("golden").join(format!("{name}.hex"));
    let golden = frozen(&path, || bytes.to_vec())?;
    if golden == bytes {
        return Ok(());
    }
    Err(format!(
        "{name}: the bytes differ from {}.\nThe bytes of a (type, revision) are frozen: programs \
         out there read and write them. Take the change back, or give the body a new revision (a \
         new struct with its own REVISION and golden file) and keep reading this one.\n\
         frozen:\n{}\nnow:\n{}",
        path.display(),
        to_hex(&golden),
        to_hex(bytes)
    ))
}

fn report(results: impl Iterator<Item = Result<(), String>>) {
    let failures: Vec<String> = results.filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_type_writes_its_frozen_bytes() {
    report(story::every_frame().iter().map(|told| {
        let name = format!("{}.{}", told.kind.name().unwrap(), told.revision);
        hold(&name, &told.golden())
    }));
}

#[test]
fn every_entry_writes_its_frozen_bytes() {
    report(
        story::every_entry()
            .iter()
            .map(|(name, entry)| hold(&format!("{name}.1"), &entry.body)),
    );
}

#[test]
fn the_story_tells_every_type_once() {
    let told: Vec<Kind> = story::every_frame().iter().map(|told| told.kind).collect();
    let table: Vec<Kind> = Kind::TABLE.iter().map(|row| row.0).collect();
    assert_eq!(told, table);
}

#[test]
fn frozen_frames_are_read_and_written_again() {
    for told in story::every_frame() {
        let frame = one_frame(told.golden());
        let again = reopen(&frame).expect("a known type").unwrap();
        assert_eq!(again, told.golden(), "{:?}", told.kind);
    }
}

#[test]
fn no_frozen_file_is_forgotten() {
    let mut known: BTreeSet<String> = story::every_frame()
        .iter()
        .map(|told| format!("{}.{}.hex", told.kind.name().unwrap(), told.revision))
        .collect();
    known.extend(
        story::every_entry()
            .iter()
            .map(|(name, _)| format!("{name}.1.hex")),
    );
    known.extend(
        story::conditional()
            .iter()
            .map(|(name, _)| format!("{name}.hex")),
    );
    known.insert("ROOM_BATCH.1.zstd.hex".into());
    for file in std::fs::read_dir(folder("golden")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(
            known.contains(&name),
            "{name} is frozen, but no test reads it any more: releases out there still write it"
        );
    }
}

/// Only read: another release of zstd may pack the same batch into other bytes.
#[test]
fn a_frozen_compressed_frame_is_read() {
    let batch = story::large_batch();
    let path = folder("golden").join("ROOM_BATCH.1.zstd.hex");
    let golden = frozen(&path, || frame::encode_compressed(0, &batch).to_vec()).unwrap();
    let frame = one_frame(golden);
    assert_eq!(frame.header.flags & FLAG_ZSTD, FLAG_ZSTD);
    assert_eq!(frame.header.kind, sync::RoomBatch::KIND);
    assert_eq!(frame.open::<sync::RoomBatch>().unwrap(), batch);
}

/// Requests that name what is held, and replies that leave out what is unchanged.
#[test]
fn conditional_reads_write_their_frozen_bytes() {
    report(
        story::conditional()
            .iter()
            .map(|(name, bytes)| hold(name, bytes)),
    );
}
