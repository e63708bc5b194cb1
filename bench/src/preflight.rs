//! What a machine must allow before a load is worth anything.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::report::Note;

/// Descriptors that a load needs beside one for every so many users.
const SPARE_DESCRIPTORS: u64 = 256;
const USERS_PER_DESCRIPTOR: u64 = 250;
/// Buffers of UDP sockets, bytes: with the usual 208 KiB a storm loses its packets.
const SOCKET_BUFFER_BYTES: u64 = parlor_client_core::net::SOCKET_BUFFER_BYTES as u64;
/// Cores below which generator and server take each other's time.
const CORES: usize = 2;

/// Why a load cannot run here.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfit {
    #[error(
        "this process may open {limit} files and needs {needed}; raise the hard limit: ulimit -Hn {needed}"
    )]
    Descriptors { limit: u64, needed: u64 },
}

/// Raises what may be raised; gives back what is in doubt.
pub fn check(users: u32) -> Result<Vec<Note>, Unfit> {
    let mut notes = Vec::new();
    descriptors(u64::from(users) / USERS_PER_DESCRIPTOR + SPARE_DESCRIPTORS)?;
    for key in ["rmem_max", "wmem_max"] {
        notes.extend(buffers(key, setting(key)));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < CORES {
        notes.push(Note::Warning(format!(
            "{cores} core for server and generator together: they take each other's time; measure with {CORES} or more"
        )));
    }
    Ok(notes)
}

/// Raises the soft limit as far as the hard one allows: the server inherits it.
fn descriptors(needed: u64) -> Result<(), Unfit> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    match now {
        Some(limit) if limit < needed => Err(Unfit::Descriptors { limit, needed }),
        _ => Ok(()),
    }
}

fn setting(key: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/sys/net/core/{key}")).ok()?;
    text.trim().parse().ok()
}

fn buffers(key: &str, bytes: Option<u64>) -> Option<Note> {
    let bytes = bytes.filter(|bytes| *bytes < SOCKET_BUFFER_BYTES)?;
    Some(Note::Warning(format!(
        "the kernel gives UDP sockets {} KiB instead of {} KiB, packets will be lost: sysctl -w net.core.{key}={SOCKET_BUFFER_BYTES}",
        bytes / 1024,
        SOCKET_BUFFER_BYTES / 1024,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_buffers_are_named_with_the_command_that_helps() {
        let note = buffers("rmem_max", Some(212_992)).unwrap();
        assert!(note.text().contains("sysctl -w net.core.rmem_max=4194304"));
        assert_eq!(buffers("rmem_max", Some(8 << 20)), None);
        assert_eq!(buffers("rmem_max", None), None);
    }

    #[test]
    fn more_descriptors_than_the_system_gives_are_refused() {
        assert_eq!(descriptors(1), Ok(()));
        // A kernel without any bound refuses nothing.
        if let Err(refused) = descriptors(u64::MAX) {
            assert!(refused.to_string().contains("ulimit"));
        }
    }
}
