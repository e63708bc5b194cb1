//! What an administrator of the machine asks of the server, and the Unix socket it goes over.
//!
//! One JSON object a line each way: a [`Command`], then `{"ok": Answer}` or `{"error": TEXT}`.

mod client;
mod desk;
mod live;
mod load;
mod socket;

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use client::{Client, ClientError};
pub use desk::Desk;
pub use live::{Live, Status, Still};
pub use socket::{SocketError, bind, serve};

/// Accounts of one page of the list, and of one step of making accounts for a load test: an answer
/// stays well below its bound.
pub const PAGE: u32 = 500;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Status,
    AddUser {
        name: String,
        /// Empty: the same as the name.
        display_name: String,
        password: Password,
        administrator: bool,
    },
    /// Accounts after the one of this id, in id order, at most [`PAGE`].
    ListUsers {
        after: Option<String>,
    },
    DisableUser {
        name: String,
    },
    EnableUser {
        name: String,
    },
    PromoteUser {
        name: String,
    },
    DemoteUser {
        name: String,
    },
    /// Ends the person's sessions too.
    ResetPassword {
        name: String,
        password: Password,
    },
    Invite {
        /// How many people may use it; 0: no bound.
        uses: u32,
        /// Hours it lives; 0: as long as the settings say.
        hours: u32,
        /// Names or ids of rooms that it opens.
        rooms: Vec<String>,
    },
    /// Sends all links to other nodes; the server goes on, without new ones.
    Drain,
    /// Ends the server in good order.
    Stop,
    /// Writes a copy of the database to a file that is not there yet.
    CopyDatabase {
        to: PathBuf,
    },
    /// Makes rooms for a load test, or finds those made before.
    PrepareRooms {
        rooms: u32,
    },
    /// Makes accounts `first..first + count` for a load test, at most [`PAGE`], each with a session
    /// and a member of `rooms[i % rooms.len()]`.
    PrepareAccounts {
        first: u32,
        count: u32,
        rooms: Vec<String>,
        password_hash: String,
    },
    /// Ends sessions and memberships of up to [`PAGE`] load test accounts and disables them.
    CleanUpAccounts {
        after: Option<String>,
    },
    /// A part of what load tests left in the database goes: again until none was left.
    EraseLoad,
}

/// A password on its way over the socket; never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done,
    Status(Status),
    Users {
        users: Vec<UserView>,
        /// Where the next page begins; `None` at the end.
        next: Option<String>,
    },
    Invite {
        link: String,
        expires_at_ms: u64,
    },
    Rooms {
        rooms: Vec<String>,
        epoch: String,
        /// Pins and address of the installation, as a join link with a code that opens nothing.
        link: String,
    },
    Accounts {
        accounts: Vec<LoadAccount>,
    },
    CleanedUp {
        count: u32,
        next: Option<String>,
    },
    /// So many rows went.
    Erased {
        rows: u64,
    },
}

/// An account as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub administrator: bool,
    pub disabled: bool,
    /// Made for load tests: no rate limits.
    pub load_test: bool,
    pub made_at_ms: u64,
}

/// An account of a load test, as the load generator reads it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadAccount {
    pub user: String,
    pub name: String,
    /// Filled in by whoever chose it.
    pub password: String,
    /// 64 hexadecimal digits.
    pub token: String,
}

impl std::fmt::Debug for LoadAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoadAccount({}, {})", self.name, self.user)
    }
}

/// Does what an administrator asks: the server while it runs, else the tool itself on the store.
#[async_trait]
pub trait Admin: Send + Sync + 'static {
    /// `Err`: what happened and what to do, for people.
    async fn run(&self, command: Command) -> Result<Answer, String>;
}

#[cfg(test)]
mod tests;
