//! Files and functions that may hold more than one thing: reported, never failed.

use std::cmp::Reverse;
use std::fmt;

use super::rust::RustSource;
use super::tree::TextFile;

/// A second look at a file above this many lines.
const FILE_LINES: usize = 500;

/// A function above this many lines does not fit a screen.
const FUNCTION_LINES: usize = 80;

#[derive(Default)]
pub(crate) struct Report {
    files: Vec<(usize, String)>,
    functions: Vec<(usize, String)>,
}

impl Report {
    pub(crate) fn add(&mut self, file: &TextFile, source: &RustSource) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            self.files.push((lines, file.path.clone()));
        }
        for function in &source.functions {
            let (first, last) = (function.lines.start(), function.lines.end());
            let lines = last - first + 1;
            if lines > FUNCTION_LINES {
                let place = format!("{}:{first} {}", file.path, function.name);
                self.functions.push((lines, place));
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("files", FILE_LINES, &self.files),
            ("functions", FUNCTION_LINES, &self.functions),
        ];
        for (what, bound, list) in lists {
            writeln!(f, "{what} over {bound} lines: {}", list.len())?;
            let mut longest_first: Vec<_> = list.iter().collect();
            longest_first.sort_by_key(|(lines, _)| Reverse(*lines));
            for (lines, place) in longest_first {
                writeln!(f, "  {lines:5} {place}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_functions_are_listed_longest_first() {
        let body = "    go();\n".repeat(FUNCTION_LINES);
        let text = format!("fn short() {{}}\nfn long() {{\n{body}}}\n").repeat(7);
        let file = TextFile {
            path: "a.rs".to_owned(),
            text: text.clone(),
        };
        let mut report = Report::default();
        report.add(&file, &RustSource::read(&text).unwrap());
        let shown = report.to_string();
        assert!(
            shown.starts_with("files over 500 lines: 1\n    581 a.rs\n"),
            "{shown}"
        );
        assert!(
            shown.contains("functions over 80 lines: 7\n     82 a.rs:2 long\n"),
            "{shown}"
        );
        assert!(!shown.contains("short"));
    }
}
