//! The files of the repository: tracked or new, but not ignored.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use crate::program::{Failure, output, program, root};

/// A file whose content is text. Its path is from the root, with `/`.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<TextFile>,
    /// Every file and folder, also those that hold no text.
    pub(crate) paths: BTreeSet<String>,
}

impl Tree {
    /// Asks git for the files and reads those that are UTF-8.
    pub(crate) fn read() -> Result<Self, Failure> {
        let listed = output(program(
            "git",
            &[
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ],
        ))?;
        let mut tree = Self::default();
        for path in listed.split_terminator('\0') {
            match fs::read(root().join(path)) {
                Ok(bytes) => tree.add(path, bytes),
                // Deleted and not committed yet, or a link to somewhere else.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(Failure::File {
                        action: "reading",
                        path: path.to_owned(),
                        source,
                    });
                }
            }
        }
        Ok(tree)
    }

    pub(crate) fn add(&mut self, path: &str, bytes: Vec<u8>) {
        let mut folder = path;
        while self.paths.insert(folder.to_owned()) {
            folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        if let Ok(text) = String::from_utf8(bytes) {
            self.files.push(TextFile {
                path: path.to_owned(),
                text,
            });
        }
    }

    pub(crate) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Whether the whole file is test code by its place or name.
pub(crate) fn is_test_file(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    parts.contains(&"tests") || name == "tests.rs" || name.ends_with("_tests.rs")
}
