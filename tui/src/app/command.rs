//! What a line of the composer means: words, or a command behind a slash.

use parlor_client_core::api::{JoinLink, Role};

/// A line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// To be sent as it is, `/me` included.
    Say(String),
    Do(Command),
    /// What is wrong with it, for the person.
    Wrong(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A public room's name, or its id.
    Join(String),
    JoinLink(JoinLink),
    Create {
        name: String,
        private: bool,
    },
    Leave,
    Message {
        person: String,
        text: Option<String>,
    },
    /// Another topic, none when empty; `None`: the one it has, told.
    Topic(Option<String>),
    /// A member brought in, or a join link made.
    Invite(Option<String>),
    /// A member put out.
    Kick(String),
    Role {
        person: String,
        role: Role,
    },
    /// The room silenced on this device, or heard again.
    Mute,
    Members,
    Help,
    Quit,
}

/// A command as help and completion show it.
pub(crate) struct Usage {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static str,
    pub(crate) does: &'static str,
}

pub(crate) const COMMANDS: [Usage; 14] = [
    Usage::new(
        "/join",
        "ROOM or LINK",
        "join a public room, or what a link opens",
    ),
    Usage::new("/create", "NAME [private]", "make a room"),
    Usage::new("/leave", "", "leave this room"),
    Usage::new("/msg", "PERSON [TEXT]", "talk to one person"),
    Usage::new("/me", "TEXT", "say what you do"),
    Usage::new(
        "/topic",
        "[TEXT]",
        "say what this room is about; - for none",
    ),
    Usage::new(
        "/invite",
        "[PERSON]",
        "bring somebody in, or make a join link",
    ),
    Usage::new("/kick", "PERSON", "put somebody out of this room"),
    Usage::new(
        "/role",
        "PERSON ROLE",
        "make a member owner, moderator or member",
    ),
    Usage::new("/members", "", "show who is here"),
    Usage::new("/mute", "", "silence this room here, or end that"),
    Usage::new("/help", "", "this page"),
    Usage::new("/quit", "", "leave Parlor"),
    Usage::new("//", "TEXT", "a message that begins with a slash"),
];

/// Roles by the names that people give them.
pub(crate) const ROLES: [(&str, Role); 3] = [
    ("owner", Role::Owner),
    ("moderator", Role::Moderator),
    ("member", Role::Member),
];

impl Usage {
    const fn new(name: &'static str, arguments: &'static str, does: &'static str) -> Self {
        Self {
            name,
            arguments,
            does,
        }
    }
}

/// Reads what was typed. Only its first line can be a command.
pub(crate) fn understand(typed: &str) -> Meaning {
    let Some(rest) = typed.strip_prefix('/') else {
        return Meaning::Say(typed.to_owned());
    };
    if rest.starts_with('/') {
        return Meaning::Say(rest.to_owned());
    }
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let argument = argument.trim();
    match name {
        "me" if argument.is_empty() => wrong("/me needs what you do: /me waves"),
        "me" => Meaning::Say(typed.to_owned()),
        "join" => join(argument),
        "create" => create(argument),
        "leave" => alone(name, argument, Command::Leave),
        "msg" => message(argument),
        "topic" => Meaning::Do(Command::Topic(topic(argument))),
        "invite" => Meaning::Do(Command::Invite(
            (!argument.is_empty()).then(|| person(argument)),
        )),
        "kick" => kick(argument),
        "role" => role(argument),
        "mute" => alone(name, argument, Command::Mute),
        "members" => alone(name, argument, Command::Members),
        "help" => alone(name, argument, Command::Help),
        "quit" => alone(name, argument, Command::Quit),
        _ => wrong(&format!(
            "there is no command /{name}: /help lists them; // begins a message with a slash"
        )),
    }
}

fn alone(name: &str, argument: &str, command: Command) -> Meaning {
    match argument {
        "" => Meaning::Do(command),
        _ => wrong(&format!("/{name} stands alone: nothing may follow it")),
    }
}

fn join(argument: &str) -> Meaning {
    if argument.contains("://") {
        // One that was copied off a narrow terminal is broken into lines.
        let link: String = argument.split_whitespace().collect();
        return match link.parse() {
            Ok(link) => Meaning::Do(Command::JoinLink(link)),
            Err(error) => wrong(&error.to_string()),
        };
    }
    match argument.trim_start_matches('#') {
        "" => wrong("/join needs a room's name, or a join link"),
        name => Meaning::Do(Command::Join(name.to_owned())),
    }
}

fn create(argument: &str) -> Meaning {
    let (name, private) = match argument.strip_suffix(" private") {
        Some(name) => (name.trim(), true),
        None => (argument, false),
    };
    match name.trim_start_matches('#') {
        "" => wrong("/create needs a name for the room"),
        name => Meaning::Do(Command::Create {
            name: name.to_owned(),
            private,
        }),
    }
}

fn message(argument: &str) -> Meaning {
    let (name, text) = argument
        .split_once(char::is_whitespace)
        .unwrap_or((argument, ""));
    match person(name) {
        name if name.is_empty() => wrong("/msg needs a person: /msg ada good morning"),
        person => Meaning::Do(Command::Message {
            person,
            text: (!text.trim().is_empty()).then(|| text.trim().to_owned()),
        }),
    }
}

fn topic(argument: &str) -> Option<String> {
    match argument {
        "" => None,
        "-" => Some(String::new()),
        text => Some(text.to_owned()),
    }
}

fn kick(argument: &str) -> Meaning {
    match person(argument) {
        name if name.is_empty() => wrong("/kick needs a member: /kick @ada"),
        name if name.contains(char::is_whitespace) => {
            wrong("/kick takes one member and nothing else: /kick @ada")
        }
        name => Meaning::Do(Command::Kick(name)),
    }
}

fn role(argument: &str) -> Meaning {
    let (name, written) = argument
        .split_once(char::is_whitespace)
        .unwrap_or((argument, ""));
    let person = person(name);
    let named = ROLES.iter().find(|(name, _)| *name == written.trim());
    match named {
        Some((_, role)) if !person.is_empty() => Meaning::Do(Command::Role {
            person,
            role: *role,
        }),
        _ => wrong("/role needs a member and owner, moderator or member: /role @ada moderator"),
    }
}

fn person(argument: &str) -> String {
    argument.trim_start_matches('@').to_owned()
}

fn wrong(text: &str) -> Meaning {
    Meaning::Wrong(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(typed: &str) -> Command {
        match understand(typed) {
            Meaning::Do(command) => command,
            other => panic!("{typed:?} is {other:?}"),
        }
    }

    #[test]
    fn words_are_said_and_two_slashes_say_one() {
        let said = |typed| match understand(typed) {
            Meaning::Say(text) => text,
            other => panic!("{typed:?} is {other:?}"),
        };
        assert_eq!(said("hello"), "hello");
        assert_eq!(said("//etc/hosts"), "/etc/hosts");
        assert_eq!(said("/me waves"), "/me waves");
        assert_eq!(said("a\n/quit"), "a\n/quit");
    }

    #[test]
    fn commands_take_their_arguments() {
        assert_eq!(command("/join #garden"), Command::Join("garden".into()));
        assert_eq!(command("/leave"), Command::Leave);
        let (person, text) = ("ada".to_owned(), Some("good  morning".to_owned()));
        let expected = Command::Message { person, text };
        assert_eq!(command("/msg @ada good  morning"), expected);
        assert_eq!(command("/invite"), Command::Invite(None));
        assert_eq!(command("/invite bo"), Command::Invite(Some("bo".into())));
        let (name, private) = ("den".to_owned(), true);
        assert_eq!(
            command("/create den private"),
            Command::Create { name, private }
        );
        assert_eq!(command("/topic"), Command::Topic(None));
        assert_eq!(command("/topic -"), Command::Topic(Some(String::new())));
        let topic = Some("roof  and yard".to_owned());
        assert_eq!(command("/topic roof  and yard"), Command::Topic(topic));
        assert_eq!(command("/kick @bo"), Command::Kick("bo".into()));
        let (person, role) = ("bo".to_owned(), Role::Moderator);
        let expected = Command::Role { person, role };
        assert_eq!(command("/role @bo  moderator"), expected);
    }

    #[test]
    fn a_link_broken_by_a_terminal_is_whole_again() {
        let pin = "A".repeat(52);
        let broken = format!("/join parlor://chat.example.org/\nj/CODE.\n  {pin}");
        let whole = format!("parlor://chat.example.org/j/CODE.{pin}");
        assert_eq!(command(&broken), Command::JoinLink(whole.parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_said_and_nothing_is_sent() {
        for typed in [
            "/nosuch",
            "/join",
            "/join parlor://x",
            "/msg",
            "/me",
            "/quit now",
            "/create",
            "/kick",
            "/kick @",
            "/kick bo now",
            "/role",
            "/role @bo",
            "/role @bo king",
            "/role moderator",
            "/mute all",
            "/",
        ] {
            assert!(matches!(understand(typed), Meaning::Wrong(_)), "{typed:?}");
        }
    }
}
