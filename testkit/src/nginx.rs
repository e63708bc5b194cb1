//! A private nginx that balances UDP and TCP over given nodes: own folder, own free port, gone when
//! dropped.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::port::{FreePort, PortError};
use crate::wait::{NotInTime, eventually};

/// Longest that a start or a reload may take on a machine that does other things as well.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// What the old worker says once it takes nothing new.
const RELOADED: &str = "gracefully shutting down";

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    folder: TempDir,
    port: FreePort,
    /// The line that loads the stream module where it is not built in.
    load: String,
    child: Child,
}

/// nginx did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum NginxError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("nginx cannot be run: {0}; `cargo xtask setup` installs it")]
    System(#[from] io::Error),
    #[error("this nginx has no stream module; `cargo xtask setup` installs libnginx-mod-stream")]
    NoStream,
    #[error("nginx does not run as asked: {0}: {1}")]
    NotReady(NotInTime, String),
}

impl Nginx {
    /// Starts in front of these nodes, for UDP and TCP alike, and returns once its port is open.
    ///
    /// # Errors
    /// [`NginxError`].
    pub async fn start(nodes: &[SocketAddr]) -> Result<Nginx, NginxError> {
        let folder = tempfile::tempdir()?;
        let port = FreePort::take()?;
        let load = load_line().await?;
        std::fs::write(
            folder.path().join("nginx.conf"),
            configuration(&load, port.loopback(), nodes),
        )?;
        let child = nginx()
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let nginx = Nginx {
            folder,
            port,
            load,
            child,
        };
        // Written once its sockets listen.
        let id_file = nginx.folder.path().join("nginx.pid");
        nginx.wait(|| id_file.exists()).await?;
        Ok(nginx)
    }

    /// Where clients send to, by UDP and by TCP.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.port.loopback()
    }

    /// Takes other nodes from now on. TCP under way keeps its node; UDP may land elsewhere, since
    /// nginx forgets who talked to whom.
    ///
    /// # Errors
    /// [`NginxError`].
    pub async fn reload(&self, nodes: &[SocketAddr]) -> Result<(), NginxError> {
        let text = configuration(&self.load, self.addr(), nodes);
        std::fs::write(self.folder.path().join("nginx.conf"), text)?;
        let before = self.log().matches(RELOADED).count();
        self.signal(Signal::HUP)?;
        self.wait(|| self.log().matches(RELOADED).count() > before)
            .await
    }

    /// Its log so far: which node failed, and when.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let id = self.child.id();
        let id = id.and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| io::Error::other("it has ended"))?;
        Ok(kill_process(id, signal)?)
    }

    async fn wait(&self, mut done: impl FnMut() -> bool) -> Result<(), NginxError> {
        let reached = eventually(READY_WITHIN, || std::future::ready(done())).await;
        reached.map_err(|late| NginxError::NotReady(late, self.log()))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Not SIGKILL: the master has to take its worker along.
        let _ = self.signal(Signal::TERM);
    }
}

/// The program, also where only an administrator looks for it.
fn nginx() -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("nginx");
    command.env("PATH", format!("{path}:/usr/sbin"));
    command
}

/// How the stream module comes in: built in, or by a line that loads it.
async fn load_line() -> Result<String, NginxError> {
    let shown = nginx().arg("-V").output().await?;
    let shown = String::from_utf8_lossy(&shown.stderr).into_owned();
    let words: Vec<&str> = shown.split_whitespace().collect();
    if words.contains(&"--with-stream") {
        return Ok(String::new());
    }
    let folder = words
        .iter()
        .find_map(|it| it.strip_prefix("--modules-path="));
    let module = folder.map(|it| PathBuf::from(it).join("ngx_stream_module.so"));
    match module.filter(|it| it.exists()) {
        Some(module) => Ok(format!("load_module {};", module.display())),
        None => Err(NginxError::NoStream),
    }
}

fn configuration(load: &str, listen: SocketAddr, nodes: &[SocketAddr]) -> String {
    let mut servers = String::new();
    for node in nodes {
        // One refused packet is enough: a node that ended refuses all of them.
        let _ = writeln!(servers, "    server {node} max_fails=1 fail_timeout=2s;");
    }
    // One worker: all sessions are in one table.
    format!(
        "{load}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log notice;
events {{ worker_connections 8192; }}
stream {{
  upstream by_udp {{
{servers}  }}
  upstream by_tcp {{
{servers}  }}
  server {{
    listen {listen} udp;
    proxy_pass by_udp;
    proxy_timeout 70s;
  }}
  server {{
    listen {listen};
    proxy_pass by_tcp;
    proxy_connect_timeout 1s;
    proxy_timeout 70s;
  }}
}}
"
    )
}
