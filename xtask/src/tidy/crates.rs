//! Which crate may depend on which.

use super::finding::Finding;
use crate::metadata::{Dependency, Metadata, Package};

/// The members of the workspace that a member may have as a normal dependency.
struct MemberRule {
    member: &'static str,
    may_need: &'static [&'static str],
}

const MEMBERS: [MemberRule; 8] = [
    MemberRule {
        member: "parlor-protocol",
        may_need: &[],
    },
    MemberRule {
        member: "parlor-server",
        may_need: &["parlor-protocol"],
    },
    MemberRule {
        member: "parlor-client-core",
        may_need: &["parlor-protocol"],
    },
    // The server only for the demo.
    MemberRule {
        member: "parlor",
        may_need: &["parlor-protocol", "parlor-client-core", "parlor-server"],
    },
    MemberRule {
        member: "parlor-services",
        may_need: &[],
    },
    MemberRule {
        member: "parlor-bench",
        may_need: &["parlor-protocol", "parlor-client-core", "parlor-services"],
    },
    MemberRule {
        member: "parlor-testkit",
        may_need: &[
            "parlor-protocol",
            "parlor-client-core",
            "parlor-services",
            "parlor-server",
        ],
    },
    MemberRule {
        member: "xtask",
        may_need: &[],
    },
];

/// Neither may have the other in its manifest, not even for tests: testkit joins them.
const STRANGERS: [&str; 2] = ["parlor-server", "parlor-client-core"];

/// Crates that only `owners` may have in their manifest. A family is a name and all `name-*`.
struct OwnedRule {
    family: &'static str,
    owners: &'static [&'static str],
}

const OWNED: [OwnedRule; 5] = [
    OwnedRule {
        family: "sqlx",
        owners: &["parlor-server", "parlor-client-core"],
    },
    OwnedRule {
        family: "quinn",
        owners: &[
            "parlor-server",
            "parlor-client-core",
            "parlor-testkit",
            "parlor-bench",
        ],
    },
    OwnedRule {
        family: "bincode",
        owners: &["parlor-protocol"],
    },
    OwnedRule {
        family: "redis",
        owners: &["parlor-server"],
    },
    OwnedRule {
        family: "tun",
        owners: &["parlor-testkit"],
    },
];

/// The wire has no I/O and no runtime: it reaches none of these families.
const NOT_IN_PROTOCOL: [&str; 4] = ["tokio", "quinn", "sqlx", "mio"];

const MANIFEST: &str = "Cargo.toml";

pub(crate) fn check(metadata: &Metadata) -> Vec<Finding> {
    let members: Vec<&Package> = metadata.members().collect();
    let mut findings: Vec<Finding> = members
        .iter()
        .flat_map(|member| check_manifest(member, &members))
        .collect();
    for protocol in members
        .iter()
        .filter(|member| member.name == "parlor-protocol")
    {
        let reached = metadata.reached_by(protocol);
        let forbidden = reached
            .iter()
            .filter(|name| NOT_IN_PROTOCOL.iter().any(|family| is_of(name, family)));
        findings.extend(forbidden.map(|name| {
            Finding::new(
                MANIFEST,
                0,
                format!("parlor-protocol reaches {name}: the wire has no I/O"),
            )
        }));
    }
    findings
}

fn check_manifest(member: &Package, members: &[&Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = member.name.as_str();
    let mut found = |message: String| findings.push(Finding::new(MANIFEST, 0, message));
    let rule = MEMBERS.iter().find(|rule| rule.member == name);
    if rule.is_none() {
        found(format!(
            "{name} is a new member: say in `cargo xtask tidy` what it may need"
        ));
    }
    for dependency in &member.dependencies {
        let needed = dependency.name.as_str();
        let is_member = members.iter().any(|other| other.name == needed);
        let may_need = rule.is_none_or(|rule| rule.may_need.contains(&needed));
        if is_member && is_normal(dependency) && !may_need {
            found(format!(
                "{name} must not depend on {needed}: dependencies point one way"
            ));
        }
        if STRANGERS.contains(&name) && STRANGERS.contains(&needed) && name != needed {
            found(format!(
                "{name} must not depend on {needed}, not even for tests"
            ));
        }
        for owned in OWNED.iter().filter(|owned| is_of(needed, owned.family)) {
            if !owned.owners.contains(&name) {
                let owners = owned.owners.join(", ");
                found(format!(
                    "{name} must not depend on {needed}: only {owners} may"
                ));
            }
        }
    }
    findings
}

fn is_normal(dependency: &Dependency) -> bool {
    dependency.kind.is_none()
}

fn is_of(name: &str, family: &str) -> bool {
    name.strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests;
