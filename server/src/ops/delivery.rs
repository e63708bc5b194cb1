//! The delivery probe: now and then something that is no message goes the whole way of one, but for
//! the database: the committer's queue, the shard's mailbox, the hub, the flusher. What does not come
//! through in time turns the node red, whatever its parts say of themselves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Metrics;
use crate::shard::Core;

/// How often a probe is sent.
const EVERY: Duration = Duration::from_secs(2);
/// Time for it to come through: a node that is merely busy takes a tenth of that.
const WITHIN: Duration = Duration::from_secs(5);
/// A delivery that stands still is noticed within this.
const RED_WITHIN: Duration = Duration::from_secs(10);

const _: () = assert!(EVERY.as_millis() + WITHIN.as_millis() < RED_WITHIN.as_millis());

/// Sends probes for as long as the node lives; the first one has gone before.
pub(crate) async fn watch(core: Arc<Core>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        look(&core).await;
    }
}

/// Sends one probe and notes how it went.
pub(crate) async fn look(core: &Core) {
    let began = Instant::now();
    let came = timeout(WITHIN, core.committer.probe()).await;
    let came = matches!(came, Ok(Ok(())));
    if came {
        core.metrics.delivery_probe.observe(began.elapsed());
    }
    let was = core.metrics.delivery_healthy.get() == 1;
    match (was, came) {
        (true, false) => tracing::error!("{}", stuck()),
        (false, true) => tracing::info!("messages leave this node"),
        _ => {}
    }
    core.metrics.delivery_healthy.set(came.into());
}

/// What the last probe showed.
pub(super) fn health(metrics: &Metrics) -> Result<(), String> {
    match metrics.delivery_healthy.get() {
        1 => Ok(()),
        _ => Err(stuck()),
    }
}

fn stuck() -> String {
    let s = WITHIN.as_secs();
    format!(
        "messages do not leave this node: a probe of the delivery did not come through in {s} s"
    )
}

#[cfg(test)]
mod tests;
