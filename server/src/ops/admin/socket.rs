//! The server's end of the administrator's socket.

use std::fs::{self, File};
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Admin, Command};

/// Tools that talk at one time; more wait.
const CONNECTIONS: usize = 8;
/// Longest request, bytes: the ids of ten thousand rooms fit.
const REQUEST_BYTES: u64 = 1024 * 1024;
/// Time for a request to arrive once a tool has connected or was answered.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// Longest that anything asked for may take: a copy of a large database.
const ANSWER_WITHIN: Duration = Duration::from_secs(3600);
/// Time for a tool to take its answer.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the administrator's socket {}: {error}", path.display())]
pub struct SocketError {
    pub path: PathBuf,
    pub error: io::Error,
}

/// Makes the socket, readable and writable by its owner only. The caller holds the data folder's
/// lock, so that a socket that is there is a leftover.
pub fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let make = || -> io::Result<UnixListener> {
        private_parent(path)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let short = ShortPath::of(path)?;
        let listener = UnixListener::bind(&short)?;
        // Between the two lines its folder, which is closed to others, guards it.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    make().map_err(|error| SocketError {
        path: path.to_owned(),
        error,
    })
}

/// Refuses a folder that others can enter.
fn private_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let metadata = fs::metadata(parent)?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if !own || metadata.mode() & 0o077 != 0 {
        let problem = "its folder is not this user's alone";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
    }
    Ok(())
}

/// Longest path of a Unix socket on every system that Parlor runs on, bytes.
const PATH_BYTES: usize = 103;

/// A socket's path, short enough for the kernel as long as this lives.
pub(super) struct ShortPath {
    path: PathBuf,
    // The folder that the short path leads through.
    _folder: Option<File>,
}

impl ShortPath {
    /// A path that is too long is taken through its opened folder, where the system has a name for
    /// that; elsewhere the kernel refuses it.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let (true, Some(parent), Some(name)) = (
            path.as_os_str().len() > PATH_BYTES,
            path.parent(),
            path.file_name(),
        ) else {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        };
        let folder = File::open(parent)?;
        let short = format!("/proc/self/fd/{}", folder.as_raw_fd());
        Ok(Self {
            path: Path::new(&short).join(name),
            _folder: Some(folder),
        })
    }
}

impl AsRef<Path> for ShortPath {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// Answers tools until `stopped`; what is under way then is cut.
pub async fn serve(
    listener: UnixListener,
    admin: Arc<dyn Admin>,
    stopped: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut conversations = JoinSet::new();
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => return,
            accepted = accept(&listener, &places) => accepted,
        };
        while conversations.try_join_next().is_some() {}
        match accepted {
            Ok((stream, place)) => {
                let admin = admin.clone();
                conversations.spawn(async move {
                    // A tool that goes away needs no answer.
                    let _ = converse(stream, &*admin).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting an administrator's tool failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn converse(stream: UnixStream, admin: &dyn Admin) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut reading).take(REQUEST_BYTES);
        let read = timeout(REQUEST_WITHIN, bounded.read_until(b'\n', &mut line));
        if read.await?? == 0 {
            return Ok(());
        }
        let whole = line.ends_with(b"\n");
        let answer = if whole {
            answer(&line, admin).await
        } else {
            Err(format!(
                "a request is one line of at most {REQUEST_BYTES} bytes"
            ))
        };
        let mut text = match answer {
            Ok(answer) => serde_json::json!({ "ok": answer }).to_string(),
            Err(text) => serde_json::json!({ "error": text }).to_string(),
        };
        text.push('\n');
        timeout(TAKEN_WITHIN, writing.write_all(text.as_bytes())).await??;
        if !whole {
            return Ok(());
        }
    }
}

async fn answer(line: &[u8], admin: &dyn Admin) -> Result<super::Answer, String> {
    let command: Command = serde_json::from_slice(line).map_err(|error| {
        format!("the request is not one this server knows ({error}); use a tool of its version")
    })?;
    match timeout(ANSWER_WITHIN, admin.run(command)).await {
        Ok(answer) => answer,
        Err(_) => Err("it took longer than an hour and was given up".to_owned()),
    }
}
