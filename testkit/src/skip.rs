//! Tests that a machine cannot run: each says so by name, with the reason, in one list.
//!
//! A skipped test must not look like one that passed. `cargo xtask test` names a file in
//! [`LIST`], and shows its lines after the tests.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// The variable that names the file; without it the reason only goes to the test's output.
pub const LIST: &str = "PARLOR_SKIPS";

/// Notes that a test did not run here, and why.
pub fn note(test: &str, reason: &dyn std::fmt::Display) {
    let line = format!("skipped: {test}: {reason}");
    println!("{line}");
    let Some(path) = std::env::var_os(LIST) else {
        return;
    };
    if let Some(folder) = Path::new(&path).parent() {
        // Opening says what is wrong, if anything is.
        let _ = std::fs::create_dir_all(folder);
    }
    let opened = OpenOptions::new().create(true).append(true).open(path);
    // One write a line: tests run beside each other.
    let written = opened.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    if let Err(error) = written {
        println!("and the list of skipped tests cannot be written: {error}");
    }
}
