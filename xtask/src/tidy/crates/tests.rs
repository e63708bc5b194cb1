use std::collections::BTreeSet;

use super::*;

/// A workspace of `members`; an edge is `(from, to, kind)`, a name that is no member a crate.
fn findings(members: &[&str], edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
    let names: BTreeSet<&str> = members
        .iter()
        .copied()
        .chain(edges.iter().flat_map(|(from, to, _)| [*from, *to]))
        .collect();
    let from = |name: &str| {
        edges
            .iter()
            .filter(move |edge| edge.0 == name)
            .map(|(_, to, kind)| (*to, *kind))
            .collect::<Vec<_>>()
    };
    let packages: Vec<_> = names
        .iter()
        .map(|name| {
            let declared: Vec<_> = from(name)
                .iter()
                .map(|(to, kind)| serde_json::json!({"name": to, "kind": kind}))
                .collect();
            serde_json::json!({"id": name, "name": name, "dependencies": declared})
        })
        .collect();
    let nodes: Vec<_> = names
        .iter()
        .map(|name| {
            let resolved: Vec<_> = from(name)
                .iter()
                .map(|(to, kind)| serde_json::json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                .collect();
            serde_json::json!({"id": name, "deps": resolved})
        })
        .collect();
    let json = serde_json::json!({
        "packages": packages,
        "resolve": {"nodes": nodes},
        "workspace_members": members,
        "target_directory": "target",
    });
    let metadata = Metadata::parse(&json.to_string()).unwrap();
    check(&metadata).iter().map(ToString::to_string).collect()
}

#[test]
fn a_runtime_below_the_wire_is_found_however_deep() {
    let edges = [
        ("parlor-protocol", "bytes", None),
        ("bytes", "tokio-util", None),
    ];
    let found = findings(&["parlor-protocol"], &edges);
    assert_eq!(
        found,
        ["Cargo.toml: parlor-protocol reaches tokio-util: the wire has no I/O"]
    );
}

#[test]
fn what_the_wire_needs_for_its_tests_is_free() {
    let edges = [
        ("parlor-protocol", "wincode", Some("dev")),
        ("wincode", "tokio", None),
    ];
    assert!(findings(&["parlor-protocol"], &edges).is_empty());
}

#[test]
fn server_and_client_needing_each_other_are_found_even_for_tests() {
    let members = ["parlor-server", "parlor-client-core"];
    let edges = [("parlor-client-core", "parlor-server", Some("dev"))];
    assert_eq!(findings(&members, &edges).len(), 1);
    let edges = [("parlor-server", "parlor-client-core", None)];
    assert_eq!(findings(&members, &edges).len(), 2);
}

#[test]
fn a_face_with_sql_or_quic_is_found() {
    for (member, needed, found) in [
        ("parlor", "sqlx", 1),
        ("parlor", "quinn-proto", 1),
        ("parlor-bench", "sqlx", 1),
        ("parlor-bench", "quinn", 0),
        ("parlor-server", "quinn", 0),
        ("parlor-server", "bincode", 1),
    ] {
        let edges = [(member, needed, None)];
        assert_eq!(
            findings(&[member], &edges).len(),
            found,
            "{member} on {needed}"
        );
    }
}

#[test]
fn a_dependency_against_the_stream_is_found() {
    let members = ["parlor-protocol", "parlor-bench", "parlor-server"];
    let edges = [("parlor-protocol", "parlor-bench", None)];
    assert_eq!(findings(&members, &edges).len(), 1);
    let edges = [("parlor-bench", "parlor-server", None)];
    assert_eq!(findings(&members, &edges).len(), 1);
    let edges = [("parlor-bench", "parlor-protocol", None)];
    assert!(findings(&members, &edges).is_empty());
}

#[test]
fn a_member_without_a_rule_is_found() {
    assert_eq!(findings(&["parlor-gateway"], &[]).len(), 1);
}
