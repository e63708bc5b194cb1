use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, watch};

use super::engine::Order;
use super::lists::Lists;
use super::load::PageLocks;
use super::state::State;
use crate::api::Options;
use crate::net::Endpoint;
use crate::profile::Profile;
use crate::secret::SessionFile;
use crate::store::{Content, Outbox};

/// Orders that wait for the engine: logging in and out, closing. Each waits for its answer, so more
/// than a few at a time are a mistake of the face's, which then waits.
pub(super) const ORDERS: usize = 8;

/// How far the engine is, for whoever waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Idle,
    Working,
    /// The link is up and what was missed is here.
    Current,
    /// Somebody must act: code and text.
    Stopped {
        code: &'static str,
        why: String,
    },
    Ended {
        why: String,
    },
    Closed,
}

/// What the parts of a client share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) profile: Profile,
    pub(crate) options: Options,
    pub(crate) content: Content,
    pub(crate) outbox: Outbox,
    pub(crate) session: SessionFile,
    pub(crate) endpoint: Endpoint,
    /// Faces may draw outside of it.
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) pages: PageLocks,
    pub(crate) lists: Lists,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) progress: watch::Sender<Progress>,
    /// The outbox changed, here or in another process.
    pub(crate) outbox_moved: Notify,
    /// A room's catching up came to an end, or to another turn.
    pub(crate) settled: Notify,
    poke: Notify,
    state: Mutex<State>,
}

/// Ends the engine when the last handle of a face is dropped.
#[derive(Debug)]
pub(crate) struct Lifetime {
    pub(crate) inner: Arc<Inner>,
    pub(crate) closing: watch::Sender<bool>,
}

impl Inner {
    #[expect(clippy::too_many_arguments, reason = "the parts, given once")]
    pub(super) fn new(
        profile: Profile,
        options: Options,
        content: Content,
        outbox: Outbox,
        session: SessionFile,
        endpoint: Endpoint,
        orders: mpsc::Sender<Order>,
        state: State,
    ) -> Arc<Self> {
        Arc::new(Self {
            profile,
            options,
            content,
            outbox,
            session,
            endpoint,
            runtime: tokio::runtime::Handle::current(),
            pages: PageLocks::default(),
            lists: Lists::default(),
            orders,
            progress: watch::channel(Progress::Idle).0,
            outbox_moved: Notify::new(),
            settled: Notify::new(),
            poke: Notify::new(),
            state: Mutex::new(state),
        })
    }

    /// The state; never hold it across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads for a face. Names that it lacks are asked for.
    pub(crate) fn view<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let before = state.wishes.unknown.len();
        let view = read(&mut state);
        if state.wishes.unknown.len() > before {
            self.poke.notify_one();
        }
        view
    }

    /// Changes what faces want and makes the engine look.
    pub(crate) fn wish<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.poke.notify_one();
        result
    }

    /// The engine is to look at the wishes.
    pub(crate) fn poke(&self) {
        self.poke.notify_one();
    }

    pub(super) async fn poked(&self) {
        self.poke.notified().await;
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}
