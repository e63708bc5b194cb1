//! Measuring: times as histograms, processes through /proc.

mod process;
mod series;
mod times;

pub use process::{ProcessSample, ProcessUse, family_cpu, sample};
pub use series::{Point, Series};
pub use times::{Percentiles, Times};
