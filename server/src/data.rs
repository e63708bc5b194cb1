//! The data folder: who may read it, who uses it now, which program's data it holds.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// Layout of the folder that this program writes. Raised when older programs could not use it.
const VERSION: u32 = 1;
/// Where the folder is when nothing says otherwise: `$XDG_DATA_HOME/parlor-server`, or
/// `/var/lib/parlor-server` for root.
pub fn default_folder() -> PathBuf {
    let root = rustix::process::geteuid().is_root();
    if root && std::env::var_os("XDG_DATA_HOME").is_none() {
        return PathBuf::from("/var/lib/parlor-server");
    }
    match etcetera::choose_base_strategy() {
        Ok(strategy) => strategy.data_dir().join("parlor-server"),
        Err(_) => PathBuf::from("parlor-server"),
    }
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("cannot use the data folder {}: {error}; give another one with --data", folder.display())]
    Unusable { folder: PathBuf, error: io::Error },
    #[error(
        "the data folder {} is in use by another parlor-server{}; stop that one, or give another folder with --data",
        folder.display(),
        holder(process)
    )]
    InUse {
        folder: PathBuf,
        process: Option<u32>,
    },
    #[error(
        "the data folder {} was written by a newer parlor-server (layout {found}, this program knows up to {VERSION}); use the newer program",
        folder.display()
    )]
    Newer { folder: PathBuf, found: u32 },
    #[error(
        "the folder {} holds other things than Parlor's data; give an empty or a new folder with --data",
        folder.display()
    )]
    Foreign { folder: PathBuf },
    #[error(
        "there is no data of a server in {}; give its folder with --data, or run `parlor-server serve` to make it",
        folder.display()
    )]
    Absent { folder: PathBuf },
}

fn holder(process: &Option<u32>) -> String {
    process.map_or(String::new(), |id| format!(" (process {id})"))
}

/// The folder, locked for this process as long as this lives.
#[derive(Debug)]
pub struct DataFolder {
    paths: Paths,
    // Closing the file ends the lock, also when the process is killed.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is not there, and takes it.
    pub fn create(folder: &Path) -> Result<Self, DataError> {
        let unusable = |error| DataError::Unusable {
            folder: folder.to_owned(),
            error,
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(unusable)?;
        if !Paths::of(folder).version().exists() && !is_bare(folder).map_err(unusable)? {
            return Err(DataError::Foreign {
                folder: folder.to_owned(),
            });
        }
        Self::take(folder)
    }

    /// Takes a folder that a server has made before.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        if !Paths::of(folder).version().exists() {
            return Err(DataError::Absent {
                folder: folder.to_owned(),
            });
        }
        Self::take(folder)
    }

    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    fn take(folder: &Path) -> Result<Self, DataError> {
        let unusable = |error| DataError::Unusable {
            folder: folder.to_owned(),
            error,
        };
        let paths = Paths::of(folder);
        let lock = lock(&paths)?;
        close_to_others(folder).map_err(unusable)?;
        remove_parts(folder).map_err(unusable)?;
        match read_version(&paths).map_err(unusable)? {
            None => {
                write_private(&paths.version(), format!("{VERSION}\n").as_bytes())
                    .map_err(unusable)?;
            }
            Some(found) if found > VERSION => {
                let folder = folder.to_owned();
                return Err(DataError::Newer { folder, found });
            }
            Some(_) => {}
        }
        Ok(Self { paths, _lock: lock })
    }
}

/// Whether a server or a tool holds the folder now.
pub fn is_in_use(folder: &Path) -> bool {
    matches!(lock(&Paths::of(folder)), Err(DataError::InUse { .. }))
}

fn lock(paths: &Paths) -> Result<File, DataError> {
    let folder = paths.folder.clone();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(paths.lock());
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => return Err(DataError::Unusable { folder, error }),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let process = read_number(&mut file);
            return Err(DataError::InUse { folder, process });
        }
        Err(TryLockError::Error(error)) => return Err(DataError::Unusable { folder, error }),
    }
    // Only for the other one's message: the lock itself is the kernel's.
    let noted = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    match noted {
        Ok(()) => Ok(file),
        Err(error) => Err(DataError::Unusable { folder, error }),
    }
}

fn read_number(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn read_version(paths: &Paths) -> io::Result<Option<u32>> {
    match File::open(paths.version()) {
        Ok(mut file) => read_number(&mut file).map(Some).ok_or_else(|| {
            let text = "its version file does not hold a number";
            io::Error::new(io::ErrorKind::InvalidData, text)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether nothing of anyone's is in the folder.
fn is_bare(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        // A fresh file system has its own; a start that was cut off leaves the lock.
        if !["lost+found", "lock"]
            .iter()
            .any(|name| entry.as_ref().is_ok_and(|it| it.file_name() == *name))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes what a backup or a restore that was cut off has left.
fn remove_parts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "part") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn close_to_others(folder: &Path) -> io::Result<()> {
    let metadata = fs::metadata(folder)?;
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Writes a whole file that only its owner reads: it is there complete or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    // A leftover of a start that was cut off may be in the way.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Makes a rename in the file's folder survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        // A bare name lies in the folder that this process works in.
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Where things are in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    folder: PathBuf,
}

impl Paths {
    pub fn of(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    pub fn version(&self) -> PathBuf {
        self.folder.join("version")
    }

    /// The SQLite database; its log files stand beside it.
    pub fn database(&self) -> PathBuf {
        self.folder.join("parlor.db")
    }

    /// The installation's private key, PEM.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// The key that is next in force, PEM.
    pub fn next_key(&self) -> PathBuf {
        self.folder.join("key-next.pem")
    }

    /// 32 bytes under which stateless resets are made.
    pub fn reset_key(&self) -> PathBuf {
        self.folder.join("reset.key")
    }

    /// 8 bytes under which connection ids are made.
    pub fn connection_id_key(&self) -> PathBuf {
        self.folder.join("connection-id.key")
    }

    /// The code of the owner link, while nobody has an account.
    pub fn owner_code(&self) -> PathBuf {
        self.folder.join("owner.code")
    }

    /// The administrator's socket.
    pub fn admin_socket(&self) -> PathBuf {
        self.folder.join("admin.sock")
    }
}

#[cfg(test)]
mod tests;
