//! What some steps need: a slower disk, a log to replay.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::at;
use crate::program::{Failure, program, run};

/// Each fsync of the server takes 3 ms longer with this preloaded.
const SHIM: &str = "bench/shim/slow_fsync.c";

/// Compiles the shim and says where it is.
pub(super) fn slow_disk(folder: &Path) -> Result<PathBuf, Failure> {
    let library = folder.join("slow_fsync.so");
    let to = library.to_string_lossy();
    let arguments = ["-O2", "-Wall", "-shared", "-fPIC", "-o", &to, SHIM, "-ldl"];
    run(program("gcc", &arguments))?;
    Ok(library)
}

/// Messages of a replay.
const MESSAGES: u64 = 50_000;
/// People of a log that is made.
const PEOPLE: u64 = 700;

/// The recorded log where `PARLOR_CORPUS` names the folder of one, else one that is made.
pub(super) fn log(folder: &Path) -> Result<PathBuf, Failure> {
    if let Some(recorded) = std::env::var_os("PARLOR_CORPUS") {
        return Ok(PathBuf::from(recorded).join("ubuntu-irc.tsv.gz"));
    }
    let path = folder.join("log.tsv");
    fs::write(&path, made()).map_err(|source| at(&path, "writing", source))?;
    Ok(path)
}

/// Seconds of minute resolution, nick, text; lengths and people as uneven as in a real one.
fn made() -> String {
    let mut text = String::new();
    let mut random: u64 = 1;
    let mut minute = 20_000_000;
    for number in 0..MESSAGES {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let drawn = random >> 33;
        minute += u64::from(drawn.is_multiple_of(7));
        let person = (drawn % PEOPLE).min(drawn / 7 % PEOPLE);
        let words = "and so on ".repeat((drawn % 12) as usize);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}\tperson{person}\tmessage {number} 🍅 {words}.",
            minute * 60
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_log_has_the_lines_of_a_recorded_one() {
        let log = made();
        assert_eq!(log.lines().count() as u64, MESSAGES);
        let mut last = 0;
        for line in log.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            let at: u64 = fields[0].parse().unwrap();
            assert!(
                fields.len() == 3 && at.is_multiple_of(60) && at >= last,
                "{line}"
            );
            last = at;
        }
    }
}
