//! What a run says at its end: a table, JSON, a page with plots.

mod figures;
mod html;
mod json;
mod plot;
mod table;

pub use figures::{Figures, NodeUse, Note, ServicesUse, Usage};
pub use html::page;
pub use json::json;
pub use table::table;

use crate::measure::Point;
use crate::shape::Shape;
use crate::targets::Judged;

/// Everything a report is made of.
#[derive(Clone, Debug)]
pub struct Report {
    pub shape: Shape,
    pub figures: Figures,
    pub verdict: Vec<Judged>,
    /// Deliveries and latency over time.
    pub points: Vec<Point>,
    /// Use of the server's and the generator's process over time.
    pub usage: Vec<Usage>,
    /// Latency of all counted deliveries: share (0 to 1) and ms.
    pub quantiles: Vec<(f64, f64)>,
    /// Limits that were raised for the load.
    pub raised: Vec<String>,
    pub notes: Vec<Note>,
    /// Broken off by the user.
    pub partial: bool,
}

impl Report {
    /// Whether every line was held and the run came to its end.
    pub fn passed(&self) -> bool {
        !self.partial && self.verdict.iter().all(|line| line.held)
    }
}
