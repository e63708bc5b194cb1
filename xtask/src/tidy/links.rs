//! Relative links in the documents lead to files and headings that are there.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::finding::Finding;
use super::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    documents
        .flat_map(|file| check_document(tree, &file.path, &file.text))
        .collect()
}

fn check_document(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    events
        .filter_map(|(event, place)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let broken = broken(tree, path, &dest_url)?;
                let line = text[..place.start].matches('\n').count() + 1;
                Some(Finding::new(path, line, broken))
            }
            _ => None,
        })
        .collect()
}

/// What is wrong with the link; `None` if it leads somewhere, or out of the repository by URL.
fn broken(tree: &Tree, from: &str, link: &str) -> Option<String> {
    if has_scheme(link) {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let Some(target) = resolve(from, file) else {
        return Some(format!("the link {link} leaves the repository"));
    };
    if !tree.paths.contains(&target) {
        return Some(format!(
            "the link {link} leads to no file: there is no {target}"
        ));
    }
    if anchor.is_empty() || !target.ends_with(".md") {
        return None;
    }
    let text = &tree.file(&target)?.text;
    let known = has_id(text, anchor) || anchors(text).iter().any(|known| known == anchor);
    (!known).then(|| format!("the link {link} leads to no heading of {target}"))
}

fn has_scheme(link: &str) -> bool {
    let scheme = link.split_once(':').map_or("", |(scheme, _)| scheme);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    link.starts_with("//") || (!scheme.is_empty() && scheme.chars().all(allowed))
}

/// The path from the root; `None` above it. An empty `link` is the document itself.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.split('/').collect(),
    };
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn has_id(text: &str, anchor: &str) -> bool {
    text.contains(&format!("id=\"{anchor}\"")) || text.contains(&format!("name=\"{anchor}\""))
}

/// The anchors of all headings, as code forges make them; doubles are numbered.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(words) | Event::Code(words), Some(heading)) => heading.push_str(&words),
            (Event::End(TagEnd::Heading(_)), _) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let times = seen.entry(slug.clone()).or_default();
                anchors.push(match *times {
                    0 => slug,
                    more => format!("{slug}-{more}"),
                });
                *times += 1;
            }
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut tree = Tree::default();
        tree.add("docs/a.md", text.as_bytes().to_vec());
        tree.add(
            "docs/b.md",
            b"# The `wire`: 1.0\n## Same\n## Same\n".to_vec(),
        );
        tree.add("docs/c.png", vec![0xff]);
        tree.add("README.md", b"# Parlor\n".to_vec());
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_to_what_is_there_are_fine() {
        let text = "# Here\n[a](b.md) [b](../README.md#parlor) [c](#here) [d](/docs/) ![e](c.png)\n\
                    [f](b.md#the-wire-10) [g](b.md#same-1) [h](https://x/y#z) [i](mailto:a@b.c)\n\
                    `[j](no.md)`";
        assert_eq!(findings(text), Vec::<String>::new());
    }

    #[test]
    fn a_missing_file_is_found_with_its_line() {
        let found = findings("\n\n[a](no.md)\n");
        assert_eq!(
            found,
            ["docs/a.md:3: the link no.md leads to no file: there is no docs/no.md"]
        );
        assert_eq!(findings("[a][r]\n\n[r]: ../no.md\n").len(), 1);
        assert_eq!(findings("![a](no.png)").len(), 1);
    }

    #[test]
    fn a_missing_heading_is_found() {
        assert_eq!(findings("[a](b.md#wire)").len(), 1);
        assert_eq!(findings("[a](#there)").len(), 1);
    }

    #[test]
    fn a_link_out_of_the_repository_is_found() {
        assert_eq!(findings("[a](../../x.md)").len(), 1);
    }
}
