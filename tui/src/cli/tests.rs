use clap::{CommandFactory, Parser};

use super::arguments::{Arguments, Command};
use super::failure::{CLASSES, Exit, Failure};
use super::paper::manual_page;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_description_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn lines_are_read_as_meant() {
    let given = parse("parlor -P work --json tail #general --from 7 -n 3 --follow").unwrap();
    assert_eq!(given.profile.as_deref(), Some("work"));
    assert!(given.json);
    let Some(Command::Tail(tail)) = given.command else {
        panic!("{given:?}")
    };
    assert_eq!(
        (tail.from, tail.count, tail.follow),
        (Some(7), Some(3), true)
    );
    assert_eq!(tail.room, "#general");
    let Some(Command::Send(send)) = parse("parlor send @ada -").unwrap().command else {
        panic!()
    };
    assert_eq!(send.text.as_deref(), Some("-"));
    assert!(parse("parlor").unwrap().command.is_none(), "the app");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for line in [
        "parlor nosuch",
        "parlor join",
        "parlor send",
        "parlor tail room --from x",
        "parlor tail room --offline --follow",
        "parlor --timeout 0 rooms",
        "parlor sessions revoke",
        "parlor sessions end x",
        "parlor passwd secret",
        "parlor completions nosuchshell",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn errors_have_their_class() {
    use parlor_client_core::account::AccountError;
    use parlor_client_core::api::{AskError, OpenError, PostError};
    let exit = |failure: Failure| failure.exit;
    assert_eq!(exit(AskError::Offline.into()), Exit::Unreachable);
    assert_eq!(exit(AskError::NotLoggedIn.into()), Exit::NotLoggedIn);
    assert_eq!(exit(PostError::Empty.into()), Exit::Refused);
    assert_eq!(exit(AskError::Closed.into()), Exit::Local);
    let unreadable = AccountError::Unreadable {
        path: "account.json".into(),
        reason: "not JSON".to_owned(),
    };
    assert_eq!(exit(OpenError::from(unreadable).into()), Exit::Local);
}

#[test]
fn every_error_of_the_core_has_its_class() {
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../client-core/src");
    let mut names = Vec::new();
    stable_names(core.as_ref(), &mut names);
    assert!(names.len() > 50, "they are found: {names:?}");
    for name in names {
        let known = CLASSES.iter().filter(|(_, codes)| codes.contains(&&*name));
        assert_eq!(known.count(), 1, "{name:?} stands in CLASSES once");
    }
}

/// What stands as `… => "name",` or `Variant = CODE "name",`: how the core gives its names.
fn stable_names(folder: &std::path::Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            stable_names(&path, names);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let named = text.lines().filter_map(|line| {
            let (before, rest) = line.trim_end().strip_suffix("\",")?.rsplit_once('"')?;
            let word = |char: char| char.is_ascii_lowercase() || char == '_';
            let given = before.ends_with("=> ") || before.contains(" = ");
            (given && !rest.is_empty() && rest.chars().all(word)).then(|| rest.to_owned())
        });
        names.extend(named);
    }
}

#[test]
fn the_help_lists_every_exit_code_once() {
    let help = Arguments::command().render_long_help().to_string();
    let exits = [
        Exit::Done,
        Exit::Refused,
        Exit::Usage,
        Exit::Unreachable,
        Exit::NotLoggedIn,
        Exit::Local,
        Exit::Untrusted,
    ];
    for (number, exit) in exits.into_iter().enumerate() {
        assert_eq!(exit as usize, number);
        let line = format!("\n  {number}  ");
        assert_eq!(help.matches(&line).count(), 1, "{number}: {help}");
    }
}

#[test]
fn the_manual_names_every_command_and_exit_code() {
    let page = String::from_utf8(manual_page().unwrap()).unwrap();
    for command in Arguments::command().get_subcommands() {
        let heading = format!(".SH \"PARLOR {}\"", command.get_name().to_uppercase());
        assert!(page.contains(&heading), "{heading}");
    }
    assert!(page.contains(".SH \"PARLOR SESSIONS REVOKE\""), "{page}");
    assert!(page.contains("Exit codes"), "{page}");
    assert_eq!(page.matches("How long a command waits").count(), 1);
    assert!(page.starts_with(".ie"), "roff");
}
