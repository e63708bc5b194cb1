//! `migrate`: the steps of the database's schema.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::database::DatabaseFlags;
use super::{Failure, block_on, say};
use crate::config::Loaded;
use crate::data::DataFolder;
use crate::store::StoreError;
use crate::store::migration::{Database, Step};

#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Which steps are done and which wait; changes nothing
    Status(Show),
    /// Do the steps that wait, as a server does when it starts; safe when several begin at once
    Up(Show),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    database: DatabaseFlags,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Migrate {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        match self {
            Self::Status(show) => {
                let database = show.database.database(loaded)?;
                let steps = block_on(async { failed(&database, database.steps().await) })?;
                show.tell(&database, &steps)
            }
            Self::Up(show) => {
                let database = show.database.database(loaded)?;
                // A file is one process's alone; PostgreSQL has a lock of its own.
                let _data = match &database {
                    Database::Sqlite(_) => Some(
                        DataFolder::open(&loaded.config.data.folder).map_err(Failure::failed)?,
                    ),
                    Database::Postgres(_) => None,
                };
                let steps = block_on(async { failed(&database, database.up().await) })?;
                show.tell(&database, &steps)
            }
        }
    }
}

fn name(database: &Database) -> String {
    match database {
        Database::Sqlite(path) => format!("SQLite {}", path.display()),
        Database::Postgres(_) => "PostgreSQL".to_owned(),
    }
}

fn failed<T>(database: &Database, outcome: Result<T, StoreError>) -> Result<T, Failure> {
    outcome.map_err(|error| Failure::Failed(format!("{}: {error}", name(database))))
}

#[derive(Serialize)]
struct Told<'a> {
    database: &'static str,
    steps: Vec<ToldStep<'a>>,
}

#[derive(Serialize)]
struct ToldStep<'a> {
    version: i64,
    name: &'a str,
    applied: bool,
}

impl Show {
    fn tell(&self, database: &Database, steps: &[Step]) -> Result<(), Failure> {
        if !self.json {
            return say(&text(database, steps));
        }
        let steps = steps.iter().map(|step| ToldStep {
            version: step.version,
            name: &step.name,
            applied: step.applied,
        });
        let told = Told {
            database: match database {
                Database::Sqlite(_) => "sqlite",
                Database::Postgres(_) => "postgres",
            },
            steps: steps.collect(),
        };
        say(&serde_json::to_string(&told).map_err(Failure::failed)?)
    }
}

fn text(database: &Database, steps: &[Step]) -> String {
    let mut lines = vec![name(database)];
    for step in steps {
        let state = if step.applied { "done" } else { "waits" };
        lines.push(format!("  {:04} {:<20} {state}", step.version, step.name));
    }
    lines.join("\n")
}
