//! How a node speaks to a Redis: where it is ([`RedisAddress`]), a connection with deadlines, and
//! commands over one that mends itself ([`Commands`]).
//!
//! Nothing durable lies in a Redis: whoever asks one lives without the answer.

mod address;
mod commands;
mod dial;
mod examine;
mod resp;
mod trust;

pub use address::{AddressError, RedisAddress};
pub use commands::{CommandError, Commands};
pub use dial::DialError;
pub(crate) use dial::{Stream, dial, words};
pub use examine::{OutputLimit, RedisExamined, examine};
pub(crate) use resp::{Reply, RespReader};
