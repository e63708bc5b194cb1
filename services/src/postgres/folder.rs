//! The folder of a private PostgreSQL: made once by `initdb`, copied for each server.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use super::{PASSWORD, PostgresError, USER, run};

/// Where Debian keeps a version's programs.
const INSTALLED: &str = "/usr/lib/postgresql";
/// Accounts that may own the server's files where this process is root, which PostgreSQL refuses.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// Who runs the server.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// User and group; `None`: whoever runs this process.
    other: Option<(u32, u32)>,
}

impl Account {
    pub(super) fn unprivileged() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self { other: None };
        }
        let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = |name: &str| {
            let line = known
                .lines()
                .find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        Self {
            other: ACCOUNTS.iter().find_map(|name| ids(name)),
        }
    }

    /// A command that runs as this account.
    pub(super) fn command(&self, program: &Path) -> Command {
        let Some((user, group)) = self.other else {
            return Command::new(program);
        };
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &user.to_string(), "--regid", &group.to_string()])
            .arg("--clear-groups")
            .arg(program);
        command
    }

    fn own(&self, path: &Path) -> Result<(), PostgresError> {
        if let Some((user, group)) = self.other {
            chown(path, Some(user), Some(group))?;
        }
        Ok(())
    }
}

/// The programs of the newest version installed.
pub(super) fn programs() -> Result<PathBuf, PostgresError> {
    let versions = std::fs::read_dir(INSTALLED).map_err(|_| PostgresError::Missing)?;
    let number = |path: &PathBuf| -> u32 {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.parse().unwrap_or(0)
    };
    versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|version| version.join("bin/postgres").is_file())
        .max_by_key(number)
        .map(|version| version.join("bin"))
        .ok_or(PostgresError::Missing)
}

/// A folder with nothing in it, the account's own.
pub(super) fn empty(account: &Account) -> Result<TempDir, PostgresError> {
    let folder = tempfile::Builder::new()
        .prefix("parlor-postgres-")
        .tempdir()?;
    account.own(folder.path())?;
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
    Ok(folder)
}

/// A folder with a fresh `data` in it.
pub(super) async fn make(programs: &Path, account: &Account) -> Result<TempDir, PostgresError> {
    let template = template(programs, account).await?;
    let folder = empty(account)?;
    let mut copy = account.command(Path::new("cp"));
    copy.args(["-a", "--reflink=auto"])
        .arg(template)
        .arg(folder.path().join("data"));
    run(copy).await?;
    Ok(folder)
}

/// The folder that all are copied from: one for each version and account.
async fn template(programs: &Path, account: &Account) -> Result<PathBuf, PostgresError> {
    let version = programs
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let user = account
        .other
        .map_or_else(|| rustix::process::geteuid().as_raw(), |(user, _)| user);
    let place = std::env::temp_dir().join(format!(
        "parlor-testkit-postgres-{}-{user}",
        version.to_string_lossy()
    ));
    std::fs::create_dir_all(&place)?;
    account.own(&place)?;
    std::fs::set_permissions(&place, PermissionsExt::from_mode(0o755))?;
    let ready = place.join("data");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(place.join("lock"))?;
    let _held = tokio::task::spawn_blocking(move || -> std::io::Result<File> {
        lock.lock()?;
        Ok(lock)
    })
    .await
    .map_err(std::io::Error::other)??;
    if ready.is_dir() {
        return Ok(ready);
    }
    // A half-made folder of a process that died is made anew.
    let making = place.join("making");
    let _ = std::fs::remove_dir_all(&making);
    let password = place.join("password");
    std::fs::write(&password, PASSWORD)?;
    let mut initdb = account.command(&programs.join("initdb"));
    initdb
        .args(["--no-sync", "--encoding=UTF8", "--locale=C"])
        .args(["--auth=scram-sha-256", "-U", USER])
        .arg(format!("--pwfile={}", password.display()))
        .arg("-D")
        .arg(&making);
    run(initdb).await?;
    std::fs::rename(&making, &ready)?;
    Ok(ready)
}
