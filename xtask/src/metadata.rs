//! What cargo knows of the workspace, read from `cargo metadata`.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use serde::Deserialize;

use crate::program::{Failure, cargo, line, output};

/// The part of `cargo metadata` (format 1) that the checks look at.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) resolve: Resolve,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as a manifest declares it. `kind` is `None` for a normal one.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

impl Metadata {
    /// Asks cargo. Default features, all targets, the versions of Cargo.lock.
    pub(crate) fn read() -> Result<Self, Failure> {
        let command = cargo(&["metadata", "--format-version", "1"]);
        let asked = line(&command);
        Self::parse(&output(command)?).map_err(|bad| Failure::Output {
            line: asked,
            reason: bad.to_string(),
        })
    }

    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The packages of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        let ids: BTreeSet<&str> = self.workspace_members.iter().map(String::as_str).collect();
        self.packages
            .iter()
            .filter(move |package| ids.contains(package.id.as_str()))
    }

    /// Names of all packages that `package` reaches by normal dependencies, itself left out.
    pub(crate) fn reached_by<'a>(&'a self, package: &'a Package) -> BTreeSet<&'a str> {
        let names: HashMap<&str, &str> = self
            .packages
            .iter()
            .map(|p| (p.id.as_str(), p.name.as_str()))
            .collect();
        let nodes: HashMap<&str, &Node> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let mut seen = BTreeSet::from([package.id.as_str()]);
        let mut waiting = vec![package.id.as_str()];
        while let Some(id) = waiting.pop() {
            let edges = nodes.get(id).map_or(&[][..], |node| &node.deps);
            for edge in edges.iter().filter(|edge| edge.is_normal()) {
                if seen.insert(&edge.pkg) {
                    waiting.push(&edge.pkg);
                }
            }
        }
        seen.remove(package.id.as_str());
        seen.iter()
            .filter_map(|id| names.get(id).copied())
            .collect()
    }
}

impl Edge {
    fn is_normal(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}
