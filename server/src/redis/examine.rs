//! What an operator should know of the Redis before people rely on it.

use std::time::Duration;

use redis::cmd;
use tokio::time::timeout;

use super::address::RedisAddress;
use super::commands::{CommandError, Commands};
use super::dial::DialError;

/// Time for each answer, and for a connection that [`RedisAddress::check`] has just had.
const WITHIN: Duration = Duration::from_secs(2);

/// A Redis, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisExamined {
    /// `None`: it does not tell.
    pub version: Option<String>,
    /// Where it cuts subscribers that do not keep up; `None`: it does not tell.
    pub pubsub_limit: Option<OutputLimit>,
}

/// `client-output-buffer-limit` of one class of clients; 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Cut at once above so many bytes.
    pub hard_bytes: u64,
    /// Cut above so many bytes for so long.
    pub soft_bytes: u64,
    pub soft_s: u64,
}

/// Looks; changes nothing. A Redis that a node cannot work with is an error that says why.
pub async fn examine(address: &RedisAddress) -> Result<(RedisExamined, Commands), DialError> {
    address.check().await?;
    let commands = Commands::start(address.clone());
    let mut up = commands.up();
    // Without one what follows is not told.
    let _ = timeout(WITHIN, up.wait_for(|up| *up)).await;
    let examined = RedisExamined {
        version: version(&commands).await.ok().flatten(),
        pubsub_limit: pubsub_limit(&commands).await.ok().flatten(),
    };
    Ok((examined, commands))
}

async fn version(commands: &Commands) -> Result<Option<String>, CommandError> {
    let ask = |mut connection| async move {
        let mut info = cmd("INFO");
        info.arg("server");
        info.query_async::<String>(&mut connection).await
    };
    let info = commands.run(WITHIN, ask).await?;
    let line = info
        .lines()
        .find_map(|it| it.strip_prefix("redis_version:"));
    Ok(line.map(|version| version.trim().to_owned()))
}

async fn pubsub_limit(commands: &Commands) -> Result<Option<OutputLimit>, CommandError> {
    let ask = |mut connection| async move {
        let mut get = cmd("CONFIG");
        get.arg("GET").arg("client-output-buffer-limit");
        get.query_async::<Vec<String>>(&mut connection).await
    };
    let told = commands.run(WITHIN, ask).await?;
    Ok(told.get(1).and_then(|value| read_limit(value)))
}

/// Of `normal 0 0 0 slave … pubsub 33554432 8388608 60`, the class of subscribers.
fn read_limit(value: &str) -> Option<OutputLimit> {
    let mut words = value.split_ascii_whitespace();
    words.find(|word| *word == "pubsub")?;
    let mut number = || words.next()?.parse().ok();
    Some(OutputLimit {
        hard_bytes: number()?,
        soft_bytes: number()?,
        soft_s: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_subscribers_is_found_among_the_others() {
        let told = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        let limit = OutputLimit {
            hard_bytes: 33_554_432,
            soft_bytes: 8_388_608,
            soft_s: 60,
        };
        assert_eq!(read_limit(told), Some(limit));
        for cut in ["", "pubsub", "pubsub 1 2", "pubsub 1 2 x", "normal 0 0 0"] {
            assert_eq!(read_limit(cut), None, "{cut}");
        }
    }
}
