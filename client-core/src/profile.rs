//! A profile: whose client this is, and where its files lie (XDG).
//!
//! ```text
//! $XDG_DATA_HOME/parlor/NAME/    account.json   whose it is, and where the server is
//!                                outbox.db      unsent messages and drafts: kept whatever happens
//!                                content.db     rooms and messages: made anew when damaged
//! $XDG_STATE_HOME/parlor/NAME/   session, log   the session's secret: 0600
//! $XDG_CONFIG_HOME/parlor/       what a face is told by its user
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};

/// The profile of whoever names none.
pub const DEFAULT_PROFILE: &str = "default";
/// Longest name of a profile, bytes: it becomes a folder's name.
const NAME_BYTES: usize = 64;

/// Where one profile's files lie. Plain data: making it touches no disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    name: String,
    data: PathBuf,
    state: PathBuf,
    config: PathBuf,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error(
        "{0:?} is no name for a profile: use up to 64 letters, digits, '-', '_' and '.', not starting with '.'"
    )]
    Name(String),
    #[error("this system does not say where the user's files belong: set HOME")]
    NoHome,
    #[error("the folder {path:?} cannot be made ({error}): check its owner and the disk")]
    Folder { path: PathBuf, error: io::Error },
}

impl ProfileError {
    /// Stable name, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(_) => "profile_name",
            Self::NoHome => "no_home",
            Self::Folder { .. } => "profile_folder",
        }
    }
}

impl Profile {
    /// The profile of that name in the user's folders; `None`: [`DEFAULT_PROFILE`].
    pub fn named(name: Option<&str>) -> Result<Self, ProfileError> {
        let name = checked(name.unwrap_or(DEFAULT_PROFILE))?;
        let base = choose_base_strategy().map_err(|_| ProfileError::NoHome)?;
        // Systems without a place for state keep it with the data.
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        Ok(Self {
            data: base.data_dir().join("parlor").join(name),
            state: state.join("parlor").join(name),
            config: base.config_dir().join("parlor"),
            name: name.to_owned(),
        })
    }

    /// A profile whose files all lie under one folder: portable installations, demos, tests.
    pub fn at(folder: &Path) -> Self {
        Self {
            name: DEFAULT_PROFILE.to_owned(),
            data: folder.join("data"),
            state: folder.join("state"),
            config: folder.join("config"),
        }
    }

    /// Names of the profiles that exist, in order.
    pub fn list() -> Result<Vec<String>, ProfileError> {
        let base = choose_base_strategy().map_err(|_| ProfileError::NoHome)?;
        let folder = base.data_dir().join("parlor");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(ProfileError::Folder {
                    path: folder,
                    error,
                });
            }
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| checked(name).is_ok() && folder.join(name).join("account.json").exists())
            .collect();
        names.sort();
        Ok(names)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is disposable: rooms, messages, profiles.
    pub fn content_file(&self) -> PathBuf {
        self.data.join("content.db")
    }

    /// What is not: unsent messages, drafts.
    pub fn outbox_file(&self) -> PathBuf {
        self.data.join("outbox.db")
    }

    /// Whose profile it is, and where the server is.
    pub fn account_file(&self) -> PathBuf {
        self.data.join("account.json")
    }

    /// The session's secret.
    pub fn session_file(&self) -> PathBuf {
        self.state.join("session")
    }

    /// Where a face writes its log.
    pub fn log_file(&self) -> PathBuf {
        self.state.join("log")
    }

    /// Where a face's settings lie; shared by all profiles.
    pub fn config_folder(&self) -> &Path {
        &self.config
    }

    /// Makes the folders, readable by their owner alone.
    pub fn make_folders(&self) -> Result<(), ProfileError> {
        for path in [&self.data, &self.state] {
            make_folder(path).map_err(|error| ProfileError::Folder {
                path: path.clone(),
                error,
            })?;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

fn checked(name: &str) -> Result<&str, ProfileError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = (1..=NAME_BYTES).contains(&name.len());
    if fits && name.bytes().all(known) && !name.starts_with('.') {
        Ok(name)
    } else {
        Err(ProfileError::Name(name.chars().take(NAME_BYTES).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_its_folder() {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            ".hidden",
            "ü",
            &"x".repeat(65),
        ] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
        for good in ["default", "work-2", "a.b", "X_1"] {
            assert!(checked(good).is_ok(), "{good:?}");
        }
    }
}
