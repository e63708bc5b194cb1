//! Join codes.

use data_encoding::BASE32_NOPAD;
use parlor_protocol::account::{CreateInvite, Invite, RedeemInvite, Redeemed};
use parlor_protocol::{Code, Extensions, Refusal, RoomId, SendKey, UserId};
use sha2::{Digest, Sha256};

use super::{Answered, allowed, failed};
use crate::room::rules::{self, Action};
use crate::shard::{Core, Who};
use crate::store::{Change, CodeHash, InviteRow, NewInvite, RoomCommand};

/// Random bytes of a code: 80 bits, 16 characters.
pub const CODE_BYTES: usize = 10;
/// Longest life of an invite made by a person, ms.
const LIFE_MAX_MS: u64 = 365 * DAY_MS;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// A new join code.
pub fn new_code() -> Result<String, getrandom::Error> {
    let mut bytes = [0; CODE_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(BASE32_NOPAD.encode(&bytes))
}

/// Codes are compared without case.
pub fn code_hash(code: &str) -> CodeHash {
    Sha256::digest(code.trim().to_ascii_uppercase().as_bytes()).into()
}

pub async fn create(core: &Core, who: &Who, request: CreateInvite) -> Answered<Invite> {
    for room in &request.rooms {
        allowed(core, who, *room, Action::Add).await?;
    }
    let invite = make(
        core,
        Some(who.user),
        request.rooms,
        request.uses,
        request.life_ms.min(LIFE_MAX_MS),
        false,
    )
    .await?;
    Ok(invite.into())
}

/// Makes a code. `life_ms` 0: as long as the settings say.
pub async fn make(
    core: &Core,
    maker: Option<UserId>,
    rooms: Vec<RoomId>,
    uses: u32,
    life_ms: u64,
    owner: bool,
) -> Result<Invite, Refusal> {
    let code = new_code().map_err(|_| Refusal::new(Code::INTERNAL))?;
    let now = core.now_ms();
    let life_ms = if life_ms == 0 {
        u64::from(core.config.invite.life_days) * DAY_MS
    } else {
        life_ms
    };
    let expires_at_ms = now + life_ms;
    let invite = NewInvite {
        code: code_hash(&code),
        maker,
        rooms,
        uses,
        made_at_ms: now,
        expires_at_ms,
        owner,
    };
    core.store.create_invite(invite).await.map_err(failed)?;
    let link = core.join_link(&code).to_string();
    Ok(Invite {
        code,
        link,
        expires_at_ms,
        ext: Extensions::NONE,
    })
}

pub async fn redeem(core: &Core, who: &Who, request: RedeemInvite) -> Answered<Redeemed> {
    let invalid = || Refusal::new(Code::INVITE_INVALID);
    let (code, now) = (code_hash(&request.code), core.now_ms());
    let invite = core
        .store
        .invite(&code, Some(who.user), now)
        .await
        .map_err(failed)?
        .ok_or_else(invalid)?;
    if invite.owner
        || !core
            .store
            .use_invite(&code, who.user, now)
            .await
            .map_err(failed)?
    {
        return Err(invalid());
    }
    let named = invite.rooms.len();
    let rooms = opened(core, invite).await?;
    if rooms.is_empty() && named > 0 {
        return Err(invalid());
    }
    for room in &rooms {
        let command = RoomCommand {
            room: *room,
            actor: who.user,
            send_key: SendKey::new(),
            change: Change::Admit,
        };
        core.committer.commit(command).await?;
    }
    Ok(Redeemed {
        rooms,
        ext: Extensions::NONE,
    }
    .into())
}

/// The rooms of an invite that its maker may open still: who was removed from one, or whose account
/// was disabled, brings nobody in any more, themselves least of all.
pub(super) async fn opened(core: &Core, invite: InviteRow) -> Result<Vec<RoomId>, Refusal> {
    let Some(maker) = invite.maker else {
        return Ok(invite.rooms);
    };
    let account = core.store.user(maker).await.map_err(failed)?;
    if account.is_none_or(|account| account.disabled) {
        return Ok(Vec::new());
    }
    let mut rooms = Vec::with_capacity(invite.rooms.len());
    for room in invite.rooms {
        let access = core.store.access(room, maker).await.map_err(failed)?;
        if access.is_some_and(|access| rules::allowed(Action::Add, access.role, access.kind)) {
            rooms.push(room);
        }
    }
    Ok(rooms)
}
