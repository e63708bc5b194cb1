//! Flags that set settings, the same for every subcommand.

use std::path::PathBuf;

use clap::Args;
use etcetera::BaseStrategy;

use super::Failure;
use crate::config::{Environment, Sources};

/// The variable that names the settings file.
const CONFIG_VARIABLE: &str = "PARLOR_CONFIG";

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SettingsFlags {
    /// Settings file [default: parlor-server/server.toml in the configuration folder, for root
    /// /etc/parlor-server/server.toml, if there is one; env: PARLOR_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the database, keys and the administrator's socket
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<String>,
    /// The cluster's file, made by `parlor-server init` [default: none, a node alone on SQLite]
    #[arg(long, global = true, value_name = "FILE")]
    cluster: Option<String>,
    /// Port that clients connect to, UDP and TCP [default: 7443]
    #[arg(long, global = true, value_name = "PORT")]
    port: Option<String>,
    /// Address to listen on [default: ::, which is IPv4 as well]
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// What clients dial: HOST[,HOST2][:PORT] [default: guessed]
    #[arg(long, global = true, value_name = "HOST")]
    public_address: Option<String>,
    /// Address of health and metrics, or off [default: 127.0.0.1:7480]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    http: Option<String>,
    /// Who may make an account: invite, open or closed [default: invite]
    #[arg(long, global = true, value_name = "WHO")]
    registration: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// text or json [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Any setting, as often as needed: --set link.idle_s=90
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl SettingsFlags {
    /// Where settings are to be read from, these flags included.
    pub(super) fn sources(&self) -> Result<Sources, Failure> {
        let from_variable = || std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from);
        Ok(Sources {
            file: self.config.clone().or_else(from_variable),
            usual_file: usual_file(),
            environment: Environment::of_process(),
            flags: self.flags()?,
        })
    }

    fn flags(&self) -> Result<Vec<(String, String, String)>, Failure> {
        let named = [
            ("--data", "data.folder", &self.data),
            ("--cluster", "cluster.file", &self.cluster),
            ("--port", "listen.port", &self.port),
            ("--listen", "listen.address", &self.listen),
            (
                "--public-address",
                "server.public_address",
                &self.public_address,
            ),
            ("--http", "http.listen", &self.http),
            ("--registration", "server.registration", &self.registration),
            ("--log-level", "log.level", &self.log_level),
            ("--log-format", "log.format", &self.log_format),
        ];
        let mut flags = Vec::new();
        for (flag, key, value) in named {
            if let Some(value) = value {
                flags.push((flag.to_owned(), key.to_owned(), value.clone()));
            }
        }
        for pair in &self.set {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| Failure::Usage(format!("--set takes KEY=VALUE, not {pair:?}")))?;
            let flag = format!("--set {key}");
            flags.push((flag, key.trim().to_owned(), value.trim().to_owned()));
        }
        Ok(flags)
    }
}

fn usual_file() -> Option<PathBuf> {
    let root = rustix::process::geteuid().is_root();
    if root && std::env::var_os("XDG_CONFIG_HOME").is_none() {
        return Some(PathBuf::from("/etc/parlor-server/server.toml"));
    }
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("parlor-server/server.toml"))
}
