//! `cargo xtask tidy`: rules of the tree that no compiler checks.
//!
//! Each rule is a plain function from text to findings. Findings fail; sizes are only reported.

mod crates;
mod finding;
mod links;
mod migrations;
mod names;
mod places;
mod rust;
mod safety;
mod sizes;
mod tree;

use crate::metadata::Metadata;
use crate::program::Failure;
use finding::Finding;
use rust::RustSource;
use tree::Tree;

/// Reads the tree, prints every finding and the sizes worth a second look.
pub(crate) fn run() -> Result<(), Failure> {
    let tree = Tree::read()?;
    let mut findings = crates::check(&Metadata::read()?);
    findings.extend(links::check(&tree));
    findings.extend(migrations::check(&tree));
    let mut sizes = sizes::Report::default();
    for file in &tree.files {
        let source = file
            .path
            .ends_with(".rs")
            .then(|| RustSource::read(&file.text));
        let source = match source {
            Some(Ok(source)) => Some(source),
            Some(Err(line)) => {
                findings.push(Finding::new(&file.path, line, "is not Rust up to here"));
                None
            }
            None => None,
        };
        findings.extend(places::check(file, source.as_ref()));
        if let Some(source) = &source {
            findings.extend(names::check(&file.path, source));
            findings.extend(safety::check(file, source));
            sizes.add(file, source);
        }
    }
    print!("{sizes}");
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(Failure::Unmet(format!("tidy: {count} findings, see above"))),
    }
}
