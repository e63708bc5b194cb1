//! The data folder.

use std::path::PathBuf;

use etcetera::BaseStrategy;

/// Where the folder is when nothing says otherwise: `$XDG_DATA_HOME/parlor-server`, or
/// `/var/lib/parlor-server` for root.
pub fn default_folder() -> PathBuf {
    let root = rustix::process::geteuid().is_root();
    if root && std::env::var_os("XDG_DATA_HOME").is_none() {
        return PathBuf::from("/var/lib/parlor-server");
    }
    match etcetera::choose_base_strategy() {
        Ok(strategy) => strategy.data_dir().join("parlor-server"),
        Err(_) => PathBuf::from("parlor-server"),
    }
}
