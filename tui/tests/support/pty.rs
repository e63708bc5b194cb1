//! The program in a terminal whose bytes are timed: `script` has the terminal, we have its ends.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Person;

/// Silence after which everything that a key causes is on the screen.
const QUIET: Duration = Duration::from_millis(40);
/// Nothing takes so long.
const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Pty {
    script: Child,
    keys: ChildStdin,
    /// What was written to the screen, and when.
    screen: Receiver<(Instant, Vec<u8>)>,
    /// The program's own process.
    process: u32,
    /// When it was about to start.
    started: Instant,
    /// What came with the line that said so.
    rest: Vec<u8>,
}

impl Pty {
    pub(crate) fn open(person: &Person, width: u16, height: u16) -> Self {
        let program = env!("CARGO_BIN_EXE_parlor");
        let line = format!("stty rows {height} cols {width}; echo process $$; exec {program}");
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--flush", "--command", &line, "/dev/null"])
            .env_clear()
            .env("HOME", person.home())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm-256color")
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut script = command.spawn().expect("script, of util-linux");
        let mut out = script.stdout.take().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(read @ 1..) = out.read(&mut bytes) {
                if sender
                    .send((Instant::now(), bytes[..read].to_vec()))
                    .is_err()
                {
                    return;
                }
            }
        });
        let keys = script.stdin.take().unwrap();
        let mut pty = Self {
            script,
            keys,
            screen,
            process: 0,
            started: Instant::now(),
            rest: Vec::new(),
        };
        pty.started();
        pty
    }

    /// Reads the line before the program: its process, and the instant.
    fn started(&mut self) {
        let mut read = Vec::new();
        loop {
            let (at, bytes) = self.screen.recv_timeout(LONG).unwrap();
            read.extend(bytes);
            let Some(end) = read.iter().position(|byte| *byte == b'\n') else {
                continue;
            };
            let line = String::from_utf8_lossy(&read[..end]).into_owned();
            self.process = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
            self.rest = read.split_off(end + 1);
            self.started = at;
            return;
        }
    }

    /// How long after its start the program has written the text.
    pub(crate) fn shows(&mut self, text: &str) -> Duration {
        let mut read = std::mem::take(&mut self.rest);
        loop {
            let (at, bytes) = self.screen.recv_timeout(LONG).unwrap_or_else(|_| {
                panic!("{text:?} is not in {:?}", String::from_utf8_lossy(&read))
            });
            read.extend(bytes);
            if read
                .windows(text.len())
                .any(|window| window == text.as_bytes())
            {
                return at - self.started;
            }
        }
    }

    pub(crate) fn write(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Writes a key and says after what time the screen answered.
    pub(crate) fn answers(&mut self, key: &str) -> Duration {
        let pressed = Instant::now();
        self.write(key);
        let (at, _) = self
            .screen
            .recv_timeout(LONG)
            .unwrap_or_else(|error| panic!("{key:?} changes nothing: {error}"));
        self.quiet();
        at.saturating_duration_since(pressed)
    }

    /// Waits until nothing more is written.
    pub(crate) fn quiet(&mut self) {
        while self.screen.recv_timeout(QUIET) != Err(RecvTimeoutError::Timeout) {}
    }

    /// Memory of the program now and at most, KB.
    pub(crate) fn memory_kb(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let value = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (value("VmRSS:"), value("VmHWM:"))
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
