//! Standard output: data only, a line at a time, and no panic when the reader goes.

use std::io::{self, ErrorKind, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::failure::{Exit, Failure};

/// Writes a line and lets it go at once, so that pipes see it.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    gone(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Writes bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    gone(out.write_all(bytes).and_then(|()| out.flush()))
}

/// A reader that has read enough (`| head`) is no failure, but the end of the work.
fn gone(written: io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure {
            exit: Exit::Done,
            code: "reader_gone",
            text: String::new(),
        },
        _ => Failure::local("output", format!("cannot write the output: {error}")),
    })
}

/// Talk for people, on standard error.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// `2026-11-21 10:42` in the reader's zone, for people; empty for no instant.
pub(super) fn minute(at_ms: u64, zone: &TimeZone) -> String {
    at(at_ms).map_or_else(String::new, |at| {
        let local = at.to_zoned(zone.clone());
        local.strftime("%Y-%m-%d %H:%M").to_string()
    })
}

/// `2026-11-21T10:42:07.123Z`, for programs.
pub(super) fn utc(at_ms: u64) -> Option<String> {
    at(at_ms).map(|at| at.to_string())
}

fn at(at_ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()
}
