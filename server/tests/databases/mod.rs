//! Tools of the database: the steps of its schema, and the way to another one.

use crate::program::Machine;

#[test]
fn steps_of_the_schema_are_shown_at_any_time_and_done_while_no_server_runs() {
    let machine = Machine::new();
    let fresh = machine.run(&["migrate", "status"]).done();
    assert!(fresh.contains("0001 start                waits"), "{fresh}");
    machine
        .run(&["migrate", "up"])
        .failed("there is no data of a server in ");
    let server = machine.serve(&[]);
    let running = machine.run(&["migrate", "status"]).done();
    assert!(
        running.contains("0001 start                done"),
        "{running}"
    );
    machine
        .run(&["migrate", "up"])
        .failed("is in use by another parlor-server");
    server.stop();
    let json = machine.run(&["migrate", "up", "--json"]).done();
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["database"], "sqlite");
    let steps = told["steps"].as_array().unwrap();
    assert_eq!(steps[0]["name"], "start");
    assert!(steps.iter().all(|step| step["applied"] == true), "{json}");
}

#[test]
fn a_move_needs_a_place_and_takes_no_password_from_an_argument() {
    let machine = Machine::new();
    let outcome = machine.run(&["move"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.err.contains("--to-file FILE"), "{outcome:?}");
    let outcome = machine.run(&["move", "--to", "postgres://ann:hunter22@host/db"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(!outcome.err.contains("hunter22"), "{outcome:?}");
    let server = machine.serve(&[]);
    machine
        .run(&["move", "--to", "postgres://ann@host/db"])
        .failed("is in use by another parlor-server");
    server.stop();
}
