//! Frozen bytes, kept as files that people can read and that only ever grow in number.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

/// Set to `write` to add the files that are missing; files that exist are never written.
pub const WRITE: &str = "PARLOR_GOLDEN";

/// A folder of this crate.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Whether missing files are to be added.
pub fn adding() -> bool {
    std::env::var(WRITE).is_ok_and(|value| value == "write")
}

/// Bytes as lines of 32, in hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes
        .chunks(32)
        .map(|line| HEXLOWER.encode(line) + "\n")
        .collect()
}

/// The bytes of such lines.
pub fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    HEXLOWER.decode(digits.as_bytes()).expect("hexadecimal")
}

/// What a frozen file holds. A missing one is added when asked for, else reported.
pub fn frozen(path: &Path, bytes: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(from_hex(&text)),
        Err(_) if adding() => {
            let bytes = bytes();
            std::fs::write(path, to_hex(&bytes)).expect("write a golden file");
            Ok(bytes)
        }
        Err(error) => Err(format!(
            "{}: {error}. A new (type, revision) needs its bytes frozen: run the tests once with \
             {WRITE}=write, read the new file, and commit it.",
            path.display()
        )),
    }
}
