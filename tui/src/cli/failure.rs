//! Why a command failed: an exit code, a stable name and a line for people.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use parlor_client_core::api::Explain;

/// Documented in `--help` and the manual page; never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Refused = 1,
    Usage = 2,
    Unreachable = 3,
    NotLoggedIn = 4,
    Local = 5,
    Untrusted = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Stable, for scripts.
    pub(crate) code: &'static str,
    /// One line: what happened and what to do. Empty: the reader has gone, nothing is to be said.
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            code: "usage",
            text: text.into(),
        }
    }

    pub(crate) fn local(code: &'static str, error: impl Display) -> Self {
        Self {
            exit: Exit::Local,
            code,
            text: error.to_string(),
        }
    }

    pub(crate) fn unreachable(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Unreachable,
            code,
            text: text.into(),
        }
    }

    /// On standard error; a reader that has gone there too is nobody to tell.
    pub(crate) fn tell(&self, json: bool) {
        if self.text.is_empty() {
            return;
        }
        let mut err = std::io::stderr().lock();
        let _ = if json {
            let object = serde_json::json!({ "code": self.code, "message": self.text });
            writeln!(err, "{object}")
        } else {
            // Servers choose some of these words.
            let line = parlor_client_core::text::safe(&self.text).replace('\n', " ");
            writeln!(err, "parlor: {line}")
        };
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            exit: exit(error.code()),
            code: error.code(),
            text: error.to_string(),
        }
    }
}

/// The class of an error, by its stable name.
fn exit(code: &str) -> Exit {
    match code {
        "offline" | "timed_out" | "busy" | "lost" | "name_unknown" | "no_ipv6" | "no_answer"
        | "no_network" | "not_parlor" | "server_busy" | "rate_limited" | "version" => {
            Exit::Unreachable
        }
        "not_logged_in" | "session_ended" => Exit::NotLoggedIn,
        "wrong_pin" | "unknown_key" | "certificate" | "no_trust" => Exit::Untrusted,
        "profile_name" => Exit::Usage,
        "no_home" | "profile_folder" | "secret_file" | "secret_unreadable" | "storage_full"
        | "store_damaged" | "store_newer" | "store_unreachable" | "store_busy" | "store_failed"
        | "no_socket" | "closed" => Exit::Local,
        _ => Exit::Refused,
    }
}
