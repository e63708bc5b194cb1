//! The fields of the first screen.

use super::{filled, link, server};
use crate::app::action::Entry;
use crate::app::composer::Text;
use crate::enter::Key;

/// How one comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A new account, by a link.
    Join,
    /// An account one has.
    LogIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Link,
    Server,
    Name,
    Password,
}

pub(super) struct Form {
    pub(super) way: Way,
    texts: [(Field, Text); 3],
    /// Place of the field that is written in.
    at: usize,
}

impl Way {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Join => Self::LogIn,
            Self::LogIn => Self::Join,
        }
    }
}

impl Field {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Link => "Join link",
            Self::Server => "Server",
            Self::Name => "Your name",
            Self::Password => "Password",
        }
    }

    pub(super) fn is_secret(self) -> bool {
        self == Self::Password
    }
}

impl Form {
    pub(super) fn new(way: Way) -> Self {
        let first = match way {
            Way::Join => Field::Link,
            Way::LogIn => Field::Server,
        };
        let texts = [first, Field::Name, Field::Password].map(|field| (field, Text::default()));
        Self { way, texts, at: 0 }
    }

    /// All but the password is known.
    pub(super) fn log_in_again(server: &str, name: &str) -> Self {
        let mut form = Self::new(Way::LogIn);
        form.texts[0].1.insert(server);
        form.texts[1].1.insert(name);
        form.at = 2;
        form
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (Field, &Text, bool)> {
        let fields = self.texts.iter().enumerate();
        fields.map(|(at, (field, text))| (*field, text, at == self.at))
    }

    pub(super) fn text(&mut self) -> &mut Text {
        &mut self.texts[self.at].1
    }

    /// Pasted text: one line, whatever it was copied from.
    pub(super) fn paste(&mut self, pasted: &str) {
        let (field, text) = &mut self.texts[self.at];
        match field {
            // Copied off a narrow terminal it is broken into lines.
            Field::Link => text.insert(&pasted.split_whitespace().collect::<String>()),
            _ => text.insert(pasted.lines().next().unwrap_or("").trim()),
        }
    }

    pub(super) fn is_last(&self) -> bool {
        self.at + 1 == self.texts.len()
    }

    pub(super) fn step(&mut self, by: isize) {
        let last = self.texts.len() - 1;
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    pub(super) fn focus(&mut self, field: Field) {
        let at = self.texts.iter().position(|(other, _)| *other == field);
        self.at = at.unwrap_or(self.at);
    }

    /// What is wrong with the field that is written in, as far as it tells by itself.
    pub(super) fn mistake(&self) -> Option<String> {
        let (field, text) = &self.texts[self.at];
        let text = filled(*field, text.as_str().trim());
        let checked = text.and_then(|text| match field {
            Field::Link => link(&text).map(drop),
            Field::Server => server(&text).map(drop),
            Field::Name | Field::Password => Ok(()),
        });
        checked.err()
    }

    /// What was filled in, or which field is wrong and why.
    pub(super) fn entry(&self, key: Key) -> Result<Entry, (Field, String)> {
        let [(first, place), (_, name), (_, password)] = &self.texts;
        let place = place.as_str().trim();
        let at = |field: Field| move |error: String| (field, error);
        let place = filled(*first, place).map_err(at(*first))?;
        let link_or_server = match self.way {
            Way::Join => link(&place).map(|link| (Some(link), None)),
            Way::LogIn => server(&place).map(|server| (None, Some(server))),
        };
        let place = link_or_server.map_err(at(*first))?;
        let name = filled(Field::Name, name.as_str().trim()).map_err(at(Field::Name))?;
        let password = filled(Field::Password, password.as_str()).map_err(at(Field::Password))?;
        Ok(match place {
            (Some(link), _) => Entry::Join {
                link,
                name,
                password,
            },
            (_, Some(server)) => Entry::LogIn {
                server,
                key,
                name,
                password,
            },
            (None, None) => return Err((*first, "It is missing.".to_owned())),
        })
    }
}
