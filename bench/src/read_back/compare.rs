//! Line by line: is it the message that was said there?

use super::Said;

/// One message as `parlor tail --json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Line {
    pub seq: u64,
    /// The author's id as text.
    pub author_id: String,
    pub text: String,
}

/// How far a reading agrees with the log.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// In the order of their seqs.
    said: Vec<Said>,
    /// The next that is to be read.
    next: usize,
    /// Messages read that are what was said.
    pub identical: u64,
    /// Messages missing, too many, changed, or out of place.
    pub wrong: u64,
    /// What was wrong first.
    pub first: Option<String>,
}

impl Comparison {
    /// `unsaid`: what was wrong before anything was read.
    pub fn new(said: Vec<Said>, unsaid: u64) -> Self {
        let mut comparison = Self {
            wrong: unsaid,
            first: (unsaid > 0)
                .then(|| format!("{unsaid} acknowledgements do not follow the log's order")),
            said,
            ..Self::default()
        };
        let pairs = comparison.said.windows(2);
        let gap = pairs
            .map(|pair| pair[1].seq - pair[0].seq)
            .position(|step| step != 1);
        if let Some(at) = gap {
            let seq = comparison.said[at].seq;
            comparison.note(format!("no acknowledgement follows at seq {}", seq + 1));
        }
        comparison
    }

    /// First and last seq; nothing is to be read where the first is above the last.
    pub fn range(&self) -> (u64, u64) {
        match (self.said.first(), self.said.last()) {
            (Some(first), Some(last)) => (first.seq, last.seq),
            _ => (1, 0),
        }
    }

    pub fn take(&mut self, lines: impl IntoIterator<Item = Line>) {
        for line in lines {
            self.line(&line);
        }
    }

    fn line(&mut self, line: &Line) {
        let waiting = &self.said[self.next..];
        let skipped = waiting.iter().take_while(|it| it.seq < line.seq).count();
        if skipped > 0 {
            let seq = waiting[0].seq;
            self.wrong += skipped as u64 - 1;
            self.next += skipped;
            self.note(format!("seq {seq} is missing before {}", line.seq));
        }
        let Some(said) = self.said.get(self.next).filter(|it| it.seq == line.seq) else {
            return self.note(format!("seq {} is one too many", line.seq));
        };
        let same_author = said.author.to_string() == line.author_id;
        let same_text = said.text == line.text;
        self.next += 1;
        match (same_author, same_text) {
            (true, true) => self.identical += 1,
            (false, _) => self.note(format!("seq {} has another author", line.seq)),
            (true, false) => self.note(format!("seq {} has another text", line.seq)),
        }
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        let missing = self.said.len() - self.next;
        if missing > 0 {
            let seq = self.said[self.next].seq;
            self.next = self.said.len();
            self.wrong += missing as u64 - 1;
            self.note(format!("seq {seq} and what follows is missing"));
        }
    }

    fn note(&mut self, what: String) {
        self.wrong += 1;
        self.first.get_or_insert(what);
    }
}

#[cfg(test)]
mod tests {
    use parlor_protocol::UserId;

    use super::*;

    const PEOPLE: u64 = 3;

    fn author(seq: u64) -> UserId {
        UserId([(seq % PEOPLE) as u8; 16])
    }

    fn said(seqs: &[u64]) -> Vec<Said> {
        let said = |&seq| Said {
            seq,
            author: author(seq),
            text: format!("message {seq}"),
        };
        seqs.iter().map(said).collect()
    }

    fn line(seq: u64) -> Line {
        Line {
            seq,
            author_id: author(seq).to_string(),
            text: format!("message {seq}"),
        }
    }

    fn wrong(lines: Vec<Line>) -> (u64, u64) {
        let mut comparison = Comparison::new(said(&[5, 6, 7, 8]), 0);
        assert_eq!(comparison.range(), (5, 8));
        comparison.take(lines);
        comparison.end();
        assert_eq!(comparison.first.is_some(), comparison.wrong > 0);
        (comparison.identical, comparison.wrong)
    }

    #[test]
    fn the_log_itself_is_identical() {
        assert_eq!(wrong([5, 6, 7, 8].map(line).into()), (4, 0));
    }

    #[test]
    fn each_difference_counts() {
        assert_eq!(wrong([5, 8].map(line).into()), (2, 2), "two are missing");
        assert_eq!(wrong([5, 6].map(line).into()), (2, 2), "the end is missing");
        assert_eq!(wrong(Vec::new()), (0, 4), "everything is missing");
        assert_eq!(wrong([5, 6, 6, 7, 8].map(line).into()), (4, 1), "doubled");
        assert_eq!(wrong([5, 6, 7, 8, 9].map(line).into()), (4, 1), "too many");
        assert_eq!(wrong([6, 5, 7, 8].map(line).into()), (3, 2), "out of place");
        let mut changed: Vec<_> = [5, 6, 7, 8].map(line).into();
        changed[1].text.push('!');
        changed[2].author_id = author(0).to_string();
        assert_eq!(wrong(changed), (2, 2));
    }

    #[test]
    fn a_gap_in_the_acknowledgements_is_one() {
        assert_eq!(Comparison::new(said(&[1, 2, 4]), 0).wrong, 1);
    }
}
