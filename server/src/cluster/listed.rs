//! The node list as clients are told it, shared by those who tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use parlor_protocol::hello::Node;
use parlor_protocol::link::ServerAddress;
use tokio::sync::Notify;

/// What a node tells its clients of the others. A lone node lists itself.
#[derive(Debug)]
pub struct Listed {
    lists: RwLock<Lists>,
    draining: AtomicBool,
    changed: Notify,
}

#[derive(Clone, Debug)]
struct Lists {
    /// This one first.
    all: Arc<[Node]>,
    /// The others that take links.
    others: Arc<[Node]>,
}

impl Listed {
    pub fn alone(address: &ServerAddress) -> Self {
        let own = Node {
            address: address.to_string(),
            load: 0,
        };
        Self {
            lists: RwLock::new(Lists {
                all: [own].into(),
                others: [].into(),
            }),
            draining: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Nodes for a welcome, this one first.
    pub fn nodes(&self) -> Arc<[Node]> {
        self.read().all
    }

    /// Where links of this node can go, the emptiest first.
    pub fn others(&self) -> Arc<[Node]> {
        self.read().others
    }

    /// From now on this node takes no new links, and says so to the others.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, all: Vec<Node>, others: Vec<Node>) {
        let lists = Lists {
            all: all.into(),
            others: others.into(),
        };
        *self.lists.write().unwrap_or_else(PoisonError::into_inner) = lists;
    }

    /// Waits until the others must be told something at once.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn read(&self) -> Lists {
        self.lists
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
