//! Which folders may name which crate.

use super::finding::Finding;
use super::rust::RustSource;

/// `names` may stand only in files below one of `folders` (a file's own path counts too).
struct NameRule {
    names: &'static [&'static str],
    folders: &'static [&'static str],
    reason: &'static str,
}

const RULES: [NameRule; 5] = [
    NameRule {
        names: &["sqlx", "sqlx_core", "sqlx_sqlite"],
        folders: &["server/src/store/", "client-core/src/store/"],
        reason: "SQL stays behind the two stores",
    },
    NameRule {
        names: &["quinn", "quinn_proto", "quinn_udp"],
        folders: &[
            "server/src/net/",
            "client-core/src/net/",
            "testkit/",
            "bench/",
        ],
        reason: "QUIC stays behind the two net folders",
    },
    NameRule {
        names: &["bincode"],
        folders: &["protocol/src/codec.rs"],
        reason: "bincode is unmaintained: one module can be replaced",
    },
    NameRule {
        names: &["parlor_server"],
        folders: &["server/", "tui/", "testkit/"],
        reason: "clients know the wire, not the server; only the demo and the tests join them",
    },
    NameRule {
        names: &["parlor_client_core"],
        folders: &["client-core/", "tui/", "bench/", "testkit/"],
        reason: "the server knows the wire, not the client",
    },
];

pub(crate) fn check(path: &str, source: &RustSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &RULES {
        if rule.folders.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let broken = source
            .names
            .iter()
            .filter(|name| rule.names.contains(&name.text.as_str()));
        findings.extend(broken.map(|name| {
            let folders = rule.folders.join(", ");
            let message = format!("`{}` belongs in {folders}: {}", name.text, rule.reason);
            Finding::new(path, name.line, message)
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let source = RustSource::read(text).unwrap();
        check(path, &source)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn sqlx_outside_a_store_is_found() {
        let found = findings("server/src/room/committer.rs", "\nuse sqlx::Row;");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("server/src/room/committer.rs:2: `sqlx`"));
        assert!(findings("server/src/store/sqlite/rows.rs", "use sqlx::Row;").is_empty());
    }

    #[test]
    fn quinn_outside_net_is_found() {
        let text = "fn f(c: quinn::Connection) {}";
        assert_eq!(findings("server/src/shard/hub.rs", text).len(), 1);
        assert_eq!(findings("tui/src/app.rs", text).len(), 1);
        assert!(findings("client-core/src/net/link.rs", text).is_empty());
        assert!(findings("testkit/src/relay.rs", text).is_empty());
    }

    #[test]
    fn bincode_outside_the_codec_is_found() {
        assert_eq!(
            findings("protocol/src/frame.rs", "use bincode::Encode;").len(),
            1
        );
        assert!(findings("protocol/src/codec.rs", "use bincode::Encode;").is_empty());
    }

    #[test]
    fn server_and_client_naming_each_other_are_found() {
        assert_eq!(
            findings("client-core/tests/a.rs", "use parlor_server::X;").len(),
            1
        );
        assert_eq!(
            findings("bench/src/main.rs", "use parlor_server::X;").len(),
            1
        );
        assert_eq!(
            findings("server/src/lib.rs", "use parlor_client_core::X;").len(),
            1
        );
        assert!(findings("tui/src/demo.rs", "use parlor_server::X;").is_empty());
    }

    #[test]
    fn comments_may_name_anything() {
        let text = "//! sqlx and quinn\n/// bincode\n// parlor_server\nfn f() {}";
        assert!(findings("xtask/src/main.rs", text).is_empty());
    }
}
