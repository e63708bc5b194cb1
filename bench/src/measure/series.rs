//! Figures second by second, for plots.

use super::Times;

/// Points kept; a longer run doubles the time that one point stands for.
const POINTS: usize = 1_200;

/// One point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Seconds after the plan's start.
    pub at_s: f64,
    /// Deliveries per second.
    pub deliveries_per_s: f64,
    /// Latency of those deliveries, ms.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// Points of equal width.
#[derive(Clone, Debug)]
pub struct Series {
    points: Vec<Point>,
    width_ns: u64,
    from_ns: u64,
    times: Times,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            width_ns: 1_000_000_000,
            from_ns: 0,
            times: Times::default(),
        }
    }
}

impl Series {
    /// One delivery of this latency.
    pub fn record_ns(&mut self, latency_ns: u64) {
        self.times.record_ns(latency_ns);
    }

    /// Ends the current point when its time is over.
    pub fn advance(&mut self, now_ns: u64) {
        if now_ns < self.from_ns + self.width_ns {
            return;
        }
        let seconds = (now_ns - self.from_ns) as f64 / 1e9;
        self.points.push(Point {
            at_s: now_ns as f64 / 1e9,
            deliveries_per_s: self.times.count() as f64 / seconds,
            p50_ms: self.times.quantile_ms(0.50),
            p99_ms: self.times.quantile_ms(0.99),
        });
        self.times.clear();
        self.from_ns = now_ns;
        if self.points.len() >= POINTS {
            self.thin();
        }
    }

    /// Where the next point begins and how wide it is: when to call [`Series::advance`].
    pub fn next_ns(&self) -> u64 {
        self.from_ns + self.width_ns
    }

    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Joins each two neighbours; the worse tail of both stays.
    fn thin(&mut self) {
        self.width_ns *= 2;
        self.points = self
            .points
            .chunks(2)
            .map(|pair| {
                let worst =
                    |of: fn(&Point) -> Option<f64>| pair.iter().filter_map(of).reduce(f64::max);
                Point {
                    at_s: pair[pair.len() - 1].at_s,
                    deliveries_per_s: pair.iter().map(|it| it.deliveries_per_s).sum::<f64>()
                        / pair.len() as f64,
                    p50_ms: worst(|it| it.p50_ms),
                    p99_ms: worst(|it| it.p99_ms),
                }
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_becomes_a_point() {
        let mut series = Series::default();
        for _ in 0..50 {
            series.record_ns(2_000_000);
        }
        series.advance(999_999_999);
        assert!(series.points().is_empty());
        series.advance(1_000_000_000);
        let point = series.points()[0];
        assert_eq!(point.deliveries_per_s, 50.0);
        assert!((point.p99_ms.unwrap() - 2.0).abs() < 0.01);
    }

    #[test]
    fn a_long_run_stays_bounded() {
        let mut series = Series::default();
        for second in 1..20_000u64 {
            series.record_ns(1_000_000);
            series.advance(second * 1_000_000_000);
        }
        assert!(series.points().len() < POINTS);
        assert!(series.points().is_sorted_by(|a, b| a.at_s < b.at_s));
    }
}
