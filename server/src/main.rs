//! The server's program: see `parlor_server::cli`.

use std::process::ExitCode;

/// Messages are many small pieces of memory that live shortly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    parlor_server::cli::main()
}
