//! Whose profile it is and where the server is: `account.json`. No secret stands in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parlor_protocol::hello::Node;
use parlor_protocol::link::{JoinLink, ServerAddress};
use parlor_protocol::{SessionId, UserId};
use serde::{Deserialize, Serialize};

use crate::net::Trust;
use crate::secret::replace_file;

/// The person of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub user: UserId,
    pub name: String,
    pub display_name: String,
    pub administrator: bool,
    pub session: SessionId,
    pub server: ServerAddress,
    /// Nodes of the installation, as it last named several: it is found though its address is dead.
    pub nodes: Vec<ServerAddress>,
    pub trust: Trust,
    pub installation: String,
    /// The session ended elsewhere; why.
    pub ended: Option<String>,
}

/// Why the account cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(
        "the account cannot be kept in {path:?} ({error}): check its owner, its permissions and the disk"
    )]
    File { path: PathBuf, error: io::Error },
    #[error("{path:?} cannot be read ({reason}): mend it, or remove it and log in again")]
    Unreadable { path: PathBuf, reason: String },
}

impl AccountError {
    /// Stable name, for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "account_file",
            Self::Unreadable { .. } => "account_unreadable",
        }
    }
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    user: String,
    name: String,
    display_name: String,
    administrator: bool,
    session: String,
    server: String,
    #[serde(default)]
    nodes: Vec<String>,
    /// Pins; none: a certificate by an authority.
    pins: Vec<String>,
    installation: String,
    #[serde(default)]
    ended: Option<String>,
}

impl Account {
    /// `None`: the profile is nobody's yet.
    pub fn read(path: &Path) -> Result<Option<Self>, AccountError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(AccountError::File {
                    path: path.to_owned(),
                    error,
                });
            }
        };
        let unreadable = |reason: String| AccountError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let stored: Stored =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        Self::from_stored(stored).map(Some).map_err(unreadable)
    }

    /// Takes the node list of a welcome. One that names a single node says nothing that the address
    /// does not; the order says only how full the nodes are.
    pub(crate) fn take_nodes(&mut self, named: &[Node]) {
        if named.len() < 2 {
            return;
        }
        let mut nodes: Vec<ServerAddress> = named
            .iter()
            .filter_map(|node| node.address.parse().ok())
            .collect();
        nodes.sort_by_key(ToString::to_string);
        self.nodes = nodes;
    }

    /// Whether a join link is of the account's own server. A key that is known decides, by whatever
    /// name the server is reached; without one in the link or here, the address does.
    pub fn is_at(&self, link: &JoinLink) -> bool {
        match (&link.pin, &self.trust) {
            (Some(pin), Trust::Pins(known)) => known.contains(pin),
            _ => {
                let host = |host: &String| {
                    let mut own = self.server.hosts.iter();
                    own.any(|own| own.eq_ignore_ascii_case(host))
                };
                link.server.port == self.server.port && link.server.hosts.iter().any(host)
            }
        }
    }

    pub fn write(&self, path: &Path) -> Result<(), AccountError> {
        let failed = |error| AccountError::File {
            path: path.to_owned(),
            error,
        };
        let text = serde_json::to_string_pretty(&self.to_stored())
            .map_err(|error| failed(error.into()))?;
        replace_file(path, text.as_bytes()).map_err(failed)
    }

    /// The profile is nobody's again.
    pub fn remove(path: &Path) -> Result<(), AccountError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AccountError::File {
                path: path.to_owned(),
                error,
            }),
            _ => Ok(()),
        }
    }

    fn to_stored(&self) -> Stored {
        let Self {
            user,
            name,
            display_name,
            administrator,
            session,
            server,
            nodes,
            trust,
            installation,
            ended,
        } = self;
        let pins = match trust {
            Trust::Pins(pins) => pins.iter().map(ToString::to_string).collect(),
            Trust::Ca | Trust::AskFingerprint => Vec::new(),
        };
        Stored {
            user: user.to_string(),
            name: name.clone(),
            display_name: display_name.clone(),
            administrator: *administrator,
            session: session.to_string(),
            server: server.to_string(),
            nodes: nodes.iter().map(ToString::to_string).collect(),
            pins,
            installation: installation.clone(),
            ended: ended.clone(),
        }
    }

    fn from_stored(stored: Stored) -> Result<Self, String> {
        let Stored {
            user,
            name,
            display_name,
            administrator,
            session,
            server,
            nodes,
            pins,
            installation,
            ended,
        } = stored;
        let pins = pins
            .iter()
            .map(|pin| pin.parse().map_err(told))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            user: user.parse().map_err(told)?,
            name,
            display_name,
            administrator,
            session: session.parse().map_err(told)?,
            server: server.parse().map_err(told)?,
            // They only help: one that cannot be read is one less.
            nodes: nodes.iter().filter_map(|it| it.parse().ok()).collect(),
            trust: if pins.is_empty() {
                Trust::Ca
            } else {
                Trust::Pins(pins)
            },
            installation,
            ended,
        })
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use parlor_protocol::link::Pin;

    use super::*;

    fn account(trust: Trust) -> Account {
        Account {
            user: UserId::new(),
            name: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            administrator: true,
            session: SessionId::new(),
            server: "example.org,10.0.0.1:7443".parse().unwrap(),
            nodes: vec!["node2.example.org:7443".parse().unwrap()],
            trust,
            installation: "Example".to_owned(),
            ended: None,
        }
    }

    #[test]
    fn a_link_is_of_the_server_whose_key_or_else_address_it_has() {
        let link = |server: &str, pin: Option<u8>| JoinLink {
            server: server.parse().unwrap(),
            code: "CODE".to_owned(),
            pin: pin.map(|byte| Pin([byte; 32])),
        };
        let check = |trust: &Trust, link: &JoinLink, own: bool| {
            assert_eq!(
                account(trust.clone()).is_at(link),
                own,
                "{trust:?} {link:?}"
            );
        };
        let pinned = Trust::Pins(vec![Pin([7; 32]), Pin([8; 32])]);
        check(&pinned, &link("example.org", Some(7)), true);
        check(&pinned, &link("chat.local", Some(8)), true);
        check(&pinned, &link("example.org", Some(9)), false);
        check(&pinned, &link("example.org", None), true);
        check(&Trust::Ca, &link("10.0.0.1,Example.ORG", None), true);
        check(&Trust::Ca, &link("example.org:7444", None), false);
        check(&Trust::Ca, &link("example.com", None), false);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("account.json");
        assert_eq!(Account::read(&path).unwrap(), None);
        let account = account(Trust::Pins(vec![Pin([7; 32])]));
        account.write(&path).unwrap();
        assert_eq!(Account::read(&path).unwrap(), Some(account));
        Account::remove(&path).unwrap();
        assert_eq!(Account::read(&path).unwrap(), None);
    }

    #[test]
    fn a_profile_of_an_earlier_release_knows_no_nodes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("account.json");
        let mut account = account(Trust::Ca);
        account.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json.as_object_mut().unwrap().remove("nodes");
        fs::write(&path, json.to_string()).unwrap();
        account.nodes.clear();
        assert_eq!(Account::read(&path).unwrap(), Some(account));
    }

    #[test]
    fn nodes_are_kept_in_an_order_that_does_not_change_with_their_load() {
        let node = |address: &str| Node {
            address: address.to_owned(),
            load: 0,
        };
        let (a, b) = (node("a.example.org:7443"), node("b.example.org:7443"));
        let mut account = account(Trust::Ca);
        account.take_nodes(&[b.clone(), a.clone()]);
        let kept = account.nodes.clone();
        assert_eq!(
            kept,
            ["a.example.org:7443", "b.example.org:7443"].map(|it| it.parse().unwrap())
        );
        account.take_nodes(&[a.clone(), b]);
        assert_eq!(account.nodes, kept);
        account.take_nodes(&[a]);
        assert_eq!(account.nodes, kept, "the others may only be away");
    }

    #[test]
    fn a_damaged_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("account.json");
        fs::write(&path, "{").unwrap();
        let error = Account::read(&path).unwrap_err();
        assert!(error.to_string().contains("account.json"), "{error}");
    }
}
