//! Takes what comes in by TCP: links, and bulk transfers of links.

use std::rc::Rc;
use std::time::Duration;

use parlor_protocol::Code;
use parlor_protocol::limit::BULK_AT_ONCE;
use parlor_protocol::tcp::LinkToken;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::door::Place;
use super::state::{Shard, State};
use super::{LinkRef, serve};
use crate::dispatch;
use crate::guard::rate;
use crate::net::{BulkConnection, Came, Connection, Dialled, Listener};

/// Time for a TLS handshake, and for the token of a bulk transfer behind it.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Ends when a lone node drains: what is not accepted then finds the server that follows. Where there
/// are others, links have time to go, and their transfers still come in.
pub(super) async fn accept(shard: Rc<Shard>, listener: Listener) {
    loop {
        let dialled = listener.accept().await;
        let who = rate::Who::address(dialled.address().ip());
        // Whether a link is one too many is seen once it says that it is a link: transfers of links
        // that are there come by the same door.
        let place = shard.step(|state| {
            let stays = !state.draining || state.elsewhere;
            stays.then(|| state.door.enter(who))
        });
        let Some(place) = place else { return };
        shard.core.metrics.half_open.add(1);
        shard.core.metrics.handshakes.add(1);
        spawn_local(serve(shard.clone(), dialled, place));
    }
}

async fn serve(shard: Rc<Shard>, dialled: Dialled, mut place: Place) {
    let came = tokio::select! {
        came = timeout(HANDSHAKE, dialled.complete()) => came.ok().flatten(),
        _ = &mut place.taken => None,
    };
    shard.step(|state| state.door.left(place.number));
    shard.core.metrics.half_open.add(-1);
    match came {
        Some(Came::Link(connection)) => serve::serve_connection(shard, connection).await,
        Some(Came::Bulk(bulk)) => serve_bulk(shard, bulk).await,
        None => {}
    }
}

async fn serve_bulk(shard: Rc<Shard>, bulk: BulkConnection) {
    let begun = shard.step(|state| state.begin_bulk(bulk.token));
    let (at, link) = match begun {
        Ok(begun) => begun,
        Err(code) => return bulk.refuse(code).await,
    };
    let (outbound, inbound, ending) = bulk.split();
    let done = tokio::select! {
        () = dispatch::bulk_transfer(&shard, at, outbound, inbound) => true,
        // Transfers end with their link.
        () = link.closed() => false,
    };
    shard.step(|state| state.end_bulk(at));
    if done {
        ending.linger().await;
    }
}

impl State {
    /// The link of a token, if it may have one more transfer.
    fn begin_bulk(&mut self, token: LinkToken) -> Result<(LinkRef, Connection), Code> {
        let at = self.tokens.get(&token).copied();
        let link = at.and_then(|at| self.link(at).filter(|link| link.entered));
        match (at, link) {
            (Some(_), Some(link)) if link.bulks as usize >= BULK_AT_ONCE => Err(Code::BUSY),
            (Some(at), Some(link)) => {
                link.bulks += 1;
                Ok((at, link.connection.clone()))
            }
            _ => Err(Code::NOT_ENTERED),
        }
    }

    fn end_bulk(&mut self, at: LinkRef) {
        if let Some(link) = self.link(at) {
            link.bulks = link.bulks.saturating_sub(1);
        }
    }
}
