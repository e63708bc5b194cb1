#![allow(clippy::unwrap_used)]

use std::os::unix::fs::MetadataExt;

use super::*;

struct Folder {
    place: tempfile::TempDir,
    paths: Paths,
}

impl Folder {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let paths = Paths::of(place.path());
        Self { place, paths }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn packed() -> (Self, PathBuf) {
        let folder = Self::new();
        fs::write(folder.paths.key(), "the key").unwrap();
        fs::write(folder.paths.next_key(), "the next key").unwrap();
        fs::write(folder.file("copy"), vec![7; 300_000]).unwrap();
        let to = folder.file("backup.tar");
        let bytes = pack(&folder.paths, &folder.file("copy"), &to).unwrap();
        assert_eq!(bytes, fs::metadata(&to).unwrap().len());
        (folder, to)
    }
}

#[test]
fn what_was_packed_is_unpacked_with_its_keys() {
    let (_from, backup) = Folder::packed();
    assert_eq!(fs::metadata(&backup).unwrap().mode() & 0o777, 0o600);
    let to = Folder::new();
    let unpacked = unpack(&backup, to.place.path()).unwrap();
    assert_eq!(fs::read(unpacked.database()).unwrap(), vec![7; 300_000]);
    unpacked.put_keys(&to.paths).unwrap();
    assert_eq!(fs::read(to.paths.key()).unwrap(), b"the key");
    assert_eq!(fs::read(to.paths.next_key()).unwrap(), b"the next key");
    drop(unpacked);
    assert_eq!(fs::read_dir(to.place.path()).unwrap().count(), 2);
}

#[test]
fn a_key_that_was_there_is_kept() {
    let (_from, backup) = Folder::packed();
    let to = Folder::new();
    fs::write(to.paths.key(), "another").unwrap();
    unpack(&backup, to.place.path())
        .unwrap()
        .put_keys(&to.paths)
        .unwrap();
    assert_eq!(fs::read(to.file("key.pem.replaced")).unwrap(), b"another");
    assert_eq!(fs::read(to.paths.key()).unwrap(), b"the key");
}

#[test]
fn a_backup_never_overwrites() {
    let (from, backup) = Folder::packed();
    let error = pack(&from.paths, &from.file("copy"), &backup).unwrap_err();
    assert!(matches!(error, ArchiveError::Exists(_)));
    assert!(backup.exists());
}

#[test]
fn a_backup_that_fails_leaves_nothing() {
    let folder = Folder::new();
    let to = folder.file("backup.tar");
    assert!(pack(&folder.paths, &folder.file("absent"), &to).is_err());
    assert!(!to.exists());
}

#[test]
fn half_a_backup_and_other_files_are_refused() {
    let (_from, backup) = Folder::packed();
    let whole = fs::read(&backup).unwrap();
    let to = Folder::new();
    for bytes in [
        &whole[..whole.len() / 2],
        &whole[..1000],
        b"something else",
        b"",
    ] {
        let path = to.file("given");
        fs::write(&path, bytes).unwrap();
        let error = unpack(&path, to.place.path()).unwrap_err().to_string();
        assert!(error.contains("given"), "{error}");
        fs::remove_file(path).unwrap();
        assert_eq!(fs::read_dir(to.place.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_newer_backup_is_refused() {
    let folder = Folder::new();
    let path = folder.file("newer.tar");
    let mut archive = tar::Builder::new(File::create(&path).unwrap());
    append(&mut archive, FORMAT_NAME, b"2\n").unwrap();
    archive.into_inner().unwrap();
    let error = unpack(&path, folder.place.path()).unwrap_err();
    assert!(matches!(error, ArchiveError::Newer { found: 2, .. }));
}

#[test]
fn names_in_an_archive_reach_no_other_place() {
    let folder = Folder::new();
    let path = folder.file("evil.tar");
    let mut archive = tar::Builder::new(File::create(&path).unwrap());
    let mut header = tar::Header::new_gnu();
    let name = b"../../evil";
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_size(4);
    header.set_cksum();
    archive.append(&header, &b"evil"[..]).unwrap();
    archive.into_inner().unwrap();
    let error = unpack(&path, folder.place.path()).unwrap_err();
    assert!(matches!(error, ArchiveError::Foreign(_)));
}
