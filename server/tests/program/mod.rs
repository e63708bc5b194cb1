//! Starts the real program on a machine of its own: folders nobody else has, ports the system gives.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A machine with nothing on it.
pub(crate) struct Machine {
    place: tempfile::TempDir,
    data: PathBuf,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// Its output, where it succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// It failed with one line that holds the text.
    #[track_caller]
    pub(crate) fn failed(self, text: &str) {
        assert_eq!(self.code, 1, "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        assert!(self.err.contains(text), "{text:?} is not in {self:?}");
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::in_folder("")
    }

    /// With its data some folders deeper.
    pub(crate) fn in_folder(deep: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join(deep).join("data");
        Self { place, data }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-server"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.folder())
            .env("XDG_CONFIG_HOME", self.folder())
            .env("PARLOR_DATA_FOLDER", &self.data)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(self.command(arguments).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
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

    pub(crate) fn add(&self, name: &str) {
        self.run(&["user", "add", name, "--random-password"]).done();
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["status", "--json"]).done()).unwrap()
    }

    /// Starts a server and waits for its ready line.
    #[track_caller]
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        let usual = ["serve", "--port", "0", "--http", "127.0.0.1:0"];
        let mut child = self
            .command(&[&usual[..], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            told.push(line.unwrap());
            if told.last().unwrap().starts_with("parlor-server ready on ") {
                return Serving { child, told };
            }
        }
        panic!(
            "the server ended before it was ready: {:?}, {told:?}",
            child.wait()
        );
    }
}

fn outcome(output: std::process::Output) -> Outcome {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A server that runs; killed when the test ends early.
pub(crate) struct Serving {
    child: Child,
    told: Vec<String>,
}

impl Serving {
    /// All it said up to its ready line.
    pub(crate) fn told(&self) -> String {
        self.told.join("\n")
    }

    fn ready(&self) -> &str {
        self.told.last().unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        let (udp, _) = self.ready().split_once(", HTTP ").unwrap();
        udp.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub(crate) fn http_address(&self) -> String {
        self.ready().split_once(", HTTP ").unwrap().1.to_owned()
    }

    pub(crate) fn owner_link(&self) -> Option<String> {
        let line = self
            .told
            .iter()
            .find(|line| line.contains("parlor join "))?;
        Some(line.split_once("parlor join ").unwrap().1.to_owned())
    }

    /// The part of the owner link that does not depend on the port.
    pub(crate) fn owner_code(&self) -> String {
        self.owner_link()
            .unwrap()
            .rsplit_once("/j/")
            .unwrap()
            .1
            .to_owned()
    }

    /// Status and body of a GET.
    pub(crate) fn http(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.http_address()).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// Asks it to end, and waits; it ends well.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Does nothing to a server that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
