//! What was sent, for Up.

/// Lines that are remembered while the program runs.
const MAX_LINES: usize = 200;

#[derive(Debug, Default)]
pub(super) struct History {
    /// Oldest first.
    lines: Vec<String>,
    /// Which one is shown, and what was being written before.
    shown: Option<(usize, String)>,
}

impl History {
    pub(super) fn add(&mut self, line: &str) {
        self.leave();
        if self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        self.lines.push(line.to_owned());
        if self.lines.len() > MAX_LINES {
            self.lines.remove(0);
        }
    }

    /// The line before the one shown; `current` is kept for the way back.
    pub(super) fn older(&mut self, current: &str) -> Option<String> {
        let at = match &self.shown {
            Some((at, _)) => at.checked_sub(1)?,
            None => {
                let at = self.lines.len().checked_sub(1)?;
                self.shown = Some((at, current.to_owned()));
                at
            }
        };
        if let Some((shown, _)) = &mut self.shown {
            *shown = at;
        }
        self.lines.get(at).cloned()
    }

    /// The line after the one shown, at last what was being written.
    pub(super) fn newer(&mut self) -> Option<String> {
        let (at, written) = self.shown.take()?;
        match self.lines.get(at + 1) {
            Some(line) => {
                self.shown = Some((at + 1, written));
                Some(line.clone())
            }
            None => Some(written),
        }
    }

    pub(super) fn leave(&mut self) {
        self.shown = None;
    }
}
