//! `parlor-bench`.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use parlor_bench::cli::{Cli, Command, RunOptions};
use parlor_bench::conduct::Interrupt;
use parlor_bench::report::{self, Report};
use parlor_bench::targets::Table;
use parlor_bench::{bare, scenario};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A line was missed, or something was lost.
const MISSED: u8 = 1;
/// The run could not be.
const COULD_NOT: u8 = 2;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(options) => run(&options),
        Command::BareServer(options) => bare::run(&options)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| error.to_string()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("parlor-bench: {error}");
        ExitCode::from(COULD_NOT)
    })
}

fn run(options: &RunOptions) -> Result<ExitCode, String> {
    let shape = options.shape()?;
    let table = match options.targets {
        true => Table::Numbers,
        false => Table::Acceptance,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let report = runtime.block_on(async {
        let interrupt = Interrupt::listen();
        let remote = options.remote();
        scenario::run(&shape, remote.as_ref(), table, interrupt).await
    });
    let report = report.map_err(|error| error.to_string())?;
    eprint!("{}", report::table(&report));
    write(options, &report)?;
    Ok(match report.passed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(MISSED),
    })
}

fn write(options: &RunOptions, report: &Report) -> Result<(), String> {
    if let Some(path) = &options.json {
        put(path, &format!("{:#}\n", report::json(report)))?;
    }
    if let Some(path) = &options.html {
        put(path, &report::page(report))?;
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    if path == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
