//! The log: lines on standard error, for people or for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging for the whole process; a second start changes nothing.
pub fn start(log: &Log) {
    // Whoever listens on the transport at `debug` means this program, not each packet of it.
    let level = log.level.as_str();
    let quiet =
        ["quinn", "quinn_proto", "rustls", "sqlx", "hyper"].map(|name| format!("{name}=warn"));
    let directives = match log.level {
        crate::config::LogLevel::Trace => level.to_owned(),
        _ => format!("{level},{}", quiet.join(",")),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives))
        .with_writer(std::io::stderr);
    // An error means that a subscriber is set: an embedding program's, which is its right.
    let _ = match log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
    };
}
