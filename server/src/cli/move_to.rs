//! `move`: the installation goes from SQLite to PostgreSQL.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use data_encoding::HEXLOWER;

use super::database::{postgres_url, settings};
use super::{Failure, block_on, say};
use crate::cluster::ClusterFile;
use crate::config::{DATABASE_URL_VARIABLE, Loaded, Secret};
use crate::data::DataFolder;
use crate::database;
use crate::key::OwnKeys;
use crate::store::transfer::{Moved, Progress, TableSum, transfer};

#[derive(Debug, Args)]
pub(super) struct MoveTo {
    /// The empty PostgreSQL: postgres://user@host:5432/database [default: the cluster's, else what
    /// PARLOR_DATABASE_URL says]. With a password in it by --to-file or one of these only
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// File that holds that URL
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    to_file: Option<PathBuf>,
    /// A line of JSON for each part
    #[arg(long)]
    json: bool,
}

impl MoveTo {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let url = self.url(loaded)?;
        let folder = &loaded.config.data.folder;
        // Held to the end: no server may write meanwhile.
        let data = DataFolder::open(folder).map_err(Failure::failed)?;
        let keys_in = self.take_keys(loaded, &data)?;
        let teller = Teller {
            json: self.json,
            terminal: std::io::stderr().is_terminal(),
        };
        let mut told = |progress: Progress| {
            teller.tell(&progress);
            ControlFlow::Continue(())
        };
        let path = data.paths().database();
        let moved = block_on(async {
            transfer(&path, &settings(&url), &mut told)
                .await
                .map_err(Failure::failed)
        });
        teller.end();
        teller.summary(&moved?)?;
        if self.json {
            return Ok(());
        }
        say(&format!(
            "{} is as it was; keep it until you trust the new one",
            folder.display()
        ))?;
        if let Some(cluster) = keys_in {
            say(&format!(
                "{} holds the installation's keys now, by which its people know it: copy it to every node",
                cluster.display()
            ))?;
        }
        say("clients load everything anew when they connect, and keep what they had not sent")
    }

    fn url(&self, loaded: &Loaded) -> Result<Secret, Failure> {
        if let Some(url) = &self.to {
            if holds_password(url) {
                return Err(Failure::Usage(format!(
                    "--to holds a password, which everyone on this machine can see: write the URL to a file and give --to-file FILE, or set {DATABASE_URL_VARIABLE}"
                )));
            }
            return Ok(Secret::new(url.as_str()));
        }
        if self.to_file.is_none()
            && let Some(cluster) = database::cluster(&loaded.config).map_err(Failure::failed)?
        {
            return Ok(cluster.database);
        }
        postgres_url(self.to_file.as_deref())?.ok_or_else(|| {
            Failure::Usage(format!(
                "say where to: --to URL, --to-file FILE, --cluster FILE, or {DATABASE_URL_VARIABLE}"
            ))
        })
    }

    /// Its people know the installation by its keys: the cluster that it moves into takes them on.
    /// Before the move, so that one that is cut finds them done. The file that was written.
    fn take_keys(&self, loaded: &Loaded, data: &DataFolder) -> Result<Option<PathBuf>, Failure> {
        let here = [data.paths().key(), data.paths().next_key()];
        let Some(path) = &loaded.config.cluster.file else {
            return Ok(None);
        };
        // Without keys of its own it has a certificate by a CA, which is in the settings.
        if self.to.is_some() || self.to_file.is_some() || !here.iter().all(|key| key.exists()) {
            return Ok(None);
        }
        let [current, next] = here.map(|key| {
            std::fs::read_to_string(&key)
                .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", key.display())))
        });
        let keys = OwnKeys::from_pem(&current?, &next?)
            .map_err(|error| Failure::Failed(format!("the installation's keys: {error}")))?;
        let mut cluster = ClusterFile::read(path).map_err(Failure::failed)?;
        if cluster.keys.pins() != keys.pins() {
            cluster.keys = keys;
            cluster.write(path, false).map_err(Failure::failed)?;
        }
        Ok(Some(path.clone()))
    }
}

/// Whether a URL has a password, before its host or among its parameters.
fn holds_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let account = place.rsplit_once('@').map(|(account, _)| account);
    account.is_some_and(|account| account.contains(':'))
        || parameters.split('&').any(|it| it.starts_with("password="))
}

/// Says how far it is.
struct Teller {
    json: bool,
    terminal: bool,
}

impl Teller {
    fn tell(&self, progress: &Progress) {
        if self.json {
            let line = match progress {
                Progress::GoesOn => serde_json::json!({"event": "goes_on"}),
                Progress::Moved { table, rows, of } => {
                    serde_json::json!({"event": "moved", "table": table, "rows": rows, "of": of})
                }
                Progress::Checked(sum) => checked(sum),
            };
            // A reader that went away does not stop a move.
            let _ = say(&line.to_string());
        } else if self.terminal {
            let line = match progress {
                Progress::GoesOn => "goes on where it was".to_owned(),
                Progress::Moved { table, rows, of } => format!("{table}: {rows} of {of}"),
                Progress::Checked(sum) => format!("{}: the same on both sides", sum.table),
            };
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[K{line}").and_then(|()| err.flush());
        }
    }

    fn end(&self) {
        if self.terminal && !self.json {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn summary(&self, moved: &Moved) -> Result<(), Failure> {
        if self.json {
            let line = serde_json::json!({"event": "done", "epoch": moved.epoch.to_string()});
            return say(&line.to_string());
        }
        for sum in &moved.tables {
            let digest = HEXLOWER.encode(&sum.digest);
            say(&format!("{:<13} {:>10}  {digest}", sum.table, sum.rows))?;
        }
        say(&format!(
            "all tables are the same on both sides; PostgreSQL holds epoch {}",
            moved.epoch
        ))
    }
}

fn checked(sum: &TableSum) -> serde_json::Value {
    serde_json::json!({
        "event": "checked",
        "table": sum.table,
        "rows": sum.rows,
        "sha256": HEXLOWER.encode(&sum.digest),
    })
}

#[cfg(test)]
mod tests {
    use super::holds_password;

    #[test]
    fn a_password_is_seen_wherever_it_stands() {
        for (url, held) in [
            ("postgres://ann:word@host/db", true),
            ("postgres://ann:w@rd@host:5432/db?sslmode=require", true),
            ("postgres://ann@host/db?sslmode=require&password=word", true),
            ("postgres://ann@host:5432/db", false),
            ("postgres://host:5432/db", false),
            ("postgres:///db?host=/run/postgresql", false),
            ("nothing", false),
        ] {
            assert_eq!(holds_password(url), held, "{url}");
        }
    }
}
