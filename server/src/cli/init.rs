//! `init`: makes the file by which nodes join a cluster.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, block_on, say};
use crate::cluster::ClusterFile;
use crate::cluster::file::Places;
use crate::config::Secret;
use crate::store::Store;
use crate::store::postgres::{PostgresSettings, PostgresStore};

/// No URL is longer.
const URL_BYTES: u64 = 4096;

/// The database and Redis are tried before the file is written; the database gets its schema.
/// URLs with passwords come from files, since arguments can be read by everyone on a machine.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to make; copy it to every node
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// postgres://user@host:5432/database, without a password
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "database_url_file"
    )]
    database_url: Option<String>,
    /// File that holds the database's URL; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "database_url")]
    database_url_file: Option<PathBuf>,
    /// redis[s]://host:6379, without a password
    #[arg(long, value_name = "URL", required_unless_present = "redis_url_file")]
    redis_url: Option<String>,
    /// File that holds the URL of Redis
    #[arg(long, value_name = "FILE", conflicts_with = "redis_url")]
    redis_url_file: Option<PathBuf>,
    /// PEM file of the authority that the certificate of Redis is checked against [default: the
    /// system's]
    #[arg(long, value_name = "FILE")]
    redis_authority: Option<PathBuf>,
    /// Begins every name in Redis: installations with different ones can share it
    #[arg(long, value_name = "WORD", default_value = "parlor")]
    prefix: String,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        let places = Places {
            database: url("--database-url", self.database_url, self.database_url_file)?,
            redis: url("--redis-url", self.redis_url, self.redis_url_file)?,
            redis_authority: self.redis_authority,
            prefix: self.prefix,
        };
        let made = ClusterFile::make(places).map_err(|error| Failure::Usage(error.to_string()))?;
        block_on(tried(&made))?;
        made.write(&self.out, true).map_err(Failure::failed)?;
        let shown = self.out.display();
        say(&format!(
            "{shown} is made; keep it as secret as a private key"
        ))?;
        say(&format!("  pin       {}", made.keys.pins()[0]))?;
        say("copy it to every node, and start each with")?;
        say(&format!(
            "  parlor-server --cluster {shown} --public-address HOST serve"
        ))
    }
}

/// A cluster file that leads nowhere is found here rather than on each node.
async fn tried(made: &ClusterFile) -> Result<(), Failure> {
    made.redis
        .check()
        .await
        .map_err(|error| Failure::Failed(format!("cannot use Redis {}: {error}", made.redis)))?;
    let settings = PostgresSettings::new(made.database.expose());
    let store = PostgresStore::open(&settings)
        .await
        .map_err(|error| Failure::Failed(format!("cannot open the database: {error}")))?;
    store.close().await;
    Ok(())
}

fn url(flag: &str, given: Option<String>, file: Option<PathBuf>) -> Result<Secret, Failure> {
    if let Some(url) = given {
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        let user = host.rsplit_once('@').map(|(user, _)| user);
        if user.is_some_and(|user| user.contains(':')) {
            return Err(Failure::Usage(format!(
                "{flag} holds a password, which everyone on this machine can read in the list of \
                 processes: write the URL into a file and give {flag}-file, then change the password"
            )));
        }
        return Ok(Secret::new(url));
    }
    let path = file.ok_or_else(|| Failure::Usage(format!("{flag} is missing")))?;
    let text = read(&path)
        .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", path.display())))?;
    Ok(Secret::new(text.trim()))
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(URL_BYTES).read_to_string(&mut text)?;
    } else {
        let file = std::fs::File::open(path)?;
        file.take(URL_BYTES).read_to_string(&mut text)?;
    }
    Ok(text)
}
