//! Ports, buffers, clock, descriptors, address.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::address::{Known, reach};
use crate::cli::serve::buffers_advice;
use crate::config::Config;
use crate::net::{self, EndpointError};
use crate::node;
use crate::ops::admin::Status;
use crate::ops::http;

/// Descriptors below which a server has no room for links over TCP, which take one each; those over
/// QUIC share one.
const DESCRIPTORS: u64 = 2 * net::DESCRIPTORS_KEPT;
/// No clock of a machine that runs this is before it: 2026-01-01.
const EARLIEST_S: u64 = 1_767_225_600;

pub(super) async fn examine(config: &Config, server: Option<&Status>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if server.is_none() {
        findings.push(link_port(config));
        findings.extend(http_port(config).await);
    }
    findings.push(buffers(config));
    findings.push(clock(SystemTime::now()));
    findings.push(descriptors());
    findings.push(address(config, server));
    findings
}

fn link_port(config: &Config) -> Finding {
    let address = SocketAddr::new(config.listen.address, config.listen.port);
    match net::bind(&node::settings(config, address)) {
        Ok(bound) => {
            let text = format!("{} is free, UDP and TCP", bound.address);
            Finding::good("port", text)
        }
        Err(error) => Finding::problem("port", error.to_string()),
    }
}

async fn http_port(config: &Config) -> Option<Finding> {
    let address = config.http.listen?;
    Some(match http::bind(address).await {
        Ok(_) if !address.ip().is_loopback() => {
            let text = format!(
                "{address} is free, and open beyond this machine: keep it off public networks"
            );
            Finding::warning("HTTP port", text)
        }
        Ok(_) => Finding::good("HTTP port", format!("{address} is free")),
        Err(error) => Finding::problem("HTTP port", error.to_string()),
    })
}

fn buffers(config: &Config) -> Finding {
    let wanted = config.listen.socket_buffer_kib as usize * 1024;
    // Any port shows what the kernel gives.
    let bound = net::bind(&node::settings(
        config,
        SocketAddr::new(config.listen.address, 0),
    ));
    match bound {
        Ok(bound) => judge_buffers(wanted, bound.receive_buffer_bytes, bound.send_buffer_bytes),
        Err(EndpointError::Listen { error, .. }) => {
            Finding::problem("UDP buffers", format!("no UDP socket can be had: {error}"))
        }
        Err(error) => Finding::problem("UDP buffers", error.to_string()),
    }
}

fn judge_buffers(wanted: usize, receive: usize, send: usize) -> Finding {
    let text = format!(
        "{} KiB to receive, {} KiB to send",
        receive / 1024,
        send / 1024
    );
    if receive >= wanted && send >= wanted {
        return Finding::good("UDP buffers", text);
    }
    let advice = buffers_advice(wanted);
    let text = format!("{text}, which loses packets when many connect at once; run: {advice}");
    Finding::warning("UDP buffers", text)
}

fn clock(now: SystemTime) -> Finding {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    if since.as_secs() < EARLIEST_S {
        let text =
            "is years behind; set it (timedatectl set-ntp true), or certificates and sessions fail";
        return Finding::problem("clock", text);
    }
    Finding::good("clock", "is plausible")
}

fn descriptors() -> Finding {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < DESCRIPTORS => {
            let text = format!("only {limit} may be open; raise it (ulimit -n {DESCRIPTORS})");
            Finding::problem("descriptors", text)
        }
        Some(limit) => Finding::good("descriptors", format!("{limit} may be open")),
        None => Finding::good("descriptors", "any number may be open"),
    }
}

fn address(config: &Config, server: Option<&Status>) -> Finding {
    let listening = SocketAddr::new(config.listen.address, config.listen.port);
    let reach = reach(config, listening);
    // The one that runs may have been started with other flags.
    let shown = server.map_or_else(|| reach.address.to_string(), |it| it.address.clone());
    let text = format!("{shown} ({})", reach.known);
    match reach.known {
        Known::Given | Known::Guessed => Finding::good("address", text),
        Known::Private | Known::Loopback => Finding::warning("address", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn small_buffers_come_with_the_command_that_helps() {
        let four = 4 * 1024 * 1024;
        assert_eq!(judge_buffers(four, four, four).level, Level::Good);
        let small = judge_buffers(four, 212_992, four);
        assert_eq!(small.level, Level::Warning);
        let command = "sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304";
        assert!(small.text.ends_with(command), "{}", small.text);
    }

    #[test]
    fn a_clock_of_the_past_is_a_problem() {
        assert_eq!(clock(UNIX_EPOCH).level, Level::Problem);
        let later = UNIX_EPOCH + Duration::from_secs(EARLIEST_S);
        assert_eq!(clock(later).level, Level::Good);
    }
}
