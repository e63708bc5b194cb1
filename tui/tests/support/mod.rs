//! The real program, a real server in this process, and a terminal that is read like a person does.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with the place and the error"
)]

pub(crate) mod pty;
pub(crate) mod room;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use parlor_server::config::{Config, Registration};
use parlor_server::server::{Server, start};
use parlor_testkit::port::FreePort;
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A machine account with its own folders: nobody's profile is on it at first.
pub(crate) struct Person {
    home: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// It ended with the code and one line that holds the text.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, text: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(text), "{text:?} is not in {self:?}");
        assert_eq!(self.err.lines().count(), 1, "one line: {self:?}");
    }
}

impl Person {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(self.command(arguments).output().unwrap())
    }

    pub(crate) fn pipe(&self, input: &str, arguments: &[&str]) -> Outcome {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses before it reads has closed its end.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        outcome(child.wait_with_output().unwrap())
    }

    /// A program of this person's own: a shell script.
    pub(crate) fn script(&self, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.home().join("script");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Comes in by a link.
    #[track_caller]
    pub(crate) fn join(&self, link: &str, name: &str) {
        let input = format!("{PASSWORD}\n");
        self.pipe(&input, &["join", link, "--name", name, "--password-stdin"])
            .done();
    }
}

fn outcome(output: Output) -> Outcome {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A server that keeps folder and port over restarts.
pub(crate) struct House {
    runtime: tokio::runtime::Runtime,
    server: Option<Server>,
    folder: TempDir,
    port: FreePort,
    owner_link: String,
    /// Whether it takes everybody, from the next start on.
    pub(crate) open: bool,
}

impl House {
    pub(crate) fn open() -> Self {
        let mut house = Self {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            server: None,
            folder: tempfile::tempdir().unwrap(),
            port: FreePort::take().unwrap(),
            owner_link: String::new(),
            open: false,
        };
        house.start();
        let server = house.server.as_ref().unwrap();
        house.owner_link = house.here(&server.owner_link().unwrap().to_string());
        house
    }

    pub(crate) fn start(&mut self) {
        let mut config = Config::default();
        config.data.folder = self.folder.path().join("data");
        config.listen.address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        config.listen.port = self.port.number();
        config.http.listen = None;
        config.limits.addresses = false;
        if self.open {
            config.server.registration = Registration::Open;
        }
        self.server = Some(self.runtime.block_on(start(config)).unwrap());
    }

    pub(crate) fn stop(&mut self) {
        let server = self.server.take().unwrap();
        self.runtime.block_on(server.stop());
    }

    pub(crate) fn owner_link(&self) -> &str {
        &self.owner_link
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    pub(crate) fn pin(&self) -> String {
        self.owner_link.rsplit_once('.').unwrap().1.to_owned()
    }

    /// A link with this machine's own address in it.
    pub(crate) fn here(&self, link: &str) -> String {
        let (_, code) = link.split_once("/j/").unwrap();
        format!("parlor://{}/j/{code}", self.address())
    }
}

/// A terminal of its own: a tmux server that ends with it.
pub(crate) struct Terminal {
    socket: PathBuf,
    _folder: TempDir,
}

impl Terminal {
    /// Opens one of the size and starts the program in it.
    pub(crate) fn open(
        person: &Person,
        width: u16,
        height: u16,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let terminal = Self {
            socket: folder.path().join("tmux"),
            _folder: folder,
        };
        let mut program = vec![
            "env".to_owned(),
            "-i".to_owned(),
            format!("HOME={}", person.home().display()),
            "TZ=UTC".to_owned(),
            "LANG=C.UTF-8".to_owned(),
            "TERM=tmux-256color".to_owned(),
        ];
        program.extend(
            variables
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        program.push(env!("CARGO_BIN_EXE_parlor").to_owned());
        program.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let (width, height) = (width.to_string(), height.to_string());
        let mut typed = vec![
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &width,
            "-y",
            &height,
        ];
        typed.extend(program.iter().map(String::as_str));
        terminal.tmux(&typed);
        terminal
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Types a text as it is.
    pub(crate) fn write(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen holds the text.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.waits(text, |screen| screen.contains(text))
    }

    #[track_caller]
    pub(crate) fn waits(&self, what: &str, seen: impl Fn(&str) -> bool) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let found = runtime.block_on(parlor_testkit::wait::eventually_some(
            std::time::Duration::from_secs(30),
            || {
                let screen = self.screen();
                let seen = seen(&screen);
                async move { seen.then_some(screen) }
            },
        ));
        found.unwrap_or_else(|error| panic!("{what:?}: {error}\n{}", self.screen()))
    }

    /// Whether the program has ended.
    pub(crate) fn is_over(&self) -> bool {
        let mut command = self.command(&["list-sessions"]);
        !command.output().unwrap().status.success()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command
            .arg("-u")
            .arg("-S")
            .arg(&self.socket)
            .args(arguments)
            .env_remove("TMUX");
        command
    }

    #[track_caller]
    fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output();
        let output = output.expect("tmux is needed for this test: `cargo xtask setup` installs it");
        assert!(output.status.success(), "tmux {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}
