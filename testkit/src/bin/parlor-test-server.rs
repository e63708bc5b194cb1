//! The server's program as tests start it: a process that can be killed.

use std::process::ExitCode;

fn main() -> ExitCode {
    parlor_server::cli::main()
}
