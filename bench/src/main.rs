//! `parlor-bench`.

use std::process::ExitCode;

use clap::Parser;
use parlor_bench::bare;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(version)]
enum Command {
    /// The floor: a fan-out server without an application
    #[command(hide = true)]
    BareServer(bare::BareOptions),
}

fn main() -> ExitCode {
    let Command::BareServer(options) = Command::parse();
    match bare::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parlor-bench: {error}");
            ExitCode::from(2)
        }
    }
}
