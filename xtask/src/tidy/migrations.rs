//! Migrations are numbered without a gap, and SQLite's tables are strict.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::tree::{TextFile, Tree};

const FOLDER: &str = "migrations/";

/// PostgreSQL has no STRICT: its tables always are.
const POSTGRES: &str = "migrations/server/postgres/";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_migration(file)) {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        folders.entry(folder).or_default().push(name);
        if !file.path.starts_with(POSTGRES) {
            findings.extend(check_strict(&file.path, &file.text));
        }
    }
    for (folder, names) in folders {
        findings.extend(check_numbers(folder, names));
    }
    findings
}

fn is_migration(file: &TextFile) -> bool {
    file.path.starts_with(FOLDER) && file.path.ends_with(".sql")
}

/// `1_name.sql`, `2_name.sql` …, with any number of leading zeros.
fn check_numbers(folder: &str, mut names: Vec<&str>) -> Vec<Finding> {
    let number = |name: &str| name.split('_').next().and_then(|n| n.parse::<u64>().ok());
    names.sort_by_key(|name| number(name));
    let wrong = (1..)
        .zip(names)
        .filter(|(expected, name)| number(name) != Some(*expected));
    wrong
        .map(|(expected, name)| {
            let message = format!("should be number {expected}: numbers leave no gap");
            Finding::new(&format!("{folder}/{name}"), 0, message)
        })
        .collect()
}

fn check_strict(path: &str, sql: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut line = 1;
    for statement in plain(sql).split_inclusive(';') {
        let start = statement.len() - statement.trim_start().len();
        let at = line + statement[..start].matches('\n').count();
        line += statement.matches('\n').count();
        if creates_table(statement) && !is_strict(statement) {
            findings.push(Finding::new(path, at, "this table must end in STRICT"));
        }
    }
    findings
}

fn creates_table(statement: &str) -> bool {
    let words = statement.split_whitespace().map(str::to_ascii_uppercase);
    let mut words = words.filter(|word| word != "TEMP" && word != "TEMPORARY");
    words.next().as_deref() == Some("CREATE") && words.next().as_deref() == Some("TABLE")
}

/// What follows the last parenthesis are the table's options.
fn is_strict(statement: &str) -> bool {
    let options = statement.rsplit(')').next().unwrap_or_default();
    let mut words = options.split(|c: char| !c.is_ascii_alphabetic());
    words.any(|word| word.eq_ignore_ascii_case("STRICT"))
}

/// `sql` with comments, strings and quoted names blanked; lines stay where they are.
fn plain(sql: &str) -> String {
    let mut plain = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            // A doubled quote inside is two strings in a row, which is blank all the same.
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            other => {
                plain.push(other);
                rest = &rest[other.len_utf8()..];
                continue;
            }
        };
        let (blanked, after) = rest.split_at(length);
        plain.extend(blanked.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(sql: &str) -> Vec<String> {
        check_strict("m.sql", sql)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_gap_a_double_and_a_name_without_number_are_found() {
        assert!(check_numbers("m", vec!["0002_b.sql", "0001_a.sql"]).is_empty());
        assert_eq!(
            check_numbers("m", vec!["0001_a.sql", "0003_c.sql"]).len(),
            1
        );
        assert_eq!(
            check_numbers("m", vec!["0001_a.sql", "0001_b.sql"]).len(),
            1
        );
        assert!(!check_numbers("m", vec!["0001_a.sql", "b.sql"]).is_empty());
    }

    #[test]
    fn a_table_that_is_not_strict_is_found_with_its_line() {
        let sql = "-- why\nCREATE TABLE a (x INTEGER) STRICT;\n\n-- b\nCREATE TABLE b (x INT);";
        assert_eq!(strict(sql), ["m.sql:5: this table must end in STRICT"]);
        assert_eq!(strict("create temp table b (x int)").len(), 1);
    }

    #[test]
    fn comments_strings_and_other_statements_do_not_matter() {
        let sql = "CREATE TABLE a (x TEXT DEFAULT 'it''s;)') WITHOUT ROWID, STRICT;\n\
                   CREATE VIRTUAL TABLE f USING fts5(x);\n\
                   CREATE INDEX i ON a (x); /* CREATE TABLE; */ -- ; CREATE TABLE z (a);\n";
        assert!(strict(sql).is_empty());
        assert_eq!(strict("CREATE TABLE a (x INT) -- STRICT\n;").len(), 1);
    }
}
