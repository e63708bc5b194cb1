//! Every `unsafe` outside tests has its proof beside it.

use super::finding::Finding;
use super::rust::RustSource;
use super::tree::{TextFile, is_test_file};

const PROOF: &str = "// SAFETY:";

pub(crate) fn check(file: &TextFile, source: &RustSource) -> Vec<Finding> {
    if is_test_file(&file.path) {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    source
        .unsafe_lines
        .iter()
        .filter(|line| !source.is_test(**line) && !is_proved(&lines[..**line - 1]))
        .map(|line| {
            Finding::new(
                &file.path,
                *line,
                format!("`unsafe` needs a `{PROOF}` comment right above"),
            )
        })
        .collect()
}

/// Whether the lines above end in a comment with a proof, or the statement's first line has one.
fn is_proved(above: &[&str]) -> bool {
    let mut above = above.iter().rev();
    let before_statement = above.find(|line| ends_statement(line) || line.starts_with("//"));
    let mut comment = before_statement
        .into_iter()
        .chain(above)
        .take_while(|line| line.starts_with("//"));
    comment.any(|line| line.starts_with(PROOF))
}

fn ends_statement(line: &str) -> bool {
    line.is_empty() || line.ends_with([';', '{', '}', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(&file, &RustSource::read(text).unwrap()).len()
    }

    #[test]
    fn a_proof_right_above_is_enough() {
        assert_eq!(
            found(
                "a.rs",
                "fn f() {\n// SAFETY: it is\n// so.\nunsafe { g() }\n}"
            ),
            0
        );
        assert_eq!(
            found("a.rs", "// SAFETY: it is so.\nlet a =\nunsafe { g() };"),
            0
        );
    }

    #[test]
    fn none_or_one_further_up_is_found() {
        assert_eq!(found("a.rs", "fn f() {\nunsafe { g() }\n}"), 1);
        assert_eq!(
            found("a.rs", "fn f() {\n// SAFETY: x\nh();\nunsafe { g() }\n}"),
            1
        );
        assert_eq!(found("a.rs", "// Why not.\nunsafe impl Send for A {}"), 1);
        assert_eq!(
            found("a.rs", "// SAFETY: x\n\nunsafe impl Send for A {}"),
            1
        );
    }

    #[test]
    fn tests_are_free() {
        assert_eq!(found("a/tests/b.rs", "fn f() { unsafe { g() } }"), 0);
        assert_eq!(
            found(
                "a.rs",
                "#[cfg(test)]\nmod t {\nfn f() { unsafe { g() } }\n}"
            ),
            0
        );
    }
}
