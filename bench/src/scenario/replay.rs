//! A real log: its people, its order, its bursts.

use super::steady::run_plan;
use super::{Findings, RunError};
use crate::conduct::Interrupt;
use crate::corpus;
use crate::plan::Texts;
use crate::server::Prepared;
use crate::shape::Shape;

pub use crate::corpus::CorpusError;

pub(super) async fn run(
    shape: &Shape,
    prepared: Prepared,
    interrupt: Interrupt,
) -> Result<Findings, RunError> {
    let path = shape.corpus.as_ref().ok_or(CorpusError::Missing)?;
    let said = corpus::read(path, shape.messages as usize)?;
    let plan = corpus::plan(&said, shape.users, shape.rate, shape.seed);
    let texts = Texts::Log(said.into_iter().map(|message| message.text).collect());
    // The log's length and the rate say how long it takes, not --seconds.
    let shape = Shape {
        seconds: plan.counted_seconds(),
        ..shape.clone()
    };
    run_plan(&shape, prepared, plan, texts, interrupt).await
}
