//! Accounts and rooms for load tests, made on the server so that no test needs a thousand log-ins.

use data_encoding::HEXLOWER;
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{Code, RoomId, SendKey, SessionId, UserId};

use super::desk::{refused, said};
use super::{Answer, Desk, LoadAccount, PAGE};
use crate::guard::{name, password};
use crate::handler::account::token_hash;
use crate::shard::{new_token, now_ms};
use crate::store::{Change, NewSession, NewUser, RoomCommand, RoomName, UserRow};

/// Whoever owns the rooms; nobody enters by it.
const KEEPER: &str = "bench-keeper";
/// Rooms of one load.
const ROOMS_MAX: u32 = 10_000;
/// Accounts of one load.
const ACCOUNTS_MAX: u32 = 100_000;
/// Rows that one step of erasing takes: some milliseconds of the writer's.
const ERASE_ROWS: u32 = 2_000;
/// Life of a session made for a load, ms: tests are over within a day.
const SESSION_MS: u64 = 24 * 3600 * 1000;

fn account_name(index: u32) -> String {
    format!("bench-{index:05}")
}

fn room_name(index: u32) -> String {
    format!("bench-room-{index:05}")
}

impl Desk {
    pub(super) async fn prepare_rooms(&self, rooms: u32) -> Result<Answer, String> {
        if !(1..=ROOMS_MAX).contains(&rooms) {
            return Err(format!("a load has 1 to {ROOMS_MAX} rooms"));
        }
        let keeper = self.load_user(KEEPER, password::NOBODY).await?;
        let mut ids = Vec::with_capacity(rooms as usize);
        for index in 0..rooms {
            ids.push(self.load_room(&room_name(index), keeper).await?);
        }
        Ok(Answer::Rooms {
            rooms: ids.iter().map(ToString::to_string).collect(),
            epoch: self.store.epoch().to_string(),
            link: self.link("bench".to_owned()).to_string(),
        })
    }

    async fn load_room(&self, written: &str, keeper: UserId) -> Result<RoomId, String> {
        let name = name::room_name(written).map_err(said)?;
        let found = self.store.room_by_name(&name.folded).await.map_err(said)?;
        if let Some(room) = found {
            let access = self.store.access(room, keeper).await.map_err(said)?;
            return match access {
                Some(access) if access.role == Role::OWNER => Ok(room),
                _ => Err(format!(
                    "the room {written:?} is not one of a load test; rename it first"
                )),
            };
        }
        let room = RoomId::new();
        let name = RoomName {
            shown: name.shown,
            folded: name.folded,
        };
        let create = Change::Create {
            kind: RoomKind::PUBLIC,
            name,
            topic: String::new(),
        };
        self.change(vec![command(room, keeper, create)]).await?;
        Ok(room)
    }

    pub(super) async fn prepare_accounts(
        &self,
        first: u32,
        count: u32,
        rooms: &[String],
        password_hash: &str,
    ) -> Result<Answer, String> {
        let last = first
            .checked_add(count)
            .filter(|last| *last <= ACCOUNTS_MAX);
        let (Some(last), true, false) = (last, count <= PAGE, rooms.is_empty()) else {
            return Err(format!(
                "a load has up to {ACCOUNTS_MAX} accounts, made {PAGE} at a time, and a room"
            ));
        };
        let rooms: Vec<RoomId> = rooms
            .iter()
            .map(|id| id.parse())
            .collect::<Result<_, _>>()
            .map_err(said)?;
        let (mut accounts, mut joins) = (Vec::new(), Vec::new());
        for index in first..last {
            let name = account_name(index);
            let user = self.load_user(&name, password_hash).await?;
            let token = self.load_session(user).await?;
            accounts.push(LoadAccount {
                user: user.to_string(),
                name,
                password: String::new(),
                token,
            });
            let room = rooms[index as usize % rooms.len()];
            joins.push(command(room, user, Change::Join));
        }
        self.change(joins).await?;
        Ok(Answer::Accounts { accounts })
    }

    /// The load test account of that name, made or made ready again.
    async fn load_user(&self, written: &str, password_hash: &str) -> Result<UserId, String> {
        let name = name::user_name(written).map_err(said)?;
        let found = self.store.user_by_name(&name.folded).await.map_err(said)?;
        let Some(row) = found else {
            let user = NewUser {
                id: UserId::new(),
                display_name: name.shown.clone(),
                name: name.shown,
                folded: name.folded,
                password_hash: password_hash.to_owned(),
                administrator: false,
                made_at_ms: now_ms(),
                unlimited: true,
            };
            let id = user.id;
            self.store
                .create_user(user)
                .await
                .map_err(said)?
                .map_err(said)?;
            return Ok(id);
        };
        if !row.unlimited {
            return Err(format!(
                "the account {written:?} is not one of a load test; rename it first"
            ));
        }
        if row.disabled {
            self.store.set_disabled(row.id, false).await.map_err(said)?;
        }
        let set = self.store.set_password(row.id, password_hash).await;
        set.map_err(said)?;
        Ok(row.id)
    }

    /// A new session of the account; gives its token in hexadecimal digits.
    async fn load_session(&self, user: UserId) -> Result<String, String> {
        let token = new_token().map_err(said)?;
        let now = now_ms();
        let session = NewSession {
            id: SessionId::new(),
            user,
            token: token_hash(&token),
            device: "load test".to_owned(),
            address: "local".to_owned(),
            made_at_ms: now,
            expires_at_ms: now + SESSION_MS,
        };
        self.store.create_session(session).await.map_err(said)?;
        Ok(HEXLOWER.encode(&token.0))
    }

    pub(super) async fn clean_up(&self, after: Option<String>) -> Result<Answer, String> {
        let after = after.map(|id| id.parse()).transpose().map_err(said)?;
        let rows = self.store.users(after, PAGE).await.map_err(said)?;
        let full = rows.len() >= PAGE as usize;
        let next = rows.last().filter(|_| full).map(|row| row.id.to_string());
        let mut count = 0;
        for row in rows.into_iter().filter(|row| row.unlimited) {
            self.retire(row).await?;
            count += 1;
        }
        Ok(Answer::CleanedUp { count, next })
    }

    async fn retire(&self, row: UserRow) -> Result<(), String> {
        let user = row.id;
        self.store.end_sessions(user, None).await.map_err(said)?;
        self.live.end_links(user, Code::ACCOUNT_DISABLED).await;
        // A disabled person can change nothing, so this comes before. The keeper stays: its rooms
        // are known by it.
        if row.name == KEEPER {
            self.empty_rooms(user).await?;
        } else {
            self.leave_rooms(user).await?;
        }
        self.store.set_disabled(user, true).await.map_err(said)?;
        // Who logged in meanwhile.
        self.live.end_links(user, Code::ACCOUNT_DISABLED).await;
        Ok(())
    }

    /// Part of the database's rows; nobody is in the rooms any more but their keeper.
    pub(super) async fn erase_load(&self) -> Result<Answer, String> {
        let rows = self.store.erase_load(ERASE_ROWS).await.map_err(said)?;
        Ok(Answer::Erased { rows })
    }

    async fn leave_rooms(&self, user: UserId) -> Result<(), String> {
        let heads = self.store.heads(user).await.map_err(said)?;
        let leave = |room| command(room, user, Change::Leave);
        let leaves: Vec<_> = heads
            .into_iter()
            .filter(|(_, direct)| !direct)
            .map(|(head, _)| leave(head.room))
            .collect();
        for result in self.live.commit(leaves).await? {
            match result {
                // A room keeps an owner, whoever made it.
                Err(refusal) if refusal.code != Code::LAST_OWNER => return Err(refused(&refusal)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Who came to look at a load is not left behind in a room that goes.
    async fn empty_rooms(&self, keeper: UserId) -> Result<(), String> {
        for (head, _) in self.store.heads(keeper).await.map_err(said)? {
            let mut after = None;
            loop {
                let members = self.store.members(head.room, after, PAGE as u16).await;
                let members = members.map_err(said)?;
                let Some((last, _)) = members.last() else {
                    break;
                };
                after = Some(last.id);
                let removals = members
                    .iter()
                    .filter(|(person, _)| person.id != keeper)
                    .map(|(person, _)| {
                        command(head.room, keeper, Change::Remove { user: person.id })
                    })
                    .collect();
                self.change(removals).await?;
            }
        }
        Ok(())
    }

    async fn change(&self, commands: Vec<RoomCommand>) -> Result<(), String> {
        for result in self.live.commit(commands).await? {
            result.map_err(|refusal| refused(&refusal))?;
        }
        Ok(())
    }
}

fn command(room: RoomId, actor: UserId, change: Change) -> RoomCommand {
    RoomCommand {
        room,
        actor,
        send_key: SendKey::new(),
        change,
    }
}
