#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use super::*;

fn from_file(text: &str) -> Result<Loaded, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, text).unwrap();
    load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Loaded, LoadError> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load(&Sources {
        environment: Environment(pairs.iter().map(owned).collect()),
        ..Sources::default()
    })
}

#[track_caller]
fn refused(outcome: Result<Loaded, LoadError>, expected: &str) {
    let text = outcome.expect_err("must be refused").to_string();
    // The file's folder differs in each run.
    let text = match text.find("server.toml") {
        Some(at) => &text[at..],
        None => &text,
    };
    assert_eq!(text, expected);
}

#[test]
fn nothing_given_means_defaults() {
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.config.listen.port, 7443);
    assert_eq!(loaded.origin("listen.port"), &Origin::Default);
}

#[test]
fn flags_win_over_environment_over_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    let text = "[listen]\nport = 1\n[link]\nidle_s = 50\nmax = 10\n";
    std::fs::write(&path, text).unwrap();
    let loaded = load(&Sources {
        file: Some(path.clone()),
        environment: Environment(vec![
            ("PARLOR_LISTEN_PORT".into(), "2".into()),
            ("PARLOR_LINK_IDLE_S".into(), "55".into()),
        ]),
        flags: vec![("--port".into(), "listen.port".into(), "3".into())],
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(loaded.config.listen.port, 3);
    assert_eq!(loaded.config.link.idle_s, 55);
    assert_eq!(loaded.config.link.max, 10);
    assert_eq!(loaded.origin("listen.port"), &Origin::Flag("--port".into()));
    let variable = Origin::Variable("PARLOR_LINK_IDLE_S".into());
    assert_eq!(loaded.origin("link.idle_s"), &variable);
    assert_eq!(loaded.origin("link.max"), &Origin::File { path, line: 5 });
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_right_one() {
    refused(
        from_file("[listen]\n\nprot = 1\n"),
        "server.toml:3: unknown setting \"listen.prot\"; did you mean \"listen.port\"?",
    );
    refused(
        from_file("[limit.sends]\nburst = 1\n"),
        "server.toml:1: unknown setting \"limit\"; did you mean \"limits\"?",
    );
    refused(
        from_file("heartbeat_s = 9\n"),
        "server.toml:1: unknown setting \"heartbeat_s\"; did you mean \"link.heartbeat_s\"?",
    );
    refused(
        from_file("zzzzzz = 9\n"),
        "server.toml:1: unknown setting \"zzzzzz\"; `parlor-server config defaults` lists them all",
    );
    refused(
        from_environment(&[("PARLOR_LISTEN_PROT", "1")]),
        "environment: unknown setting \"PARLOR_LISTEN_PROT\"; did you mean \"PARLOR_LISTEN_PORT\"?",
    );
}

#[test]
fn a_variable_of_another_program_is_let_be() {
    assert!(from_environment(&[("PARLOR_PROFILE", "work"), ("PATH", "/bin")]).is_ok());
}

#[test]
fn a_value_of_the_wrong_type_or_size_says_what_fits() {
    refused(
        from_file("[listen]\nport = \"7443\"\n"),
        "server.toml:2: listen.port takes a whole number, not \"7443\"",
    );
    refused(
        from_file("[listen]\nport = 99999\n"),
        "server.toml:2: listen.port takes a whole number, not \"99999\"",
    );
    refused(
        from_file("[link]\nidle_s = 1\n"),
        "server.toml:2: link.idle_s must be from 2 to 3600 s, not \"1\"",
    );
    refused(
        from_file("[server]\nregistration = \"none\"\n"),
        "server.toml:2: server.registration takes invite, open or closed, not \"none\"",
    );
    refused(
        from_file("[listen]\nport = [1]\n"),
        "server.toml:2: listen.port takes a whole number, not \"array\"",
    );
    refused(
        from_file("[listen]\nport = \n"),
        "server.toml:2: string values must be quoted, expected literal string",
    );
    refused(
        from_file("listen = 3\n"),
        "server.toml:1: unknown setting \"listen\"; did you mean \"http.listen\"?",
    );
}

#[test]
fn numbers_of_every_radix_are_read() {
    let loaded = from_file("[listen]\nport = 0x1D13\n[link]\nmax = 1_000\n").unwrap();
    assert_eq!(loaded.config.listen.port, 7443);
    assert_eq!(loaded.config.link.max, 1000);
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    refused(
        from_file("[certificate]\nfile = \"cert.pem\"\n"),
        "settings: certificate.key_file is missing: certificate.file needs its private key",
    );
    refused(
        from_file("[link]\nheartbeat_s = 60\n"),
        "server.toml:2: link.heartbeat_s is 60 s, which must be less than link.idle_s (60 s)",
    );
}

#[test]
fn a_secret_comes_from_a_file_and_is_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "hunter2\n").unwrap();
    let path = path.to_str().unwrap();
    let loaded = from_environment(&[("PARLOR_HTTP_METRICS_TOKEN_FILE", path)]).unwrap();
    let token = loaded.config.http.metrics_token.clone().unwrap();
    assert_eq!(token.expose(), "hunter2");
    assert!(!show_toml(&loaded).contains("hunter2"));
    assert!(!show_json(&loaded).to_string().contains("hunter2"));
    assert!(!format!("{loaded:?}").contains("hunter2"));
    refused(
        from_environment(&[("PARLOR_HTTP_METRICS_TOKEN", "two words")]),
        "environment variable PARLOR_HTTP_METRICS_TOKEN: http.metrics_token takes a text of visible ASCII characters, not what was written",
    );
    assert!(from_environment(&[("PARLOR_LISTEN_PORT_FILE", path)]).is_err());
}

#[test]
fn a_named_file_must_be_there_and_the_usual_one_need_not() {
    let absent = Some(PathBuf::from("/nonexistent/server.toml"));
    let named = load(&Sources {
        file: absent.clone(),
        ..Sources::default()
    });
    assert!(named.unwrap_err().to_string().starts_with("cannot read"));
    let usual = load(&Sources {
        usual_file: absent,
        ..Sources::default()
    });
    assert_eq!(usual.unwrap().file, None);
}

#[test]
fn every_default_lies_in_its_range_and_reads_back_as_itself() {
    let mut seen = std::collections::BTreeSet::new();
    Config::default().visit("", &mut |field| {
        let text = field.value.text();
        field.value.set(&text).unwrap();
        assert_eq!(field.value.text(), text, "{}", field.path);
        if let (Some((least, most)), Some(value)) = (field.range, field.value.measure()) {
            assert!((least..=most).contains(&value), "{}", field.path);
        }
        assert!(field.doc.ends_with('.'), "{}", field.path);
        assert!(
            seen.insert(load::variable_of(&field.path)),
            "{}",
            field.path
        );
    });
    assert!(seen.len() > 25);
}

#[test]
fn the_file_of_all_defaults_and_the_shown_settings_read_back() {
    let uncommented: String = defaults_toml()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(from_file(&uncommented).unwrap().config, Config::default());
    let changed = from_file("[server]\nname = \"A \\\"b\\\" # c\"\n").unwrap();
    let shown = from_file(&show_toml(&changed)).unwrap();
    assert_eq!(shown.config, changed.config);
}

#[test]
fn a_public_address_without_a_port_has_the_one_that_is_listened_on() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let address: PublicAddress = text.parse().unwrap();
        assert_eq!(address.at(9).to_string(), expected);
        assert_eq!(address.to_string(), text);
    }
    check("chat.example.org", "chat.example.org:9");
    check("chat.example.org:80", "chat.example.org:80");
    check("a.example,b.example", "a.example,b.example:9");
    check("[2001:db8::1]", "[2001:db8::1]:9");
    check("[2001:db8::1]:80", "[2001:db8::1]:80");
    assert!("two words".parse::<PublicAddress>().is_err());
    assert!("host:0".parse::<PublicAddress>().is_err());
}
