#![allow(clippy::unwrap_used)]

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_new_folder_is_readable_by_its_owner_only() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a/b");
    let data = DataFolder::create(&folder).unwrap();
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&data.paths().version()), 0o600);
    assert_eq!(mode(&data.paths().lock()), 0o600);
}

#[test]
fn a_folder_open_to_others_is_closed() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    DataFolder::create(place.path()).unwrap();
    assert_eq!(mode(place.path()), 0o700);
}

#[test]
fn a_second_server_on_the_folder_is_told_who_has_it() {
    let place = tempfile::tempdir().unwrap();
    let first = DataFolder::create(place.path()).unwrap();
    assert!(is_in_use(place.path()));
    let error = DataFolder::create(place.path()).unwrap_err().to_string();
    let expected = format!(
        "the data folder {} is in use by another parlor-server (process {}); stop that one, or give another folder with --data",
        place.path().display(),
        std::process::id()
    );
    assert_eq!(error, expected);
    drop(first);
    assert!(!is_in_use(place.path()));
    DataFolder::open(place.path()).unwrap();
}

#[test]
fn data_of_a_newer_program_is_refused_untouched() {
    let place = tempfile::tempdir().unwrap();
    drop(DataFolder::create(place.path()).unwrap());
    let version = Paths::of(place.path()).version();
    fs::write(&version, "7\n").unwrap();
    let error = DataFolder::create(place.path()).unwrap_err();
    assert!(matches!(error, DataError::Newer { found: 7, .. }));
    assert!(error.to_string().contains("use the newer program"));
    assert_eq!(fs::read_to_string(&version).unwrap(), "7\n");
}

#[test]
fn a_folder_of_other_things_is_not_taken() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("thesis.tex"), "").unwrap();
    let error = DataFolder::create(place.path()).unwrap_err();
    assert!(matches!(error, DataError::Foreign { .. }));
    assert!(!Paths::of(place.path()).lock().exists());
}

#[test]
fn a_start_that_was_cut_off_does_not_stop_the_next() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("lock"), "").unwrap();
    drop(DataFolder::create(place.path()).unwrap());
    fs::write(place.path().join("backup-7.part"), "half").unwrap();
    DataFolder::create(place.path()).unwrap();
    assert!(!place.path().join("backup-7.part").exists());
    let path = place.path().join("secret");
    fs::write(path.with_extension("new"), "half").unwrap();
    write_private(&path, b"whole").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn opening_makes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("absent");
    let error = DataFolder::open(&folder).unwrap_err();
    assert!(matches!(error, DataError::Absent { .. }));
    assert!(!folder.exists());
}

#[test]
fn a_folder_in_place_of_which_a_file_stands_is_a_clear_error() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    fs::write(&path, "").unwrap();
    let error = DataFolder::create(&path).unwrap_err().to_string();
    assert!(error.contains("give another one with --data"), "{error}");
}
