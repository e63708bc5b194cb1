//! Does what administrators ask, on the store.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parlor_protocol::link::{JoinLink, Pin, ServerAddress};
use parlor_protocol::{Code, Refusal, RoomId, SendKey, UserId, hello};

use super::{Admin, Answer, Command, Live, PAGE, Password, UserView};
use crate::guard::name::{self, fold};
use crate::guard::password;
use crate::handler::account;
use crate::handler::invite::{code_hash, new_code};
use crate::store::{NewInvite, NewUser, RoomCommand, Store, UserRow};

const HOUR_MS: u64 = 3600 * 1000;

/// The administrator's commands on a store, with whatever of the server is alive.
pub struct Desk {
    pub store: Arc<dyn Store>,
    pub live: Arc<dyn Live>,
    /// Where clients reach the installation, and by which pin they know it.
    pub server: ServerAddress,
    pub pin: Option<Pin>,
    /// Life of an invite that is given none.
    pub invite_hours: u32,
}

#[async_trait]
impl Admin for Desk {
    async fn run(&self, command: Command) -> Result<Answer, String> {
        match command {
            Command::Status => Ok(Answer::Status(self.live.status().await)),
            Command::AddUser {
                name,
                display_name,
                password,
                administrator,
            } => {
                self.add(&name, &display_name, password, administrator)
                    .await
            }
            Command::ListUsers { after } => self.list(after).await,
            Command::DisableUser { name } => self.disable(&name).await,
            Command::EnableUser { name } => self.enable(&name).await,
            Command::PromoteUser { name } => self.set_administrator(&name, true).await,
            Command::DemoteUser { name } => self.set_administrator(&name, false).await,
            Command::ResetPassword { name, password } => self.reset(&name, password).await,
            Command::Invite { uses, hours, rooms } => self.invite(uses, hours, &rooms).await,
            Command::Drain => self.live.drain().await.map(|()| Answer::Done),
            Command::Stop => self.live.stop().await.map(|()| Answer::Done),
            Command::CopyDatabase { to } => self.copy(&to).await,
            Command::PrepareRooms { rooms } => self.prepare_rooms(rooms).await,
            Command::PrepareAccounts {
                first,
                count,
                rooms,
                password_hash,
            } => {
                self.prepare_accounts(first, count, &rooms, &password_hash)
                    .await
            }
            Command::CleanUpAccounts { after } => self.clean_up(after).await,
            Command::EraseLoad => self.erase_load().await,
        }
    }
}

impl Desk {
    async fn add(
        &self,
        name: &str,
        display_name: &str,
        password: Password,
        administrator: bool,
    ) -> Result<Answer, String> {
        let name = name::user_name(name).map_err(said)?;
        let display_name = name::display_name(display_name, &name.shown).map_err(said)?;
        let user = NewUser {
            id: UserId::new(),
            name: name.shown,
            folded: name.folded,
            display_name,
            password_hash: hash(password).await?,
            administrator,
            made_at_ms: crate::shard::now_ms(),
            unlimited: false,
        };
        let id = user.id;
        self.store
            .create_user(user)
            .await
            .map_err(said)?
            .map_err(said)?;
        // As who comes by a join code finds it; the account stands without it, too.
        let first = account::first_change(&*self.store, administrator, true).await;
        if let Some((room, change)) = first.map_err(said)? {
            let command = RoomCommand {
                room,
                actor: id,
                send_key: SendKey::new(),
                change,
            };
            self.live.commit(vec![command]).await?;
        }
        Ok(Answer::Done)
    }

    async fn list(&self, after: Option<String>) -> Result<Answer, String> {
        let after = after.map(|id| id.parse()).transpose().map_err(said)?;
        let rows = self.store.users(after, PAGE).await.map_err(said)?;
        let full = rows.len() >= PAGE as usize;
        let next = rows.last().filter(|_| full).map(|row| row.id.to_string());
        let users = rows.into_iter().map(view).collect();
        Ok(Answer::Users { users, next })
    }

    async fn disable(&self, name: &str) -> Result<Answer, String> {
        let user = self.find(name).await?.id;
        self.store.set_disabled(user, true).await.map_err(said)?;
        self.store.end_sessions(user, None).await.map_err(said)?;
        self.live.end_links(user, Code::ACCOUNT_DISABLED).await;
        Ok(Answer::Done)
    }

    async fn enable(&self, name: &str) -> Result<Answer, String> {
        let user = self.find(name).await?.id;
        self.store.set_disabled(user, false).await.map_err(said)?;
        Ok(Answer::Done)
    }

    async fn set_administrator(&self, name: &str, administrator: bool) -> Result<Answer, String> {
        let user = self.find(name).await?.id;
        let set = self.store.set_administrator(user, administrator).await;
        set.map_err(said)?;
        // The sessions stay: whoever comes again has the new rights.
        self.live.end_links(user, Code::GOING_AWAY).await;
        Ok(Answer::Done)
    }

    async fn reset(&self, name: &str, password: Password) -> Result<Answer, String> {
        let user = self.find(name).await?.id;
        let hash = hash(password).await?;
        self.store.set_password(user, &hash).await.map_err(said)?;
        self.store.end_sessions(user, None).await.map_err(said)?;
        self.live.end_links(user, Code::SESSION_ENDED).await;
        Ok(Answer::Done)
    }

    async fn invite(&self, uses: u32, hours: u32, rooms: &[String]) -> Result<Answer, String> {
        let mut ids = Vec::with_capacity(rooms.len());
        for room in rooms {
            ids.push(self.room(room).await?);
        }
        let hours = if hours == 0 { self.invite_hours } else { hours };
        let (code, expires_at_ms) = self.make_invite(uses, hours, ids, false).await?;
        let link = self.link(code).to_string();
        Ok(Answer::Invite {
            link,
            expires_at_ms,
        })
    }

    /// Makes a join code; gives it and when it expires, ms since the Unix epoch.
    pub async fn make_invite(
        &self,
        uses: u32,
        hours: u32,
        rooms: Vec<RoomId>,
        owner: bool,
    ) -> Result<(String, u64), String> {
        let code = new_code().map_err(said)?;
        let expires_at_ms = self
            .make_invite_of(code.clone(), uses, hours, rooms, owner)
            .await?;
        Ok((code, expires_at_ms))
    }

    /// The same with a code of the caller's; when it expires.
    pub async fn make_invite_of(
        &self,
        code: String,
        uses: u32,
        hours: u32,
        rooms: Vec<RoomId>,
        owner: bool,
    ) -> Result<u64, String> {
        let made_at_ms = crate::shard::now_ms();
        let expires_at_ms = made_at_ms + u64::from(hours) * HOUR_MS;
        let invite = NewInvite {
            code: code_hash(&code),
            maker: None,
            rooms,
            uses,
            made_at_ms,
            expires_at_ms,
            owner,
        };
        self.store.create_invite(invite).await.map_err(said)?;
        Ok(expires_at_ms)
    }

    /// The link that a join code is given out as.
    pub fn link(&self, code: String) -> JoinLink {
        JoinLink {
            server: self.server.clone(),
            code,
            pin: self.pin,
        }
    }

    async fn room(&self, written: &str) -> Result<RoomId, String> {
        let absent =
            || format!("there is no room {written:?}; give a public room's name, or a room's id");
        if let Ok(id) = written.parse::<RoomId>() {
            let members = self.store.members(id, None, 1).await.map_err(said)?;
            return if members.is_empty() {
                Err(absent())
            } else {
                Ok(id)
            };
        }
        let folded = fold(written.strip_prefix('#').unwrap_or(written));
        let found = self.store.room_by_name(&folded).await.map_err(said)?;
        found.ok_or_else(absent)
    }

    async fn copy(&self, to: &Path) -> Result<Answer, String> {
        self.store.backup(to).await.map_err(said)?;
        Ok(Answer::Done)
    }

    pub(super) async fn find(&self, name: &str) -> Result<UserRow, String> {
        let found = self.store.user_by_name(&fold(name)).await.map_err(said)?;
        found.ok_or_else(|| {
            format!("there is no account {name:?}; `parlor-server user list` shows all")
        })
    }
}

/// Hashed off the async threads; a few at a time are asked for by hand.
async fn hash(password: Password) -> Result<String, String> {
    let password = hello::Password(password.0);
    password::check_length(&password).map_err(said)?;
    let work = tokio::task::spawn_blocking(move || password::hash_now(&password));
    work.await.map_err(said)?.map_err(said)
}

fn view(row: UserRow) -> UserView {
    let UserRow {
        id,
        name,
        display_name,
        password_hash: _,
        administrator,
        disabled,
        unlimited,
        made_at_ms,
    } = row;
    UserView {
        id: id.to_string(),
        name,
        display_name,
        administrator,
        disabled,
        load_test: unlimited,
        made_at_ms,
    }
}

/// An error as the person at the tool reads it.
pub(super) fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A refusal inside a list of results.
pub(super) fn refused(refusal: &Refusal) -> String {
    refusal.text.clone()
}
