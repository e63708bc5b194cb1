//! Standard output: data only, a line at a time, and no panic when the reader goes.

use std::io::{self, ErrorKind, Write};

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
