use clap::{CommandFactory, Parser};

use super::arguments::{Arguments, Command};
use super::failure::{Exit, Failure};
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
        "parlor completions nosuchshell",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn errors_have_their_class() {
    use parlor_client_core::api::{AskError, PostError};
    let exit = |failure: Failure| failure.exit;
    assert_eq!(exit(AskError::Offline.into()), Exit::Unreachable);
    assert_eq!(exit(AskError::NotLoggedIn.into()), Exit::NotLoggedIn);
    assert_eq!(exit(PostError::Empty.into()), Exit::Refused);
    assert_eq!(exit(AskError::Closed.into()), Exit::Local);
}

#[test]
fn the_manual_names_every_command_and_exit_code() {
    let page = String::from_utf8(manual_page().unwrap()).unwrap();
    for command in Arguments::command().get_subcommands() {
        let heading = format!(".SH \"PARLOR {}\"", command.get_name().to_uppercase());
        assert!(page.contains(&heading), "{heading}");
    }
    assert!(page.contains("Exit codes"), "{page}");
    assert!(page.starts_with(".ie"), "roff");
}
