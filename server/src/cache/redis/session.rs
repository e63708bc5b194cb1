//! Sessions in Redis: bound to two versions, each under a lease. Why: see the module above.
//!
//! An entry outlives its lease. It then tells whose session the token opens, so that a new lease can
//! be taken before the database is asked, and one query is enough.

use parlor_protocol::{SessionId, UserId};
use redis::Script;
use serde::{Deserialize, Serialize};

use super::{SharedCache, word};
use crate::cache::key::{Group, Key, Kind};
use crate::store::{SessionFound, SessionRow, TokenHash, UserRow};

/// Gives the entry and the versions of the session and the person that it names, new ones under a
/// lease where there are none. An entry begins with the ends of the names of both versions.
const LOOK: &str = r"
local entry = redis.call('GET', KEYS[1])
if not entry then
  return {}
end
local out = { entry }
local one, two = string.match(entry, '^([^ ]+) ([^ ]+) ')
for i, name in ipairs({ one, two }) do
  name = ARGV[1] .. name
  local version = redis.call('GET', name)
  if not version then
    version = ARGV[2] .. '.' .. i
    redis.call('SET', name, version, 'PX', ARGV[3])
  end
  out[i + 1] = version
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
    look: Script,
    store: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            look: Script::new(LOOK),
            store: Script::new(STORE),
        }
    }
}

/// What Redis says of a token.
#[derive(Debug)]
pub(in crate::cache) enum Looked {
    /// Nothing, or Redis is away.
    Nothing,
    /// The database is to be asked; what it says may be left here under the lease.
    Lapsed(Lease),
    /// The database knew it no longer than a lease ago. The password hash is empty.
    Good(SessionFound),
}

/// Taken before the database is asked: what a look at a session is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cache) struct Lease {
    session: SessionId,
    user: UserId,
    versions: [String; 2],
}

impl SharedCache {
    pub(in crate::cache) async fn session(&self, hash: &TokenHash) -> Looked {
        self.look(hash).await.unwrap_or(Looked::Nothing)
    }

    async fn look(&self, hash: &TokenHash) -> Option<Looked> {
        let redis = &*self.redis;
        let lease_ms = u64::from(redis.settings.session_lease_s) * 1_000;
        if lease_ms == 0 {
            return None;
        }
        let mut ask = redis.session.look.prepare_invoke();
        ask.key(redis.names.entry(&Key::Session(*hash)))
            .arg(redis.names.versions())
            .arg(word()?)
            .arg(lease_ms);
        let found: Vec<Vec<u8>> = redis
            .ask(|mut connection| async move { ask.invoke_async(&mut connection).await })
            .await?;
        let [entry, one, two] = <[Vec<u8>; 3]>::try_from(found).ok()?;
        let versions = [String::from_utf8(one).ok()?, String::from_utf8(two).ok()?];
        // What cannot be read is of another program, and nothing to this one.
        let json = entry.splitn(3, |byte| *byte == b' ').nth(2)?;
        let entry: Entry = serde_json::from_slice(json).ok()?;
        let lease = Lease {
            session: SessionId(entry.id),
            user: UserId(entry.user),
            versions,
        };
        let names = lease.groups().map(|group| redis.names.version(group));
        if names.iter().any(|name| redis.owed.has(name)) {
            return None;
        }
        Some(match entry.versions.as_ref() == Some(&lease.versions) {
            true => Looked::Good(entry.into()),
            false => Looked::Lapsed(lease),
        })
    }

    /// Leaves what the database says of a token for all nodes: under the lease, if it was for this
    /// session; else only whose it is.
    pub(in crate::cache) async fn store_session(
        &self,
        hash: &TokenHash,
        found: &SessionFound,
        lease: Option<Lease>,
    ) {
        let redis = &*self.redis;
        if redis.settings.session_lease_s == 0 {
            return;
        }
        let (session, user) = (found.session.id, found.user.id);
        let lease = lease.filter(|it| (it.session, it.user) == (session, user));
        let versions = lease.as_ref().map(|lease| lease.versions.clone());
        let Ok(json) = serde_json::to_string(&Entry::new(found, versions)) else {
            return;
        };
        let [one, two] = groups(session, user).map(|group| redis.names.version_end(group));
        let bytes = format!("{one} {two} {json}");
        let name = redis.names.entry(&Key::Session(*hash));
        let life_ms = Kind::Sessions.life_ms(&redis.settings);
        let Some(lease) = lease else {
            let mut set = redis::cmd("SET");
            set.arg(name).arg(bytes).arg("PX").arg(life_ms);
            redis
                .ask(|mut connection| async move { set.query_async::<()>(&mut connection).await })
                .await;
            return;
        };
        let mut ask = redis.session.store.prepare_invoke();
        for group in lease.groups() {
            ask.key(redis.names.version(group));
        }
        let [one, two] = lease.versions;
        ask.key(name).arg(one).arg(two).arg(bytes).arg(life_ms);
        redis
            .ask(|mut connection| async move { ask.invoke_async::<i64>(&mut connection).await })
            .await;
    }
}

impl Lease {
    fn groups(&self) -> [Group; 2] {
        groups(self.session, self.user)
    }
}

fn groups(session: SessionId, user: UserId) -> [Group; 2] {
    [Group::Session(session), Group::Sessions(user)]
}

/// As it stands in Redis. No token, no password hash.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// Under which it is good; `None`: it only tells whose the session is.
    versions: Option<[String; 2]>,
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
    fn new(found: &SessionFound, versions: Option<[String; 2]>) -> Self {
        let (session, user) = (found.session.clone(), found.user.clone());
        Self {
            versions,
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
}

impl From<Entry> for SessionFound {
    fn from(entry: Entry) -> Self {
        let (session, user) = (SessionId(entry.id), UserId(entry.user));
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
