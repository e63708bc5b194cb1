//! `parlor demo` as a newcomer types it.

mod support;

use support::{Person, Terminal};

#[test]
fn from_a_pipe_every_line_is_delivered() {
    let newcomer = Person::new();
    let lines = newcomer.run(&["demo", "--json"]).done();
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 12);
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], at + 1);
        assert!(line["delivered_ms"].as_f64().unwrap() > 0.0);
    }
    let plain = newcomer.run(&["demo"]);
    assert_eq!(plain.out.lines().count(), 12, "{plain:?}");
    assert!(
        plain.out.lines().all(|line| line.contains(" ms  ")),
        "{plain:?}"
    );
    assert!(
        plain.err.contains("each arrived once and in order"),
        "{plain:?}"
    );
    assert_eq!(plain.code, 0);
}

#[test]
fn in_a_terminal_it_is_the_app_and_leaves_nothing_behind() {
    let newcomer = Person::new();
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().to_str().unwrap().to_owned();
    let terminal = Terminal::open(&newcomer, 80, 24, &["demo"], &[("TMPDIR", &folder)]);
    terminal.shows("#general");
    terminal.shows("Welcome, @you!");
    terminal.write("hello from a test");
    terminal.keys(&["Enter"]);
    terminal.shows("Good to read you!");
    terminal.write("/quit");
    terminal.keys(&["Enter"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let over = parlor_testkit::wait::eventually(std::time::Duration::from_secs(30), || {
        let over = terminal.is_over();
        async move { over }
    });
    runtime.block_on(over).unwrap();
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_readme_shows_the_screens_that_are_kept() {
    let readme = include_str!("../../README.md");
    for screen in [
        include_str!("../../docs/screens/80x24.txt"),
        include_str!("../../docs/screens/120x32.txt"),
    ] {
        assert!(
            readme.contains(screen),
            "README.md shows another:\n{screen}"
        );
    }
}
