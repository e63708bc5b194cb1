//! Questions to a person: only in a terminal; else an error names the flag that answers.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use super::failure::Failure;

/// Longest line that is read for a name, a link or a password, bytes.
const LINE_BYTES: u64 = 4096;

/// A line typed after a prompt on standard error.
pub(super) fn ask(prompt: &str, flag: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "there is no terminal to ask in: give {flag}"
        )));
    }
    let _ = write!(io::stderr(), "{prompt}");
    stdin_line()
}

/// A password: typed without being shown, or a line of standard input.
pub(super) fn password(from_stdin: bool, new: bool) -> Result<String, Failure> {
    if from_stdin {
        return stdin_line();
    }
    match new {
        true => new_password("Password: "),
        false => hidden("Password: "),
    }
}

/// The password one has and the one that follows it: both asked for, or two lines of standard input.
pub(super) fn passwords(from_stdin: bool) -> Result<(String, String), Failure> {
    if from_stdin {
        return Ok((stdin_line()?, stdin_line()?));
    }
    let old = hidden("The password you have: ")?;
    Ok((old, new_password("New password: ")?))
}

/// Typed twice, so that a slip does not lock anybody out.
fn new_password(prompt: &str) -> Result<String, Failure> {
    let password = hidden(prompt)?;
    if hidden("Again: ")? != password {
        return Err(Failure::usage("the two passwords differ: nothing was done"));
    }
    Ok(password)
}

fn hidden(prompt: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to ask for a password: give --password-stdin",
        ));
    }
    rpassword::prompt_password(prompt).map_err(|error| Failure::local("terminal", error))
}

/// The next line of standard input, without its end.
pub(super) fn stdin_line() -> Result<String, Failure> {
    let mut line = String::new();
    // By one lock on the process's buffer, so that the next call reads the next line.
    let mut input = io::stdin().lock();
    let read = input.by_ref().take(LINE_BYTES).read_line(&mut line);
    read.map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
    if line.is_empty() {
        return Err(Failure::usage(
            "standard input ended before the line that was expected",
        ));
    }
    line.truncate(line.trim_end_matches(['\n', '\r']).len());
    Ok(line)
}
