//! The program as an operator meets it: started for real, on folders and ports of its own.
#![allow(clippy::unwrap_used)]

mod databases;
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use parlor_server::cluster::ClusterFile;
use parlor_server::cluster::file::Places;
use parlor_server::config::Secret;
use program::{Machine, Outcome};

#[test]
fn without_a_command_the_help_teaches_the_first_steps() {
    let machine = Machine::new();
    let outcome = machine.run(&[]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.err.contains("parlor-server serve"),
        "{}",
        outcome.err
    );
    let help = machine.run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(
        help.out
            .contains("Exit codes: 0 done, 1 failed or refused, 2 wrong usage or settings.")
    );
    assert_eq!(
        machine.run(&["version"]).out,
        format!("parlor-server {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_first_start_needs_nothing_and_says_everything() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let told = server.told();
    assert!(
        told.contains("owner     nobody has an account yet"),
        "{told}"
    );
    assert!(
        told.contains("firewall  allow port") || told.contains("this machine only"),
        "{told}"
    );
    let link = server.owner_link().unwrap();
    link.parse::<parlor_protocol::link::JoinLink>().unwrap();
    assert!(
        !link.contains(['[', ']', '&', '?', '*']),
        "a shell would read it: {link}"
    );
    for file in fs::read_dir(machine.data()).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?}",
            file.path()
        );
    }
    assert_eq!(
        server.http("/health/ready"),
        (200, "{\"status\":\"ready\"}\n".to_owned())
    );
    assert!(server.http("/metrics").1.contains("\nparlor_links 0\n"));
    server.stop();
    assert!(!machine.data().join("admin.sock").exists());
}

#[test]
fn the_owner_link_stays_the_same_until_somebody_has_an_account() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let first = server.owner_code();
    server.stop();
    let server = machine.serve(&[]);
    assert_eq!(server.owner_code(), first);
    machine.add("ann");
    server.stop();
    let server = machine.serve(&[]);
    assert_eq!(server.owner_link(), None);
    server.stop();
}

#[test]
fn a_second_server_on_the_folder_is_refused() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let outcome = machine.run(&["serve", "--port", "0", "--http", "off"]);
    outcome.failed("is in use by another parlor-server (process ");
    server.stop();
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let (machine, other) = (Machine::new(), Machine::new());
    let server = machine.serve(&[]);
    let port = server.port().to_string();
    let outcome = other.run(&["serve", "--port", &port, "--http", "off"]);
    outcome.failed(&format!("UDP port {port} is in use"));
    let http = server.http_address();
    let outcome = other.run(&["serve", "--port", "0", "--http", &http]);
    outcome.failed("for health and metrics is in use");
    server.stop();
}

#[test]
fn a_folder_of_a_newer_version_is_refused() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    fs::write(machine.data().join("version"), "99\n").unwrap();
    machine
        .run(&["serve", "--port", "0", "--http", "off"])
        .failed("was written by a newer parlor-server");
    machine
        .run(&["user", "list"])
        .failed("was written by a newer parlor-server");
}

/// The same commands, with the server and without.
fn accounts(machine: &Machine) {
    machine
        .run_with_input(
            &["user", "add", "ann", "--admin", "--password-stdin"],
            "a good password\n",
        )
        .done();
    machine
        .run(&[
            "user",
            "add",
            "bob",
            "--display-name",
            "Bob B",
            "--random-password",
        ])
        .done();
    machine
        .run_with_input(
            &["user", "add", "ANN", "--password-stdin"],
            "a good password",
        )
        .failed("is taken");
    machine
        .run_with_input(&["user", "add", "-", "--password-stdin"], "a good password")
        .failed("Names are 2 to 32");
    machine
        .run_with_input(&["user", "add", "eve", "--password-stdin"], "short")
        .failed("Passwords are 8 to 256");
    let listed = machine.run(&["user", "list"]).done();
    assert_eq!(listed.lines().count(), 2);
    // The first administrator has made the first room.
    machine.run(&["invite", "--room", "general"]).done();
    assert!(
        listed
            .lines()
            .any(|line| line.starts_with("ann ") && line.ends_with("administrator"))
    );
    machine.run(&["user", "promote", "bob"]).done();
    machine.run(&["user", "demote", "ann"]).done();
    machine.run(&["user", "disable", "ann"]).done();
    machine
        .run(&["user", "disable", "nobody"])
        .failed("there is no account \"nobody\"");
    let listed = machine.run(&["user", "list", "--json"]).done();
    let rows: Vec<serde_json::Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["disabled"], true);
    assert_eq!(rows[0]["administrator"], false);
    assert_eq!(rows[1]["administrator"], true);
    assert_eq!(rows[1]["display_name"], "Bob B");
    machine.run(&["user", "enable", "ann"]).done();
    machine
        .run_with_input(
            &["user", "reset-password", "ann", "--password-stdin"],
            "a new password",
        )
        .done();
}

#[test]
fn accounts_are_kept_while_the_server_runs() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    accounts(&machine);
    server.stop();
}

#[test]
fn accounts_are_kept_while_no_server_runs() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    accounts(&machine);
}

#[test]
fn there_is_no_prompt_without_a_terminal() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    let outcome = machine.run(&["user", "add", "ann"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.err.contains("--password-stdin"), "{}", outcome.err);
}

#[test]
fn a_tool_on_a_folder_that_is_not_there_makes_none() {
    let machine = Machine::new();
    machine
        .run(&["user", "list"])
        .failed("there is no data of a server in");
    assert!(!machine.data().exists());
}

#[test]
fn invites_are_links_that_carry_address_and_pin() {
    let machine = Machine::new();
    let server = machine.serve(&["--public-address", "chat.example.org"]);
    let port = server.port();
    let link = machine
        .run(&["invite", "--uses", "3", "--expires", "2d"])
        .done();
    let link: parlor_protocol::link::JoinLink = link.trim().parse().unwrap();
    assert_eq!(link.server.to_string(), format!("chat.example.org:{port}"));
    assert!(link.pin.is_some());
    machine
        .run(&["invite", "--room", "nowhere"])
        .failed("there is no room \"nowhere\"");
    assert_eq!(machine.run(&["invite", "--expires", "soon"]).code, 2);
    let json: serde_json::Value =
        serde_json::from_str(&machine.run(&["invite", "--json"]).done()).unwrap();
    assert!(json["expires_at_ms"].as_u64().unwrap() > 0);
    server.stop();
}

#[test]
fn settings_are_shown_with_their_origin_and_slips_are_named() {
    let machine = Machine::new();
    let file = machine.folder().join("server.toml");
    fs::write(&file, "[link]\nidle_s = 90\n").unwrap();
    let file = file.to_str().unwrap();
    let shown = machine
        .run(&["config", "show", "--json", "--config", file, "--port", "9"])
        .done();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["settings"]["link.idle_s"]["value"], 90);
    assert_eq!(
        shown["settings"]["link.idle_s"]["from"],
        format!("{file}:2")
    );
    assert_eq!(shown["settings"]["listen.port"]["from"], "flag --port");
    let outcome = machine.run(&["config", "show", "--set", "link.idel_s=3"]);
    assert_eq!(outcome.code, 2);
    assert_eq!(
        outcome.err,
        "parlor-server: flag --set link.idel_s: unknown setting \"link.idel_s\"; did you mean \"link.idle_s\"?\n"
    );
    let defaults = machine.run(&["config", "defaults"]).done();
    assert!(defaults.contains("# heartbeat_s = 25"), "{defaults}");
}

#[test]
fn doctor_finds_what_is_wrong() {
    let machine = Machine::new();
    let free = ["doctor", "--port", "0", "--http", "127.0.0.1:0"];
    machine.run(&free).done();
    let server = machine.serve(&[]);
    let told = machine.run(&["doctor"]).done();
    assert!(told.contains("runs as process"), "{told}");
    let other = Machine::new();
    let outcome = other.run(&[
        "doctor",
        "--port",
        &server.port().to_string(),
        "--http",
        "off",
    ]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.out.contains("PROBLEM  port"), "{}", outcome.out);
    let json = other
        .run(&["doctor", "--json", "--port", "0", "--http", "off"])
        .done();
    for line in json.lines() {
        let finding: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(finding["check"].is_string() && finding["level"].is_string());
    }
    server.stop();
}

#[test]
fn a_backup_made_while_the_server_runs_is_restored_elsewhere_with_its_pin() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    machine.add("ann");
    let file = machine.folder().join("backup.tar");
    let file = file.to_str().unwrap();
    machine.run(&["backup", file]).done();
    machine.run(&["backup", file]).failed("exists already");
    machine
        .run(&["restore", file])
        .failed("is in use by another parlor-server");
    machine.add("bob");
    let before = machine.status();
    server.stop();

    let other = Machine::new();
    other.run(&["restore", file]).done();
    let server = other.serve(&[]);
    let after = other.status();
    assert_ne!(after["epoch"], before["epoch"]);
    assert_eq!(after["pins"], before["pins"]);
    let listed = other.run(&["user", "list"]).done();
    assert!(
        listed.starts_with("ann") && !listed.contains("bob"),
        "{listed}"
    );
    server.stop();
}

#[test]
fn a_restore_over_data_keeps_what_was_there_and_refuses_rubbish() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    machine.add("ann");
    let file = machine.folder().join("backup.tar");
    machine.run(&["backup", file.to_str().unwrap()]).done();
    machine.add("bob");
    machine.run(&["restore", file.to_str().unwrap()]).done();
    assert!(machine.data().join("parlor.db.replaced").exists());
    assert!(!machine.run(&["user", "list"]).done().contains("bob"));
    let rubbish = machine.folder().join("rubbish");
    fs::write(&rubbish, "rubbish").unwrap();
    machine
        .run(&["restore", rubbish.to_str().unwrap()])
        .failed("rubbish");
    assert!(machine.run(&["user", "list"]).done().contains("ann"));
    let parts = fs::read_dir(machine.data()).unwrap();
    assert!(
        !parts
            .flatten()
            .any(|part| part.file_name().to_string_lossy().ends_with(".part"))
    );
}

#[test]
fn keys_rotate_to_the_pin_that_clients_know_already() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    machine
        .run(&["key", "rotate"])
        .failed("is in use by another parlor-server");
    let before = machine.status();
    server.stop();
    machine.run(&["key", "rotate"]).done();
    let server = machine.serve(&[]);
    assert_eq!(machine.status()["pins"][0], before["pins"][1]);
    server.stop();
}

/// The same, with the server and without.
fn load_accounts(machine: &Machine) {
    let file = machine.folder().join("accounts.jsonl");
    let out = file.to_str().unwrap();
    let prepare = [
        "bench", "prepare", "--users", "7", "--rooms", "2", "--out", out,
    ];
    machine.run(&prepare).done();
    let read = || -> Vec<serde_json::Value> {
        let text = fs::read_to_string(&file).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let first = read();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(first.len(), 8);
    assert_eq!(first[0]["parlor_accounts"], 1);
    assert_eq!(first[0]["rooms"].as_array().unwrap().len(), 2);
    assert_eq!(first[7]["name"], "bench-00006");
    assert_eq!(first[7]["token"].as_str().unwrap().len(), 64);
    machine.run(&prepare).done();
    let again = read();
    assert_eq!(again[0]["rooms"], first[0]["rooms"]);
    assert_eq!(again[1]["user"], first[1]["user"]);
    assert_ne!(again[1]["token"], first[1]["token"]);
    machine.run(&["bench", "cleanup"]).done();
    // Nothing of them is left, and a next load begins anew.
    let listed = machine.run(&["user", "list"]).done();
    assert!(!listed.contains("bench-"), "{listed}");
    machine.run(&prepare).done();
    let anew = read();
    assert_ne!(anew[1]["user"], first[1]["user"]);
    assert_ne!(anew[0]["rooms"], first[0]["rooms"]);
}

#[test]
fn load_test_accounts_are_made_while_the_server_runs() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    load_accounts(&machine);
    server.stop();
}

#[test]
fn load_test_accounts_are_made_while_no_server_runs() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    load_accounts(&machine);
}

#[test]
fn a_load_test_takes_nobodys_account() {
    let machine = Machine::new();
    machine.serve(&[]).stop();
    machine.add("bench-00000");
    machine
        .run(&["bench", "prepare", "--users", "1"])
        .failed("is not one of a load test");
}

#[test]
fn a_killed_server_leaves_nothing_in_the_way() {
    let machine = Machine::new();
    machine.serve(&[]).kill();
    assert!(machine.data().join("admin.sock").exists());
    machine.run(&["status"]).failed("no server runs on");
    machine.add("ann");
    let server = machine.serve(&[]);
    assert_eq!(machine.status()["running"], true);
    server.stop();
}

#[test]
fn a_folder_with_a_long_path_has_its_socket_too() {
    let machine = Machine::in_folder(&"long/".repeat(30));
    machine
        .run(&["status"])
        .failed("there is no data of a server in");
    let server = machine.serve(&[]);
    assert!(machine.data().join("admin.sock").exists());
    assert_eq!(machine.status()["running"], true);
    server.stop();
}

#[test]
fn a_missing_or_mismatched_certificate_is_a_clear_error() {
    let machine = Machine::new();
    let absent = machine.folder().join("absent.pem");
    let set = format!("certificate.file={}", absent.display());
    let key = format!("certificate.key_file={}", absent.display());
    let flags = ["serve", "--port", "0", "--http", "off", "--set", &set];
    let outcome: Outcome = machine.run(&flags);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.err.contains("certificate.key_file is missing"),
        "{}",
        outcome.err
    );
    machine
        .run(&[&flags[..], &["--set", &key]].concat())
        .failed("absent.pem");
}

#[test]
fn a_clusters_keys_rotate_in_its_file_wherever_the_command_is_run() {
    let machine = Machine::new();
    let places = Places {
        database: Secret::new("postgres://db.example/parlor"),
        redis: Secret::new("redis://cache.example"),
        redis_authority: None,
        prefix: "parlor".to_owned(),
    };
    let path = machine.folder().join("cluster.toml");
    let made = ClusterFile::make(places).unwrap();
    made.write(&path, true).unwrap();
    // A bare name: the file lies where the operator stands.
    let told = machine
        .run(&["--cluster", "cluster.toml", "key", "rotate"])
        .done();
    let next = made.keys.pins()[1].to_string();
    assert!(told.contains(&format!("in force  {next}")), "{told}");
    let rotated = ClusterFile::read(&path).unwrap();
    assert_eq!(rotated.keys.pins()[0], made.keys.pins()[1]);
}
