//! `cargo xtask`: the one entrance to everything a person or CI runs on this tree.

mod metadata;
mod program;
mod setup;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sets up, tests and tidies the Parlor workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the tools that the checks need and this machine lacks
    Setup,
    /// Run every check that CI runs
    Test,
    /// Run the long checks, one after another, and write reports into target/soak
    Soak {
        /// Only these, instead of all
        steps: Vec<String>,
        /// Say which there are
        #[arg(long, conflicts_with = "steps")]
        list: bool,
    },
    /// Check the rules of the tree: dependencies, names, links, migrations, unsafe
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Setup => setup::run(),
        Task::Test => test::run(),
        Task::Soak { list: true, .. } => {
            soak::list();
            Ok(())
        }
        Task::Soak { steps, .. } => soak::run(&steps),
        Task::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
