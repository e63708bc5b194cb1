//! How many tests passed and failed, from nextest's JUnit report.

/// Tests of one run. One that passed on a retry has passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Reads the attributes of the report's root element; `None` if it is no such report.
    pub(crate) fn parse(report: &str) -> Option<Self> {
        let start = report.find("<testsuites ")?;
        let root = &report[start..];
        let root = &root[..root.find('>')?];
        let run = attribute(root, "tests")?;
        let failed = attribute(root, "failures")? + attribute(root, "errors")?;
        Some(Self {
            passed: run.checked_sub(failed)?,
            failed,
        })
    }
}

fn attribute(element: &str, name: &str) -> Option<u64> {
    let start = element.find(&format!(" {name}=\""))?;
    let value = element[start..].split('"').nth(1)?;
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_errors_are_both_failed() {
        let report = r#"<?xml version="1.0"?>
<testsuites name="nextest-run" tests="12" failures="2" errors="1" uuid="x" time="0.4">
    <testsuite name="a" tests="12" failures="9">"#;
        let expected = Tally {
            passed: 9,
            failed: 3,
        };
        assert_eq!(Tally::parse(report), Some(expected));
    }

    #[test]
    fn another_document_has_no_tally() {
        assert_eq!(Tally::parse("<html tests=\"1\">"), None);
        assert_eq!(Tally::parse("<testsuites tests=\"1\">"), None);
        assert_eq!(Tally::parse("<testsuites "), None);
    }
}
