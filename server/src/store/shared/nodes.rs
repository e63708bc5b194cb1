//! What both databases agree on about nodes.

use super::columns::Columns;
use crate::store::{NodeBeat, Result};

/// When what a node said is dropped, ms: a day. It is dead after seconds; this only keeps the table small.
pub(crate) const KEPT_MS: u64 = 24 * 3600 * 1000;

/// `number, record`.
pub(in crate::store) fn beat_of(row: &impl Columns) -> Result<NodeBeat> {
    Ok(NodeBeat {
        number: row.signed(0)?.cast_unsigned(),
        record: row.blob(1)?,
    })
}
