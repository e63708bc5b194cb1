//! A backup's file: a tar archive of the database and of the keys that clients know.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::data::{Paths, sync_folder, write_private};

/// Names in the archive. The format's number comes first, so that an older program can say no.
const FORMAT_NAME: &str = "parlor-backup";
const FORMAT: u32 = 1;
const DATABASE: &str = "parlor.db";
/// Keys: all of them are a few hundred bytes.
const KEYS: [&str; 2] = ["key.pem", "key-next.pem"];
const KEY_BYTES: u64 = 64 * 1024;
/// Entries of an archive; ours has five.
const ENTRIES: usize = 64;

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{} exists already; name a new file", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {error}", path.display())]
    Unwritable { path: PathBuf, error: io::Error },
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} is no backup of a Parlor server, or only part of one", .0.display())]
    Foreign(PathBuf),
    #[error("{} was written by a newer parlor-server (format {found}, this program reads {FORMAT}); use the newer program", path.display())]
    Newer { path: PathBuf, found: u32 },
}

/// Packs a copy of the database and the keys of the folder into a new file, readable by its owner
/// only. Gives its size, bytes.
pub fn pack(paths: &Paths, database: &Path, to: &Path) -> Result<u64, ArchiveError> {
    let unwritable = |error| ArchiveError::Unwritable {
        path: to.to_owned(),
        error,
    };
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(ArchiveError::Exists(to.to_owned()));
        }
        Err(error) => return Err(unwritable(error)),
    };
    let packed = fill(file, paths, database).and_then(|bytes| sync_folder(to).map(|()| bytes));
    packed.map_err(|error| {
        // Half a backup is worse than none.
        let _ = fs::remove_file(to);
        unwritable(error)
    })
}

fn fill(file: File, paths: &Paths, database: &Path) -> io::Result<u64> {
    let mut archive = tar::Builder::new(file);
    append(&mut archive, FORMAT_NAME, format!("{FORMAT}\n").as_bytes())?;
    for (name, path) in KEYS.iter().zip([paths.key(), paths.next_key()]) {
        match fs::read(path) {
            Ok(key) => append(&mut archive, name, &key)?,
            // An installation with a certificate by a CA may have none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    archive.append_file(DATABASE, &mut File::open(database)?)?;
    let file = archive.into_inner()?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn append(archive: &mut tar::Builder<File>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, name, bytes)
}

/// What was in a backup; the unpacked database is removed when this is dropped.
#[derive(Debug)]
pub struct Unpacked {
    database: PathBuf,
    keys: Vec<(&'static str, Vec<u8>)>,
}

/// Unpacks into the folder, beside what is there: nothing of it is touched.
pub fn unpack(from: &Path, folder: &Path) -> Result<Unpacked, ArchiveError> {
    let unreadable = |error| ArchiveError::Unreadable {
        path: from.to_owned(),
        error,
    };
    let foreign = || ArchiveError::Foreign(from.to_owned());
    let file = File::open(from).map_err(unreadable)?;
    let mut unpacked = Unpacked {
        database: folder.join(format!("restore-{}.part", std::process::id())),
        keys: Vec::new(),
    };
    let (mut format, mut whole) = (None, false);
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().map_err(unreadable)?.take(ENTRIES) {
        let mut entry = entry.map_err(|_| foreign())?;
        // Only names we know are looked at: no path of the archive reaches the disk.
        let name = entry.path_bytes().into_owned();
        let key = KEYS.into_iter().find(|key| key.as_bytes() == name);
        if name == FORMAT_NAME.as_bytes() {
            let found = number(&mut entry).ok_or_else(foreign)?;
            if found > FORMAT {
                let path = from.to_owned();
                return Err(ArchiveError::Newer { path, found });
            }
            format = Some(found);
        } else if let Some(key) = key {
            let bytes = small(&mut entry).map_err(|_| foreign())?;
            unpacked.keys.push((key, bytes));
        } else if name == DATABASE.as_bytes() {
            let size = entry.header().size().map_err(|_| foreign())?;
            let copied = unpacked.take(&mut entry).map_err(unreadable)?;
            whole = copied == size;
        }
    }
    match (format, whole) {
        (Some(_), true) => Ok(unpacked),
        _ => Err(foreign()),
    }
}

fn number(entry: &mut impl Read) -> Option<u32> {
    let bytes = small(entry).ok()?;
    std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
}

fn small(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(KEY_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Unpacked {
    /// The database, complete, under a name of its own.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// Puts the keys in place, so that clients know the installation by its pin. A key that is there
    /// and is another one is kept beside it, with `.replaced` at the end of its name.
    pub fn put_keys(&self, paths: &Paths) -> Result<(), ArchiveError> {
        for (name, bytes) in &self.keys {
            let path = paths.folder().join(name);
            let unwritable = |error| ArchiveError::Unwritable {
                path: path.clone(),
                error,
            };
            if fs::read(&path).is_ok_and(|there| there != *bytes) {
                fs::rename(&path, path.with_extension("pem.replaced")).map_err(unwritable)?;
            }
            write_private(&path, bytes).map_err(unwritable)?;
        }
        Ok(())
    }

    fn take(&self, entry: &mut impl Read) -> io::Result<u64> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.database)?;
        let copied = io::copy(entry, &mut file)?;
        file.sync_all()?;
        Ok(copied)
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // Moved into place by then, or of no use any more.
        let _ = fs::remove_file(&self.database);
    }
}

#[cfg(test)]
mod tests;
