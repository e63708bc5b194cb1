//! How a link's entry is decided: on the core, since it reads the database and hashes passwords.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use parlor_protocol::hello::{Enter, Entered, LogIn, Register, Token};
use parlor_protocol::room::Head;
use parlor_protocol::{Code, Extensions, Refusal, UserId, frame};

use super::{Core, LinkRef, ToShard, Who};
use crate::handler::account::{self, Granted};
use crate::handler::failed;
use crate::store;

/// How the client means to enter, with the request's number.
#[derive(Debug)]
pub(super) enum Way {
    LogIn(u32, LogIn),
    Register(u32, Register),
    Token(u32, Enter),
}

/// Decides and tells the shard.
pub(super) async fn decide(core: Arc<Core>, link: LinkRef, address: SocketAddr, way: Way) {
    let endings = core.endings();
    let (request, granted) = match way {
        Way::LogIn(request, log_in) => (request, account::log_in(&core, address, log_in).await),
        Way::Register(request, register) => {
            (request, account::register(&core, address, register).await)
        }
        Way::Token(request, enter) => (request, account::enter(&core, address, &enter.token).await),
    };
    tell(&core, link, request, granted, endings).await;
}

/// `endings`: how many there were before the session was looked up.
async fn tell(
    core: &Core,
    link: LinkRef,
    request: u32,
    granted: Result<Granted, Refusal>,
    endings: u64,
) {
    let refused = |refusal: Refusal| ToShard::NotEntered {
        link,
        reply: frame::encode(request, &refusal),
    };
    let granted = match granted {
        Ok(granted) => granted,
        Err(refusal) => return core.shard.send(refused(refusal)).await,
    };
    let user = granted.user.id;
    let who = Who {
        user,
        session: granted.session,
        administrator: granted.user.administrator,
        unlimited: granted.user.unlimited,
        expires_at_ms: granted.expires_at_ms,
    };
    // Before the list of rooms is read and endings are looked at, so that nothing is missed.
    core.shard.send(ToShard::Identified { link, who }).await;
    let rooms = match confirm(core, &granted, endings).await {
        Ok(()) => rooms(core, user).await.map_err(failed),
        Err(refusal) => Err(refusal),
    };
    let message = match rooms {
        Ok((rev, rooms)) => ToShard::Entered {
            rev,
            link,
            request,
            reply: entered(request, &granted),
            rooms,
        },
        Err(refusal) => refused(refusal),
    };
    core.shard.send(message).await;
}

/// The person's rooms, and before them, where other nodes may change them, the person's own rev.
async fn rooms(core: &Core, user: UserId) -> store::Result<(u64, Vec<(Head, bool)>)> {
    let reached = match &core.peers {
        Some(_) => core.store.people_reached(&[user]).await?,
        None => Vec::new(),
    };
    let rev = reached.first().map_or(0, |(_, rev)| *rev);
    Ok((rev, core.store.heads(user).await?))
}

/// What ended from here on reaches the shard after the person did; what ended before is looked up.
async fn confirm(core: &Core, granted: &Granted, endings: u64) -> Result<(), Refusal> {
    if core.endings() == endings {
        return Ok(());
    }
    account::confirm(core, granted).await
}

fn entered(request: u32, granted: &Granted) -> Bytes {
    let body = Entered {
        user: granted.user.id,
        name: granted.user.name.clone(),
        display_name: granted.user.display_name.clone(),
        administrator: granted.user.administrator,
        session: granted.session,
        token: granted.token.clone(),
        ext: Extensions::NONE,
    };
    frame::encode(request, &body)
}

/// A new token: 256 random bits.
pub(crate) fn new_token() -> Result<Token, Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::new(Code::INTERNAL))?;
    Ok(Token(bytes))
}
