//! What most people ask for first, loaded before they come.

use std::sync::Arc;

use parlor_protocol::UserId;
use parlor_protocol::account::Person;
use parlor_protocol::limit::PAGE_ROWS;

use super::key::Key;
use super::store::CachedStore;
use super::value::Value;
use crate::guard::name;
use crate::store::{Result, Store};

/// People and rooms loaded at a start, and messages of each room: some tens of milliseconds.
const PEOPLE: u32 = 1_000;
const ROOMS: usize = 32;
const MESSAGES: u16 = 100;
/// Nobody, who is in no room.
const NOBODY: UserId = UserId([0; 16]);

impl CachedStore {
    /// Fills the cache of a node that starts. What fails is loaded when it is asked for.
    pub async fn warm(&self) {
        if let Err(error) = self.try_warm().await {
            tracing::info!(%error, "the cache starts cold");
        }
    }

    async fn try_warm(&self) -> Result<()> {
        self.is_empty().await?;
        let since = self.cache().now();
        for row in self.users(None, PEOPLE).await? {
            let person = Person {
                id: row.id,
                name: row.name,
                display_name: row.display_name,
            };
            let (key, value) = (Key::Person(person.id), Value::Person(Arc::new(person)));
            self.cache().keep(key, value, since);
        }
        // As handlers ask for the first page: one row more tells whether another page follows.
        let rooms = self.directory(NOBODY, "", PAGE_ROWS + 1).await?;
        for room in rooms.iter().take(ROOMS) {
            if let Ok(name) = name::room_name(&room.name) {
                let (key, value) = (Key::RoomName(name.folded), Value::Room(room.room));
                self.cache().keep(key, value, since);
            }
            self.access(room.room, NOBODY).await?;
            self.read_newest(room.room, MESSAGES, 0).await?;
        }
        Ok(())
    }
}
