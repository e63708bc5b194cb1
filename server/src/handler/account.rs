//! Entering, sessions and passwords.

use std::net::SocketAddr;

use parlor_protocol::account::{
    ChangePassword, ListSessions, LogOut, RevokeSession, Session, Sessions,
};
use parlor_protocol::hello::{Done, LogIn, Password, Register, Token};
use parlor_protocol::limit::DEVICE_BYTES;
use parlor_protocol::room::RoomKind;
use parlor_protocol::{Code, Extensions, Refusal, SendKey, SessionId, UserId};
use sha2::{Digest, Sha256};

use super::{Answered, failed, invite};
use crate::config::Registration;
use crate::guard::{name, password, rate};
use crate::shard::{Core, ToShard, Who, new_token};
use crate::store::{
    Change, NewSession, NewUser, RoomCommand, RoomName, SessionFound, TokenHash, UserRow,
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
}

pub fn token_hash(token: &Token) -> TokenHash {
    Sha256::digest(token.0).into()
}

/// Enters by name and password. Unknown names take as long as known ones.
pub async fn log_in(core: &Core, address: SocketAddr, log_in: LogIn) -> Result<Granted, Refusal> {
    core.log_ins(rate::Who::address(address.ip()))?;
    let folded = name::fold(&log_in.name);
    core.log_ins(rate::Who::account(&folded))?;
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
    let ended = || Refusal::new(Code::SESSION_ENDED);
    let hash = token_hash(token);
    let found = core.store.session_by_token(&hash).await.map_err(failed)?;
    let SessionFound {
        session,
        user,
        by_next,
    } = found.ok_or_else(ended)?;
    let now = core.now_ms();
    let idle_ms = u64::from(core.config.session.idle_days) * DAY_MS;
    if user.disabled || session.expires_at_ms <= now || session.seen_at_ms + idle_ms <= now {
        return Err(ended());
    }
    if by_next {
        core.store
            .accept_token(session.id, &hash, now)
            .await
            .map_err(failed)?;
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
    })
}

/// Makes an account and enters.
pub async fn register(
    core: &Core,
    address: SocketAddr,
    register: Register,
) -> Result<Granted, Refusal> {
    core.log_ins(rate::Who::address(address.ip()))?;
    let now = core.now_ms();
    let code = invite::code_hash(&register.code);
    let invite = match register.code.is_empty() {
        true => None,
        false => Some(
            core.store
                .invite(&code, None, now)
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
    let rooms = match invite {
        Some(invite) => invite::opened(core, invite).await?,
        None => Vec::new(),
    };
    settle(core, id, owner, rooms).await?;
    let row = core
        .store
        .user(id)
        .await
        .map_err(failed)?
        .ok_or_else(|| Refusal::new(Code::INTERNAL))?;
    grant(core, address, row, register.device).await
}

/// Gives a new person their first rooms.
async fn settle(
    core: &Core,
    user: UserId,
    owner: bool,
    rooms: Vec<parlor_protocol::RoomId>,
) -> Result<(), Refusal> {
    let command = |room, change| RoomCommand {
        room,
        actor: user,
        send_key: SendKey::new(),
        change,
    };
    let first = name::room_name(FIRST_ROOM)?;
    let general = core
        .store
        .room_by_name(&first.folded)
        .await
        .map_err(failed)?;
    if owner && general.is_none() {
        let topic = "For everyone".to_owned();
        let name = RoomName {
            shown: first.shown,
            folded: first.folded,
        };
        let create = Change::Create {
            kind: RoomKind::PUBLIC,
            name,
            topic,
        };
        core.committer
            .commit(command(parlor_protocol::RoomId::new(), create))
            .await?;
    } else if rooms.is_empty()
        && let Some(general) = general
    {
        core.committer
            .commit(command(general, Change::Join))
            .await?;
    }
    for room in rooms {
        core.committer.commit(command(room, Change::Admit)).await?;
    }
    Ok(())
}

async fn grant(
    core: &Core,
    address: SocketAddr,
    user: UserRow,
    mut device: String,
) -> Result<Granted, Refusal> {
    let token = new_token()?;
    let now = core.now_ms();
    if device.trim().is_empty() {
        device = "unnamed device".to_owned();
    }
    device.truncate(device.floor_char_boundary(DEVICE_BYTES));
    let session = NewSession {
        id: SessionId::new(),
        user: user.id,
        token: token_hash(&token),
        device,
        address: address.ip().to_string(),
        made_at_ms: now,
        expires_at_ms: now + u64::from(core.config.session.absolute_days) * DAY_MS,
    };
    let id = session.id;
    core.store.create_session(session).await.map_err(failed)?;
    Ok(Granted {
        user,
        session: id,
        token: Some(token),
    })
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
    let ended = ToShard::EndSessions {
        user,
        sessions: Some(vec![session]),
        but: None,
        code: Code::SESSION_ENDED,
    };
    core.shard.send(ended).await;
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
    core.log_ins(rate::Who::account(&name::fold(&user.name)))?;
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
    core.shard
        .send(ToShard::EndSessions {
            user,
            sessions: None,
            but,
            code: Code::SESSION_ENDED,
        })
        .await;
    Ok(())
}
