//! The cluster's one file: with it a node joins, and nothing else tells a cluster's nodes from
//! strangers. It holds what all nodes share, and is as secret as a private key.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use serde::Deserialize;

use crate::config::Secret;
use crate::handler::invite::CODE_BYTES;
use crate::key::{KeyError, OwnKeys};
use crate::redis::{AddressError, RedisAddress};

/// Version of the file that this program writes; it reads no newer one.
const VERSION: u32 = 1;
/// Bytes of the secret.
pub const SECRET_BYTES: usize = 32;
/// No cluster file is longer: what is, is another file.
const FILE_BYTES: u64 = 64 * 1024;
/// Longest prefix of names in Redis.
const PREFIX_CHARS: usize = 64;

/// Why a file is no cluster file, or not one that may be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterFileError {
    #[error("cannot read the cluster file {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("cannot write the cluster file {}: {error}", path.display())]
    Unwritable { path: PathBuf, error: io::Error },
    #[error(
        "others can read the cluster file {}, and with it enter the cluster; run: chmod 600 {}",
        path.display(),
        path.display()
    )]
    Open { path: PathBuf },
    #[error("{} is no cluster file: {problem}; make one with `parlor-server init`", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error(
        "the cluster file {} is of version {found}, this program knows up to {VERSION}: use a newer program",
        path.display()
    )]
    Newer { path: PathBuf, found: u32 },
    #[error("cannot make the cluster's keys: {0}")]
    Key(#[from] KeyError),
}

/// What all nodes of a cluster share.
#[derive(Clone, Debug)]
pub struct ClusterFile {
    /// Begins every name in Redis, so that installations can share one.
    pub prefix: String,
    /// What the keys of the bus and of TLS tickets are derived from.
    pub secret: ClusterSecret,
    /// The installation's own keys, which clients pin.
    pub keys: OwnKeys,
    /// `postgres://…`; it may hold a password.
    pub database: Secret,
    pub redis: RedisAddress,
    /// The Redis URL as it was given.
    redis_url: Secret,
    /// PEM of an authority that Redis' certificate is checked against, instead of the system's.
    redis_authority: Option<PathBuf>,
}

/// The secret that all nodes share. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterSecret([u8; SECRET_BYTES]);

impl ClusterSecret {
    pub fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClusterSecret(…)")
    }
}

/// Where a new cluster's database and Redis are.
#[derive(Clone, Debug)]
pub struct Places {
    pub database: Secret,
    pub redis: Secret,
    pub redis_authority: Option<PathBuf>,
    pub prefix: String,
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "version")]
    _version: u32,
    prefix: String,
    secret: String,
    database: String,
    redis: String,
    redis_authority: Option<PathBuf>,
    key: String,
    next_key: String,
}

/// Read first, so that a newer file is told from a damaged one.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl ClusterFile {
    /// A new cluster: a secret and keys that no other has.
    pub fn make(places: Places) -> Result<Self, MakeError> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(|error| KeyError::Generate(error.to_string()))?;
        Self::of(places, ClusterSecret(secret), OwnKeys::generate()?)
    }

    fn of(places: Places, secret: ClusterSecret, keys: OwnKeys) -> Result<Self, MakeError> {
        let Places {
            database,
            redis: redis_url,
            redis_authority,
            prefix,
        } = places;
        check_prefix(&prefix)?;
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| database.expose().starts_with(scheme))
        {
            return Err(MakeError::Database);
        }
        let mut redis: RedisAddress = redis_url.expose().parse()?;
        if let Some(authority) = &redis_authority {
            redis = redis.with_authority(authority.clone());
        }
        Ok(Self {
            prefix,
            secret,
            keys,
            database,
            redis,
            redis_url,
            redis_authority,
        })
    }

    /// Reads the file and checks all of it.
    pub fn read(path: &Path) -> Result<Self, ClusterFileError> {
        let text = read(path)?;
        let damaged = |problem: String| ClusterFileError::Damaged {
            path: path.to_owned(),
            problem,
        };
        // Only the place of an error is told: its text would show what stands there.
        let misread = |error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text[..at].lines().count().max(1);
            damaged(format!("line {line}: {}", error.message()))
        };
        let Version { version } = toml::from_str(&text).map_err(misread)?;
        if version > VERSION {
            return Err(ClusterFileError::Newer {
                path: path.to_owned(),
                found: version,
            });
        }
        let written: Written = toml::from_str(&text).map_err(misread)?;
        let secret = BASE32_NOPAD
            .decode(written.secret.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| damaged("its secret is no secret".to_owned()))?;
        let keys = OwnKeys::from_pem(&written.key, &written.next_key)
            .map_err(|problem| damaged(format!("its keys cannot be used: {problem}")))?;
        let places = Places {
            database: Secret::new(&written.database),
            redis: Secret::new(&written.redis),
            redis_authority: written.redis_authority,
            prefix: written.prefix,
        };
        Self::of(places, ClusterSecret(secret), keys).map_err(|error| damaged(error.to_string()))
    }

    /// Writes the file, readable by its owner alone. `new`: none may be there yet.
    pub fn write(&self, path: &Path, new: bool) -> Result<(), ClusterFileError> {
        let unwritable = |error| ClusterFileError::Unwritable {
            path: path.to_owned(),
            error,
        };
        if new && path.exists() {
            return Err(unwritable(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is one already, and nodes may use it; give another name",
            )));
        }
        crate::data::write_private(path, self.text().as_bytes()).map_err(unwritable)
    }

    /// Puts the next key in force and makes a new next one.
    pub fn rotate(&mut self) -> Result<(), KeyError> {
        self.keys = self.keys.rotated()?;
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# A Parlor cluster. Whoever has this file can be one of its nodes: keep it as secret as a\n\
             # private key. Copy it to each node and start that with --cluster FILE.\n",
        );
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key} = {}", toml::Value::from(value));
        };
        line("prefix", &self.prefix);
        line("secret", &BASE32_NOPAD.encode(&self.secret.0));
        line("database", self.database.expose());
        line("redis", self.redis_url.expose());
        if let Some(authority) = &self.redis_authority {
            line("redis_authority", &authority.to_string_lossy());
        }
        let [key, next] = self.keys.pems();
        line("key", key);
        line("next_key", next);
        let _ = writeln!(text, "version = {VERSION}");
        text
    }

    /// The code of the owner link: the same on every node, so that there is one.
    pub fn owner_code(&self, epoch: parlor_protocol::Epoch) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.secret.0);
        let purpose = [b"parlor owner link 1".as_slice(), &epoch.0.to_be_bytes()].concat();
        let tag = ring::hmac::sign(&key, &purpose);
        BASE32_NOPAD.encode(&tag.as_ref()[..CODE_BYTES])
    }
}

/// What was asked for makes no cluster.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("the database URL must begin with postgres://")]
    Database,
    #[error(transparent)]
    Redis(#[from] AddressError),
    #[error("the prefix must be 1 to {PREFIX_CHARS} of a-z, 0-9, '-' and '_'")]
    Prefix,
    #[error(transparent)]
    Key(#[from] KeyError),
}

fn check_prefix(prefix: &str) -> Result<(), MakeError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let whole = (1..=PREFIX_CHARS).contains(&prefix.len()) && prefix.chars().all(fits);
    whole.then_some(()).ok_or(MakeError::Prefix)
}

fn read(path: &Path) -> Result<String, ClusterFileError> {
    let unreadable = |error| ClusterFileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(ClusterFileError::Open {
            path: path.to_owned(),
        });
    }
    let mut text = String::new();
    file.take(FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn places() -> Places {
        Places {
            database: Secret::new("postgres://parlor:s3cret@db.example/parlor"),
            redis: Secret::new("redis://:hidden@cache.example"),
            redis_authority: None,
            prefix: "parlor".to_owned(),
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.toml");
        let made = ClusterFile::make(places()).unwrap();
        made.write(&path, true).unwrap();
        let read = ClusterFile::read(&path).unwrap();
        assert_eq!(read.secret, made.secret);
        assert_eq!(read.keys.pins(), made.keys.pins());
        assert_eq!(read.database.expose(), places().database.expose());
        assert!(!format!("{read:?}").contains("s3cret"));
        assert!(!format!("{read:?}").contains("hidden"));
        assert!(made.write(&path, true).is_err(), "a file in use stays");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = ClusterFile::read(&path).unwrap_err();
        assert!(matches!(error, ClusterFileError::Open { .. }), "{error}");
    }

    #[test]
    fn a_rotation_puts_the_next_key_in_force() {
        let mut file = ClusterFile::make(places()).unwrap();
        let before = file.keys.pins();
        file.rotate().unwrap();
        assert_eq!(file.keys.pins()[0], before[1]);
        assert_ne!(file.keys.pins()[1], before[0]);
    }

    #[test]
    fn what_is_no_cluster_file_is_said_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.toml");
        let good = ClusterFile::make(places()).unwrap().text();
        let cut: String = good.chars().take(good.len() / 2).collect();
        let newer = good.replace("version = 1", "version = 9");
        let odd = good.replace("postgres://", "mysql://");
        for (text, expected) in [
            ("", "missing field `version`"),
            (cut.as_str(), "line"),
            (newer.as_str(), "version 9"),
            (odd.as_str(), "postgres://"),
        ] {
            let _ = fs::remove_file(&path);
            crate::data::write_private(&path, text.as_bytes()).unwrap();
            let error = ClusterFile::read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(
                !error.contains("s3cret") && !error.contains("hidden"),
                "{error}"
            );
        }
    }

    #[test]
    fn all_nodes_give_out_one_owner_link() {
        let file = ClusterFile::make(places()).unwrap();
        let code = file.owner_code(parlor_protocol::Epoch(3));
        assert_eq!(code, file.clone().owner_code(parlor_protocol::Epoch(3)));
        assert_ne!(code, file.owner_code(parlor_protocol::Epoch(4)));
    }
}
