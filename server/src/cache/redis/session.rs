//! Sessions in Redis: bound to two versions, each under a lease. Why: see the module above.

use parlor_protocol::{SessionId, UserId};
use redis::Script;
use serde::{Deserialize, Serialize};

use super::{SharedCache, word};
use crate::cache::key::{Group, Key, Kind};
use crate::store::{SessionFound, SessionRow, TokenHash, UserRow};

/// Gives the versions of both groups, new ones under a lease where there are none.
const LEASE: &str = r"
local out = {}
for i = 1, 2 do
  local version = redis.call('GET', KEYS[i])
  if not version then
    version = ARGV[1] .. '.' .. i
    redis.call('SET', KEYS[i], version, 'PX', ARGV[2])
  end
  out[i] = version
end
return out
";

/// Stores the entry while both versions are there.
const STORE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('GET', KEYS[2]) == ARGV[2] then
  redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
end
return 0
";

#[derive(Debug)]
pub(super) struct Scripts {
    lease: Script,
    store: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            lease: Script::new(LEASE),
            store: Script::new(STORE),
        }
    }
}

/// Versions under which a session may be left here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cache) struct Lease(String, String);

impl SharedCache {
    /// The session of a token, if the database knew it no longer than a lease ago. Its password hash
    /// is empty.
    pub(in crate::cache) async fn session(&self, hash: &TokenHash) -> Option<SessionFound> {
        let redis = &*self.redis;
        if redis.settings.session_lease_s == 0 {
            return None;
        }
        let name = redis.names.entry(&Key::Session(*hash));
        let names = &redis.names;
        let owed = &redis.owed;
        let ask = |mut connection| async move {
            let entry: Option<Vec<u8>> = redis::cmd("GET")
                .arg(name)
                .query_async(&mut connection)
                .await?;
            // What cannot be read is of another program, and none for this one.
            let entry = entry.and_then(|it| serde_json::from_slice::<Entry>(&it).ok());
            let Some(entry) = entry else { return Ok(None) };
            let [of_session, of_user] = groups(entry.session(), entry.owner());
            let versions = [names.version(of_session), names.version(of_user)];
            if versions.iter().any(|it| owed.has(it)) {
                return Ok(None);
            }
            let now: (Option<String>, Option<String>) = redis::cmd("MGET")
                .arg(&versions)
                .query_async(&mut connection)
                .await?;
            let Lease(one, other) = &entry.lease;
            let good = now == (Some(one.clone()), Some(other.clone()));
            Ok(good.then_some(entry))
        };
        let entry = redis.ask(ask).await??;
        Some(entry.into())
    }

    /// Taken before the database is asked; what it says then may be left here under the lease.
    pub(in crate::cache) async fn lease(&self, session: SessionId, user: UserId) -> Option<Lease> {
        let redis = &*self.redis;
        let lease_ms = u64::from(redis.settings.session_lease_s) * 1_000;
        if lease_ms == 0 {
            return None;
        }
        let mut ask = redis.session.lease.prepare_invoke();
        for group in groups(session, user) {
            let version = redis.names.version(group);
            if redis.owed.has(&version) {
                return None;
            }
            ask.key(version);
        }
        ask.arg(word()?).arg(lease_ms);
        let (one, other) = redis
            .ask(|mut connection| async move { ask.invoke_async(&mut connection).await })
            .await?;
        Some(Lease(one, other))
    }

    pub(in crate::cache) async fn store_session(
        &self,
        hash: &TokenHash,
        found: &SessionFound,
        lease: Lease,
    ) {
        let redis = &*self.redis;
        let Lease(one, other) = &lease;
        let mut ask = redis.session.store.prepare_invoke();
        for group in groups(found.session.id, found.user.id) {
            ask.key(redis.names.version(group));
        }
        ask.key(redis.names.entry(&Key::Session(*hash)));
        ask.arg(one).arg(other);
        let Ok(bytes) = serde_json::to_vec(&Entry::new(found, lease.clone())) else {
            return;
        };
        ask.arg(bytes).arg(Kind::Sessions.life_ms(&redis.settings));
        redis
            .ask(|mut connection| async move { ask.invoke_async::<i64>(&mut connection).await })
            .await;
    }
}

fn groups(session: SessionId, user: UserId) -> [Group; 2] {
    [Group::Session(session), Group::Sessions(user)]
}

/// As it stands in Redis. No token, no password hash.
#[derive(Serialize, Deserialize)]
struct Entry {
    lease: Lease,
    id: [u8; 16],
    user: [u8; 16],
    device: String,
    address: String,
    made_at_ms: u64,
    seen_at_ms: u64,
    expires_at_ms: u64,
    token_at_ms: u64,
    name: String,
    display_name: String,
    administrator: bool,
    disabled: bool,
    unlimited: bool,
    user_made_at_ms: u64,
}

impl Entry {
    fn new(found: &SessionFound, lease: Lease) -> Self {
        let (session, user) = (found.session.clone(), found.user.clone());
        Self {
            lease,
            id: session.id.0,
            user: user.id.0,
            device: session.device,
            address: session.address,
            made_at_ms: session.made_at_ms,
            seen_at_ms: session.seen_at_ms,
            expires_at_ms: session.expires_at_ms,
            token_at_ms: session.token_at_ms,
            name: user.name,
            display_name: user.display_name,
            administrator: user.administrator,
            disabled: user.disabled,
            unlimited: user.unlimited,
            user_made_at_ms: user.made_at_ms,
        }
    }

    fn session(&self) -> SessionId {
        SessionId(self.id)
    }

    fn owner(&self) -> UserId {
        UserId(self.user)
    }
}

impl From<Entry> for SessionFound {
    fn from(entry: Entry) -> Self {
        let (session, user) = (entry.session(), entry.owner());
        Self {
            session: SessionRow {
                id: session,
                user,
                device: entry.device,
                address: entry.address,
                made_at_ms: entry.made_at_ms,
                seen_at_ms: entry.seen_at_ms,
                expires_at_ms: entry.expires_at_ms,
                token_at_ms: entry.token_at_ms,
            },
            user: UserRow {
                id: user,
                name: entry.name,
                display_name: entry.display_name,
                password_hash: String::new(),
                administrator: entry.administrator,
                disabled: entry.disabled,
                unlimited: entry.unlimited,
                made_at_ms: entry.user_made_at_ms,
            },
            by_next: false,
        }
    }
}
