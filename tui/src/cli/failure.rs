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

/// The class of an error, by its stable name. What a server of tomorrow may add is a refusal.
fn exit(code: &str) -> Exit {
    let mut classes = CLASSES.iter();
    let class = classes.find(|(_, codes)| codes.contains(&code));
    class.map_or(Exit::Refused, |(exit, _)| *exit)
}

/// Every stable name that the core's errors have.
pub(super) const CLASSES: [(Exit, &[&str]); 6] = [
    (
        Exit::Refused,
        &[
            "refused",
            "limit",
            "not_found",
            "forbidden",
            "ambiguous",
            "no_such_person",
            "no_such_session",
            "last_owner",
            "not_for_direct",
            "not_administrator",
            "room_name_taken",
            "room_name_invalid",
            "topic_invalid",
            "too_many_rooms",
            "bad_log_in",
            "wrong_password",
            "password_invalid",
            "invite_invalid",
            "registration_closed",
            "name_taken",
            "name_invalid",
            "account_disabled",
            "profile_taken",
            "other_server",
            "unsent_of_another",
            "unsent",
            "text_empty",
            "text_too_long",
            "text_has_nul",
            "send_key_old",
            "clock_off",
            "discarded",
            "unknown_send_key",
        ],
    ),
    (Exit::Usage, &["profile_name"]),
    (
        Exit::Unreachable,
        &[
            "offline",
            "timed_out",
            "busy",
            "lost",
            "name_unknown",
            "no_ipv6",
            "no_answer",
            "no_network",
            "not_parlor",
            "server_busy",
            "server_storage_full",
            "server_storage_away",
            "rate_limited",
            "version",
            "unreadable",
        ],
    ),
    (Exit::NotLoggedIn, &["not_logged_in", "session_ended"]),
    (
        Exit::Local,
        &[
            "no_home",
            "profile_folder",
            "account_file",
            "account_unreadable",
            "secret_file",
            "secret_unreadable",
            "storage_full",
            "store_damaged",
            "store_newer",
            "store_unreachable",
            "store_busy",
            "store_failed",
            "outbox_full",
            "no_socket",
            "closed",
        ],
    ),
    (
        Exit::Untrusted,
        &["wrong_pin", "unknown_key", "certificate", "no_trust"],
    ),
];
