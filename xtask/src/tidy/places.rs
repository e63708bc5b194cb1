//! No file speaks of the machine it was written on.

use super::finding::Finding;
use super::rust::RustSource;
use super::tree::{TextFile, is_test_file};

/// Folders at the root of a build machine. An absolute path below one works nowhere else.
const FOLDERS: [&str; 3] = ["work", "tmp", "root"];

/// Where cargo happens to fetch from is a setting of the machine.
const REGISTRY_HOSTS: [&str; 2] = ["static", "index"];
const REGISTRY: &str = "crates.io";

/// `source` where the file is Rust: its tests may use any path.
pub(crate) fn check(file: &TextFile, source: Option<&RustSource>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let is_test = is_test_file(&file.path) || source.is_some_and(|s| s.is_test(number));
        if !is_test && let Some(folder) = machine_folder(line) {
            let message = format!("an absolute path below /{folder} works on one machine only");
            findings.push(Finding::new(&file.path, number, message));
        }
        if let Some(host) = registry_host(line) {
            findings.push(Finding::new(
                &file.path,
                number,
                format!("names the host {host}"),
            ));
        }
    }
    findings
}

fn machine_folder(line: &str) -> Option<&'static str> {
    FOLDERS.into_iter().find(|folder| {
        let path = format!("/{folder}/");
        line.match_indices(&path)
            .any(|(at, _)| starts_a_path(&line[..at]))
    })
}

/// Whether a path may begin after `before`: not where it goes on, as in `./` or `docs/`.
fn starts_a_path(before: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "._-~/}*$".contains(c);
    !before.ends_with(inside)
}

fn registry_host(line: &str) -> Option<String> {
    REGISTRY_HOSTS
        .into_iter()
        .map(|name| format!("{name}.{REGISTRY}"))
        .find(|host| line.contains(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let source = path
            .ends_with(".rs")
            .then(|| RustSource::read(text).unwrap());
        check(&file, source.as_ref()).len()
    }

    #[test]
    fn absolute_paths_of_a_machine_are_found() {
        for folder in FOLDERS {
            let path = format!("/{folder}/invented");
            assert_eq!(found("a.md", &format!("see `{path}/x`")), 1);
            assert_eq!(found("run.sh", &format!("OUT={path}")), 1);
            assert_eq!(found("a.rs", &format!("const A: &str = {path:?};")), 1);
        }
    }

    #[test]
    fn relative_paths_and_tests_are_free() {
        for folder in FOLDERS {
            let relative =
                format!("docs/{folder}/x ../{folder}/y ${{HOME}}/{folder}/z http://h/{folder}/");
            assert_eq!(found("a.md", &relative), 0);
            let line = format!("const A: &str = \"/{folder}/invented\";");
            assert_eq!(found("a/tests/b.rs", &line), 0);
            let test = format!("#[cfg(test)]\nmod t {{\n{line}\n}}");
            assert_eq!(found("a.rs", &test), 0);
        }
    }

    #[test]
    fn registry_hosts_are_found_everywhere() {
        let text = format!("// https://{}.{REGISTRY}/a", REGISTRY_HOSTS[0]);
        assert_eq!(found("a/tests/b.rs", &text), 1);
        assert_eq!(found("a.md", "on crates.io"), 0);
    }
}
