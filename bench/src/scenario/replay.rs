//! A real log: its people, its order, its bursts.

use super::steady::{Measured, measure};
use super::{Findings, RunError, remark};
use crate::conduct::Interrupt;
use crate::corpus;
use crate::plan::Texts;
use crate::read_back::{Comparison, read_back};
use crate::report::Note;
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
    let accounts = prepared.accounts.clone();
    let Measured {
        mut findings,
        outcome,
        server,
    } = measure(&shape, prepared, plan.clone(), texts.clone(), interrupt).await?;
    let read = match shape.read_back && !findings.report.partial {
        true => {
            let fates = &outcome.tally.fates;
            Some(read_back(&accounts, accounts.rooms[0], &plan, &texts, fates).await)
        }
        false => None,
    };
    server.end().await;
    if let Some(read) = read {
        report(&mut findings, &read?);
    }
    Ok(findings)
}

fn report(findings: &mut Findings, read: &Comparison) {
    findings.report.figures.read_back_wrong = Some(read.wrong);
    findings.report.notes.push(remark(format!(
        "{} messages read back by the terminal client are what the log said",
        read.identical
    )));
    if let Some(first) = &read.first {
        findings
            .report
            .notes
            .push(Note::Warning(format!("read back: {first}")));
    }
}
