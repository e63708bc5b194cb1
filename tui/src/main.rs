//! `parlor`: chat in a terminal, and the same for scripts.
//!
//! Architecture invariant: this crate shows and asks. What a client knows and does is in
//! client-core, behind its `api`; no socket and no database is named here.

mod app;
mod arrival;
mod cli;
#[cfg(feature = "demo")]
mod demo;
mod enter;
mod theme;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::main(cli::Arguments::parse())
}
