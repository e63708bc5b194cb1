//! What a person sees while a load runs.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::drive::Reading;

/// How often the line is drawn anew in a terminal, and printed elsewhere.
const REDRAW_EVERY: Duration = Duration::from_millis(250);
const PRINT_EVERY: Duration = Duration::from_secs(5);

/// One line on standard error.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    drawn: Option<(Instant, u64)>,
    phase: &'static str,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            drawn: None,
            phase: "",
        }
    }
}

impl Progress {
    /// What goes on from now.
    pub fn phase(&mut self, phase: &'static str) {
        self.phase = phase;
        if !self.terminal {
            eprintln!("{phase}");
        }
    }

    /// Draws when it is time.
    pub fn show(&mut self, reading: &Reading, server_cpu: Option<f64>, now: Instant) {
        let every = match self.terminal {
            true => REDRAW_EVERY,
            false => PRINT_EVERY,
        };
        let since = self.drawn.map_or(every, |(at, _)| now - at);
        if since < every {
            return;
        }
        let before = self.drawn.map_or(0, |it| it.1);
        let rate = (reading.deliveries - before.min(reading.deliveries)) as f64
            / since.as_secs_f64().max(0.001);
        self.drawn = Some((now, reading.deliveries));
        let line = line(self.phase, reading, rate, server_cpu);
        match self.terminal {
            // Back to the line's start, and what was longer before is cleared.
            true => eprint!("\r{line}\x1b[K"),
            false => eprintln!("{line}"),
        }
        // A closed standard error is no reason to stop.
        let _ = std::io::stderr().flush();
    }

    /// Leaves the line free for what follows.
    pub fn end(&mut self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}

fn line(phase: &str, reading: &Reading, rate: f64, server_cpu: Option<f64>) -> String {
    let mut line = format!(
        "{phase}: {} in · {} sent, {} acknowledged · {} delivered ({rate:.0}/s) · p50 {:.1} p99 {:.1} ms",
        reading.joined,
        reading.sent,
        reading.acknowledged,
        reading.deliveries,
        reading.p50_ms,
        reading.p99_ms,
    );
    if let Some(share) = server_cpu {
        line.push_str(&format!(" · server {:.0} %", share * 100.0));
    }
    if reading.errors > 0 {
        line.push_str(&format!(" · {} errors", reading.errors));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_only_when_there_are_some() {
        let mut reading = Reading::default();
        assert!(!line("window", &reading, 0.0, None).contains("errors"));
        reading.errors = 3;
        assert!(line("window", &reading, 0.0, Some(0.5)).ends_with("server 50 % · 3 errors"));
    }
}
