//! Where a tool gets a password from.

use std::io::{IsTerminal, Read};

use clap::Args;
use data_encoding::BASE32_NOPAD;

use super::{Failure, say};
use crate::ops::admin::Password;

/// Longest input that is read for a password, bytes; what is longer is refused by its length.
const INPUT_BYTES: u64 = 1024;
/// Random bytes of a made password: 80 bits.
const MADE_BYTES: usize = 10;

#[derive(Debug, Args)]
pub(super) struct PasswordFrom {
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    /// Make a password and print it
    #[arg(long, conflicts_with = "password_stdin")]
    random_password: bool,
}

impl PasswordFrom {
    /// Asks in a terminal when no flag says where from; never without one.
    pub(super) fn get(&self) -> Result<Password, Failure> {
        if self.password_stdin {
            return from_stdin();
        }
        if self.random_password {
            return made();
        }
        if !std::io::stdin().is_terminal() {
            let text =
                "no terminal to ask for a password; give --password-stdin or --random-password";
            return Err(Failure::Usage(text.to_owned()));
        }
        let asked = |prompt| rpassword::prompt_password(prompt).map_err(Failure::failed);
        let password = asked("Password: ")?;
        if asked("Again: ")? != password {
            return Err(Failure::Failed(
                "the two passwords differ; nothing was done".to_owned(),
            ));
        }
        Ok(Password(password))
    }
}

fn from_stdin() -> Result<Password, Failure> {
    let mut text = String::new();
    let read = std::io::stdin()
        .lock()
        .take(INPUT_BYTES)
        .read_to_string(&mut text);
    read.map_err(|error| Failure::Failed(format!("cannot read the password: {error}")))?;
    // One line, whatever ends it.
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    Ok(Password(line.to_owned()))
}

fn made() -> Result<Password, Failure> {
    let mut bytes = [0; MADE_BYTES];
    getrandom::fill(&mut bytes).map_err(Failure::failed)?;
    let password = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
    say(&format!("password: {password}"))?;
    Ok(Password(password))
}
