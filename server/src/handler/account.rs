//! Entering, sessions and passwords.

use std::net::SocketAddr;

use parlor_protocol::account::{
    ChangePassword, ListSessions, LogOut, RevokeSession, Session, Sessions,
};
use parlor_protocol::hello::{Done, LogIn, Password, Register, Token};
use parlor_protocol::limit::DEVICE_BYTES;
use parlor_protocol::room::RoomKind;
use parlor_protocol::{Code, Extensions, Refusal, RoomId, SendKey, SessionId, UserId};
use sha2::{Digest, Sha256};

use super::{Answered, failed, invite};
use crate::config::Registration;
use crate::guard::{name, password, rate};
use crate::shard::{Core, Who, new_token};
use crate::store::{
    Change, CodeHash, InviteRow, NewSession, NewUser, RoomCommand, RoomName, SessionFound, Store,
    TokenHash, UserRow,
};

const DAY_MS: u64 = 24 * 3600 * 1000;
/// The room that an installation begins with.
const FIRST_ROOM: &str = "general";

/// An entry that was granted.
#[derive(Debug)]
pub struct Granted {
    pub user: UserRow,
    pub session: SessionId,
    /// The token to keep, when it is a new one.
    pub token: Option<Token>,
    /// The session was made just now.
    pub fresh: bool,
    pub expires_at_ms: u64,
    /// Of a token that the session is found by.
    pub token_hash: TokenHash,
}

pub fn token_hash(token: &Token) -> TokenHash {
    Sha256::digest(token.0).into()
}

/// Enters by name and password. Unknown names take as long as known ones.
pub async fn log_in(core: &Core, address: SocketAddr, log_in: LogIn) -> Result<Granted, Refusal> {
    core.log_ins(rate::Who::address(address.ip())).await?;
    let folded = name::fold(&log_in.name);
    core.log_ins(rate::Who::account(&folded)).await?;
    let user = core.store.user_by_name(&folded).await.map_err(failed)?;
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let fits = core.gate.verify(log_in.password, stored).await?;
    let user = user
        .filter(|_| fits)
        .ok_or_else(|| Refusal::new(Code::BAD_LOG_IN))?;
    if user.disabled {
        return Err(Refusal::new(Code::ACCOUNT_DISABLED));
    }
    grant(core, address, user, log_in.device).await
}

/// Enters by a session's token, which is replaced when it has grown old.
pub async fn enter(core: &Core, address: SocketAddr, token: &Token) -> Result<Granted, Refusal> {
    let hash = token_hash(token);
    let found = core.store.session_by_token(&hash).await.map_err(failed)?;
    let Some(found) = found else {
        return Err(ended(core, address).await);
    };
    let SessionFound {
        session,
        user,
        by_next,
    } = found;
    let now = core.now_ms();
    let idle_ms = u64::from(core.config.session.idle_days) * DAY_MS;
    if user.disabled || session.expires_at_ms <= now || session.seen_at_ms + idle_ms <= now {
        return Err(ended(core, address).await);
    }
    if by_next {
        core.store
            .accept_token(session.id, &hash, now)
            .await
            .map_err(failed)?;
        // Another token may have been offered in between: then this one is void, and who were let in
        // by it would throw away the one that is good.
        let held = core.store.session_by_token(&hash).await.map_err(failed)?;
        if held.is_none_or(|held| held.by_next) {
            return Err(Refusal::new(Code::BUSY).retry_after_ms(200));
        }
    }
    let _ = core
        .seen
        .try_send((session.id, now, address.ip().to_string()));
    let rotate_ms = u64::from(core.config.session.rotate_hours) * 3600 * 1000;
    let old = !by_next && session.token_at_ms + rotate_ms <= now;
    let token = if old {
        let next = new_token()?;
        core.store
            .offer_token(session.id, &token_hash(&next), now)
            .await
            .map_err(failed)?;
        Some(next)
    } else {
        None
    };
    Ok(Granted {
        user,
        session: session.id,
        token,
        fresh: false,
        expires_at_ms: session.expires_at_ms,
        token_hash: hash,
    })
}

/// What a token that is over is told. Who guesses is slowed down, who has a session is not: only
/// what is refused counts.
async fn ended(core: &Core, address: SocketAddr) -> Refusal {
    match core.log_ins(rate::Who::tokens_from(address.ip())).await {
        Ok(()) => Refusal::new(Code::SESSION_ENDED),
        Err(limited) => limited,
    }
}

/// Makes an account and enters.
pub async fn register(
    core: &Core,
    address: SocketAddr,
    register: Register,
) -> Result<Granted, Refusal> {
    core.log_ins(rate::Who::address(address.ip())).await?;
    let now = core.now_ms();
    let code = invite::code_hash(&register.code);
    let invite = may_register(core, &register, &code, now).await?;
    let owner = invite.as_ref().is_some_and(|invite| invite.owner);
    let name = name::user_name(&register.name)?;
    let display_name = name::display_name(&register.display_name, &name.shown)?;
    password::check_length(&register.password)?;
    if core
        .store
        .user_by_name(&name.folded)
        .await
        .map_err(failed)?
        .is_some()
    {
        return Err(Refusal::new(Code::NAME_TAKEN));
    }
    let password_hash = core.gate.hash(register.password).await?;
    let user = NewUser {
        id: UserId::new(),
        name: name.shown,
        folded: name.folded,
        display_name,
        password_hash,
        administrator: owner,
        made_at_ms: now,
        unlimited: false,
    };
    let id = user.id;
    let row = UserRow {
        id,
        name: user.name.clone(),
        display_name: user.display_name.clone(),
        password_hash: user.password_hash.clone(),
        administrator: user.administrator,
        disabled: false,
        unlimited: user.unlimited,
        made_at_ms: now,
    };
    core.store.create_user(user).await.map_err(failed)??;
    // Somebody else took the last use in this very moment: the account stays, closed, since a name
    // once given out is not given to another.
    if invite.is_some()
        && !core
            .store
            .use_invite(&code, id, now)
            .await
            .map_err(failed)?
    {
        core.store.set_disabled(id, true).await.map_err(failed)?;
        return Err(Refusal::new(Code::INVITE_INVALID));
    }
    // The account is there and the code is used: what fails from here on must not read as if nothing
    // had happened. Rooms that are missing can be joined.
    let rooms = match invite {
        Some(invite) => invite::opened(core, invite).await.unwrap_or_else(|refusal| {
            tracing::warn!(user = %id, refusal = refusal.text, "the rooms of an invite stay closed");
            Vec::new()
        }),
        None => Vec::new(),
    };
    settle(core, id, owner, rooms).await;
    grant(core, address, row, register.device).await
}

/// The invite that an account is made by, if by any; refused where there may be none.
async fn may_register(
    core: &Core,
    register: &Register,
    code: &CodeHash,
    now_ms: u64,
) -> Result<Option<InviteRow>, Refusal> {
    let invite = match register.code.is_empty() {
        true => None,
        false => Some(
            core.store
                .invite(code, None, now_ms)
                .await
                .map_err(failed)?
                .ok_or_else(|| Refusal::new(Code::INVITE_INVALID))?,
        ),
    };
    let owner = invite.as_ref().is_some_and(|invite| invite.owner);
    // The owner link is for an installation without accounts; afterwards it opens nothing.
    if owner && !core.store.is_empty().await.map_err(failed)? {
        return Err(Refusal::new(Code::INVITE_INVALID));
    }
    match core.config.server.registration {
        _ if owner => {}
        Registration::Open => {}
        Registration::Invite if invite.is_some() => {}
        Registration::Invite => return Err(Refusal::new(Code::INVITE_REQUIRED)),
        Registration::Closed => return Err(Refusal::new(Code::REGISTRATION_CLOSED)),
    }
    Ok(invite)
}

/// Gives a new person their first rooms, as far as that is possible.
async fn settle(core: &Core, user: UserId, owner: bool, rooms: Vec<RoomId>) {
    if let Err(refusal) = first_room(core, user, owner, rooms.is_empty()).await {
        tracing::warn!(%user, code = refusal.code.0, "a new person did not get the first room");
    }
    for room in rooms {
        if let Err(refusal) = commit(core, user, room, Change::Admit).await {
            tracing::warn!(%user, %room, code = refusal.code.0, "a new person did not get a room of their join code");
        }
    }
}

/// Makes the first room of an installation, or joins it where the join code names no room.
async fn first_room(
    core: &Core,
    user: UserId,
    owner: bool,
    no_others: bool,
) -> Result<(), Refusal> {
    match first_change(&*core.store, owner, no_others).await? {
        Some((room, change)) => commit(core, user, room, change).await,
        None => Ok(()),
    }
}

/// What brings a new person into the first room of an installation: the first administrator makes it.
pub(crate) async fn first_change(
    store: &dyn Store,
    owner: bool,
    no_others: bool,
) -> Result<Option<(RoomId, Change)>, Refusal> {
    let first = name::room_name(FIRST_ROOM)?;
    let general = store.room_by_name(&first.folded).await.map_err(failed)?;
    Ok(match general {
        None if owner => {
            let create = Change::Create {
                kind: RoomKind::PUBLIC,
                name: RoomName {
                    shown: first.shown,
                    folded: first.folded,
                },
                topic: "For everyone".to_owned(),
            };
            Some((RoomId::new(), create))
        }
        Some(general) if no_others => Some((general, Change::Join)),
        _ => None,
    })
}

async fn commit(core: &Core, user: UserId, room: RoomId, change: Change) -> Result<(), Refusal> {
    let command = RoomCommand {
        room,
        actor: user,
        send_key: SendKey::new(),
        change,
    };
    core.committer.commit(command).await.map(drop)
}

async fn grant(
    core: &Core,
    address: SocketAddr,
    user: UserRow,
    mut device: String,
) -> Result<Granted, Refusal> {
    let token = new_token()?;
    let token_hash = token_hash(&token);
    let now = core.now_ms();
    let expires_at_ms = now + u64::from(core.config.session.absolute_days) * DAY_MS;
    if device.trim().is_empty() {
        device = "unnamed device".to_owned();
    }
    device.truncate(device.floor_char_boundary(DEVICE_BYTES));
    let session = NewSession {
        id: SessionId::new(),
        user: user.id,
        token: token_hash,
        device,
        address: address.ip().to_string(),
        made_at_ms: now,
        expires_at_ms,
    };
    let id = session.id;
    core.store.create_session(session).await.map_err(failed)?;
    Ok(Granted {
        user,
        session: id,
        token: Some(token),
        fresh: true,
        expires_at_ms,
        token_hash,
    })
}

/// Looks at session and account once more when sessions ended before the shard knew the person.
pub async fn confirm(core: &Core, granted: &Granted) -> Result<(), Refusal> {
    let (user, session) = (granted.user.id, granted.session);
    let found = core.store.session_by_token(&granted.token_hash).await;
    let now = match found.map_err(failed)? {
        // Only the account itself has the password that a fresh session was opened by.
        Some(found) if found.session.id == session && !granted.fresh => Some(found.user),
        // The token may have been replaced by another link of the same session.
        _ => {
            let listed = core.store.sessions(user).await.map_err(failed)?;
            match listed.iter().any(|row| row.id == session) {
                true => core.store.user(user).await.map_err(failed)?,
                false => None,
            }
        }
    };
    let good = still_good(&granted.user, granted.fresh, now.as_ref());
    if good.is_err() && granted.fresh {
        // Nobody will ever hear its token.
        core.store
            .end_session(user, session)
            .await
            .map_err(failed)?;
    }
    good
}

/// `before`: the account when the entry was checked; `now`: as it is, with its session still there.
fn still_good(before: &UserRow, fresh: bool, now: Option<&UserRow>) -> Result<(), Refusal> {
    let now = now.ok_or_else(|| Refusal::new(Code::SESSION_ENDED))?;
    if now.disabled {
        return Err(Refusal::new(Code::ACCOUNT_DISABLED));
    }
    // The password that opened the session is not the account's any more.
    if fresh && now.password_hash != before.password_hash {
        return Err(Refusal::new(Code::BAD_LOG_IN));
    }
    // Other rights: the session is good, and whoever comes again has them.
    if (now.administrator, now.unlimited) != (before.administrator, before.unlimited) {
        return Err(Refusal::new(Code::GOING_AWAY));
    }
    Ok(())
}

/// Ends the session that asks; its links follow.
pub async fn log_out(core: &Core, who: &Who, _: LogOut) -> Answered<Done> {
    end(core, who.user, who.session).await?;
    Ok(Done::default().into())
}

pub async fn sessions(core: &Core, who: &Who, _: ListSessions) -> Answered<Sessions> {
    let rows = core.store.sessions(who.user).await.map_err(failed)?;
    let sessions = rows.into_iter().map(|row| Session {
        current: row.id == who.session,
        id: row.id,
        device: row.device,
        made_at_ms: row.made_at_ms,
        seen_at_ms: row.seen_at_ms,
        address: row.address,
    });
    Ok(Sessions {
        sessions: sessions.collect(),
        ext: Extensions::NONE,
    }
    .into())
}

pub async fn revoke_session(core: &Core, who: &Who, request: RevokeSession) -> Answered<Done> {
    end(core, who.user, request.session).await?;
    Ok(Done::default().into())
}

async fn end(core: &Core, user: UserId, session: SessionId) -> Result<(), Refusal> {
    if !core
        .store
        .end_session(user, session)
        .await
        .map_err(failed)?
    {
        return Err(Refusal::with_text(
            Code::SESSION_ENDED,
            "There is no such session of yours.",
        ));
    }
    core.end_sessions(user, Some(vec![session]), None, Code::SESSION_ENDED)
        .await;
    Ok(())
}

pub async fn change_password(core: &Core, who: &Who, request: ChangePassword) -> Answered<Done> {
    password::check_length(&request.new)?;
    let user = core
        .store
        .user(who.user)
        .await
        .map_err(failed)?
        .ok_or_else(|| Refusal::new(Code::INTERNAL))?;
    core.log_ins(rate::Who::account(&name::fold(&user.name)))
        .await?;
    if !core
        .gate
        .verify(request.old, Some(user.password_hash))
        .await?
    {
        return Err(Refusal::with_text(
            Code::BAD_LOG_IN,
            "The old password is wrong.",
        ));
    }
    set_password(core, who.user, request.new, Some(who.session)).await?;
    Ok(Done::default().into())
}

/// Sets a password and ends all sessions but one.
pub async fn set_password(
    core: &Core,
    user: UserId,
    new: Password,
    but: Option<SessionId>,
) -> Result<(), Refusal> {
    password::check_length(&new)?;
    let hash = core.gate.hash(new).await?;
    core.store.set_password(user, &hash).await.map_err(failed)?;
    core.store.end_sessions(user, but).await.map_err(failed)?;
    core.end_sessions(user, None, but, Code::SESSION_ENDED)
        .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_while_somebody_entered_turns_them_away() {
        let before = UserRow {
            id: UserId::new(),
            name: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            password_hash: "one".to_owned(),
            administrator: false,
            disabled: false,
            unlimited: false,
            made_at_ms: 0,
        };
        let check = |fresh, change: fn(&mut UserRow)| {
            let mut now = before.clone();
            change(&mut now);
            still_good(&before, fresh, Some(&now)).map_err(|refusal| refusal.code)
        };
        for fresh in [true, false] {
            assert_eq!(check(fresh, |_| {}), Ok(()));
            assert_eq!(
                check(fresh, |now| now.disabled = true),
                Err(Code::ACCOUNT_DISABLED)
            );
            assert_eq!(
                check(fresh, |now| now.administrator = true),
                Err(Code::GOING_AWAY)
            );
            let gone = still_good(&before, fresh, None);
            assert_eq!(gone.map_err(|it| it.code), Err(Code::SESSION_ENDED));
        }
        // A session that was there before goes on under a new password of its own making.
        let new: fn(&mut UserRow) = |now| now.password_hash = "two".to_owned();
        assert_eq!(check(true, new), Err(Code::BAD_LOG_IN));
        assert_eq!(check(false, new), Ok(()));
    }
}
