//! The accounts of a load: who the virtual users are, and where they belong.
//!
//! A file of JSON lines, as `parlor-server bench prepare --users N --rooms R` writes it (to standard
//! output, or to a file) and `--accounts FILE` reads it. The first line is the header:
//!
//! ```json
//! {"parlor_accounts":1,"link":"parlor://host:7443/j/bench.PIN","epoch":"00c0ffee00c0ffee","rooms":["0199…","0199…"],"raised":["sends 500/120 → unlimited"]}
//! ```
//!
//! - `parlor_accounts`: the format's number, 1.
//! - `link`: a join link of the server; its code is not looked at, its pin is (without a pin the
//!   server has a certificate by a CA).
//! - `epoch`: the installation's epoch, 16 hexadecimal digits.
//! - `rooms`: the ids of the rooms made for the load, at least one.
//! - `raised`: one text for each limit that differs from the server's usual ones; every report
//!   names them. May be left out.
//!
//! Each further line is one account, a member of the room `rooms[i % rooms.len()]`, where `i`
//! counts the accounts from 0:
//!
//! ```json
//! {"user":"0199…","name":"bench-0000","password":"…","token":"64 hexadecimal digits"}
//! ```
//!
//! - `user`: the account's id. `name`, `password`: for entering by log-in; the password may be
//!   empty where none was set, then only entering by session works.
//! - `token`: the secret of a session of its own, 32 bytes.
//!
//! Unknown keys are ignored, so that a later server can say more.

use std::fmt;
use std::io::BufRead;

use data_encoding::HEXLOWER_PERMISSIVE;
use parlor_protocol::link::JoinLink;
use parlor_protocol::{Epoch, RoomId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The format's number.
const FORMAT: u32 = 1;
/// Accounts of one file: each becomes a virtual user of up to 60 KB.
const ACCOUNTS: usize = 100_000;
/// Longest line, bytes: a header with 10,000 rooms fits.
const LINE_BYTES: usize = 1 << 20;

/// All accounts of a load.
#[derive(Clone, Debug, PartialEq)]
pub struct Accounts {
    pub link: JoinLink,
    pub epoch: Epoch,
    pub rooms: Vec<RoomId>,
    /// Limits that were raised for the load.
    pub raised: Vec<String>,
    pub users: Vec<Account>,
}

/// One virtual user's account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    #[serde(with = "text")]
    pub user: UserId,
    pub name: String,
    #[serde(default)]
    pub password: String,
    #[serde(serialize_with = "hex", deserialize_with = "unhex")]
    pub token: [u8; 32],
}

/// Without the secrets.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, {})", self.name, self.user)
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    parlor_accounts: u32,
    link: String,
    epoch: String,
    rooms: Vec<String>,
    #[serde(default)]
    raised: Vec<String>,
}

/// Why a file is not one of accounts.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("cannot read the accounts: {0}")]
    Read(#[from] std::io::Error),
    #[error(
        "the accounts file is empty; make one with `parlor-server bench prepare --users N --rooms R`"
    )]
    Empty,
    #[error("line {line} of the accounts is not what it should be: {reason}")]
    Line { line: usize, reason: String },
    #[error("the accounts have format {0}, this program reads {FORMAT}; update the older program")]
    Format(u32),
    #[error("the accounts name no room; make them anew with --rooms 1 or more")]
    NoRooms,
    #[error("more than {ACCOUNTS} accounts")]
    TooMany,
}

impl Accounts {
    /// Reads a file's lines.
    pub fn read(from: impl BufRead) -> Result<Self, AccountsError> {
        let mut lines = from.lines().enumerate();
        let (_, first) = lines.next().ok_or(AccountsError::Empty)?;
        let mut accounts = Self::from_header(&first?)?;
        for (index, line) in lines {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            if accounts.users.len() >= ACCOUNTS {
                return Err(AccountsError::TooMany);
            }
            accounts.users.push(parse(index + 1, &line)?);
        }
        Ok(accounts)
    }

    fn from_header(line: &str) -> Result<Self, AccountsError> {
        let header: Header = parse(1, line)?;
        if header.parlor_accounts != FORMAT {
            return Err(AccountsError::Format(header.parlor_accounts));
        }
        if header.rooms.is_empty() {
            return Err(AccountsError::NoRooms);
        }
        let bad = |reason: String| AccountsError::Line { line: 1, reason };
        let epoch = u64::from_str_radix(&header.epoch, 16)
            .map_err(|_| bad("the epoch is not 16 hexadecimal digits".to_owned()))?;
        let rooms = header.rooms.iter().map(|room| room.parse());
        Ok(Self {
            link: header
                .link
                .parse()
                .map_err(|error: parlor_protocol::link::LinkError| bad(error.to_string()))?,
            epoch: Epoch(epoch),
            rooms: rooms
                .collect::<Result<_, parlor_protocol::id::InvalidId>>()
                .map_err(|error| bad(error.to_string()))?,
            raised: header.raised,
            users: Vec::new(),
        })
    }

    /// The same as text.
    pub fn to_lines(&self) -> String {
        let header = Header {
            parlor_accounts: FORMAT,
            link: self.link.to_string(),
            epoch: self.epoch.to_string(),
            rooms: self.rooms.iter().map(ToString::to_string).collect(),
            raised: self.raised.clone(),
        };
        let mut text = json(&header);
        for account in &self.users {
            text.push('\n');
            text.push_str(&json(account));
        }
        text.push('\n');
        text
    }
}

fn parse<T: for<'a> Deserialize<'a>>(line: usize, text: &str) -> Result<T, AccountsError> {
    let bad = |reason: String| AccountsError::Line { line, reason };
    if text.len() > LINE_BYTES {
        return Err(bad(format!("it is longer than {LINE_BYTES} bytes")));
    }
    serde_json::from_str(text).map_err(|error| bad(error.to_string()))
}

fn json(value: &impl Serialize) -> String {
    // Plain structs of texts and numbers always have a form in JSON.
    serde_json::to_string(value).unwrap_or_default()
}

fn hex<S: Serializer>(token: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&HEXLOWER_PERMISSIVE.encode(token))
}

fn unhex<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(from)?;
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| serde::de::Error::custom("a token is 64 hexadecimal digits"))
}

/// Ids as text.
mod text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(id: &UserId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UserId, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            link: "parlor://localhost:7443/j/bench".parse().unwrap(),
            epoch: Epoch(0xC0FFEE),
            rooms: vec![RoomId([1; 16]), RoomId([2; 16])],
            raised: vec!["sends: no bound".to_owned()],
            users: (0..3)
                .map(|index| Account {
                    user: UserId([index; 16]),
                    name: format!("bench-{index}"),
                    password: "correct horse".to_owned(),
                    token: [index; 32],
                })
                .collect(),
        }
    }

    #[test]
    fn accounts_written_are_read_the_same() {
        let accounts = accounts();
        let read = Accounts::read(accounts.to_lines().as_bytes()).unwrap();
        assert_eq!(read, accounts);
    }

    #[test]
    fn keys_of_a_later_server_are_passed_over() {
        let text = accounts().to_lines().replace("{\"", "{\"later\":[1],\"");
        assert_eq!(Accounts::read(text.as_bytes()).unwrap(), accounts());
    }

    #[test]
    fn a_damaged_line_is_named() {
        let text = accounts().to_lines().replace("0202", "xx");
        let error = Accounts::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("line "), "{error}");
        assert!(matches!(
            Accounts::read(&b""[..]),
            Err(AccountsError::Empty)
        ));
    }

    #[test]
    fn secrets_are_not_printed() {
        let shown = format!("{:?}", accounts());
        assert!(!shown.contains("correct horse"));
    }
}
