//! A real log as a load: its people, its order, its minutes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::plan::{Plan, PlannedPost, Segment, UserIndex};

/// Longest line that is read, bytes; above it lies what no log holds.
const LINE_BYTES: u64 = 1 << 20;
/// The log tells minutes only: what was said in one is spread over it.
const GRAIN_S: u64 = 60;
/// Longest silence that is kept, s of the log: nights and lost months are cut down to it.
const GAP_S: u64 = 120;

/// One message of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Seconds since the Unix epoch, of minute resolution.
    pub at_s: u64,
    pub nick: String,
    pub text: String,
}

/// Why a file is not a log.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error(
        "replay needs a log: --corpus FILE.tsv[.gz], one message a line: seconds, tab, nick, tab, text"
    )]
    Missing,
    #[error("cannot read the log {path}: {error}")]
    Read { path: String, error: std::io::Error },
    #[error("line {line} of the log is not seconds, tab, nick, tab, text")]
    Line { line: usize },
    #[error("the log holds no message")]
    Empty,
}

/// Reads up to `most` messages; a name that ends in `.gz` is unpacked.
pub fn read(path: &Path, most: usize) -> Result<Vec<Said>, CorpusError> {
    let failed = |error| CorpusError::Read {
        path: path.display().to_string(),
        error,
    };
    let file = File::open(path).map_err(failed)?;
    let packed = path.extension().is_some_and(|end| end == "gz");
    let plain: Box<dyn Read> = match packed {
        true => Box::new(GzDecoder::new(file)),
        false => Box::new(file),
    };
    parse(BufReader::new(plain), most).map_err(|error| match error {
        CorpusError::Read { error, .. } => failed(error),
        error => error,
    })
}

/// Reads messages from lines. Lines whose text is empty are passed over: no server takes them.
pub fn parse(mut from: impl BufRead, most: usize) -> Result<Vec<Said>, CorpusError> {
    let mut said = Vec::new();
    let mut line = String::new();
    let mut number = 0;
    while said.len() < most {
        line.clear();
        number += 1;
        let read = (&mut from).take(LINE_BYTES).read_line(&mut line);
        let read = read.map_err(|error| CorpusError::Read {
            path: String::new(),
            error,
        })?;
        if read == 0 {
            break;
        }
        let bad = CorpusError::Line { line: number };
        let mut fields = line.trim_end_matches(['\n', '\r']).splitn(3, '\t');
        let (Some(at), Some(nick), Some(text)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(bad);
        };
        let at_s = at.parse().map_err(|_| bad)?;
        if text.trim().is_empty() || text.contains('\0') {
            continue;
        }
        said.push(Said {
            at_s,
            nick: nick.to_owned(),
            text: text.to_owned(),
        });
    }
    match said.is_empty() {
        true => Err(CorpusError::Empty),
        false => Ok(said),
    }
}

/// Plans a log for so many users in one room: each nick is one user for the whole log, minutes are
/// spread by the seed, long silences cut, and the whole is sped up to a mean of `rate` a second.
pub fn plan(said: &[Said], users: u32, rate: f64, seed: u64) -> Plan {
    let mut people: HashMap<&str, UserIndex> = HashMap::new();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let virtual_s = spread(said, &mut random);
    let length = virtual_s.last().copied().unwrap_or_default().max(1e-3);
    let wanted_s = said.len() as f64 / rate;
    let mut posts = Vec::with_capacity(said.len());
    for (message, at) in said.iter().zip(virtual_s) {
        let next = people.len() as UserIndex % users.max(1);
        let sender = *people.entry(&message.nick).or_insert(next);
        posts.push(PlannedPost {
            at_ns: (at / length * wanted_s * 1e9) as u64,
            sender,
            room: 0,
            segment: 0,
        });
    }
    let to_ns = posts.last().map_or(0, |post| post.at_ns + 1);
    Plan {
        posts,
        segments: vec![Segment {
            name: "replay".to_owned(),
            from_ns: 0,
            to_ns,
            counted: true,
        }],
    }
}

/// An instant for each message, s from the first, never going back.
fn spread(said: &[Said], random: &mut ChaCha8Rng) -> Vec<f64> {
    let mut instants = Vec::with_capacity(said.len());
    let mut minute_at = 0.0;
    for minute in said.chunk_by(|one, other| one.at_s == other.at_s) {
        let mut within: Vec<f64> = minute
            .iter()
            .map(|_| random.random::<f64>() * GRAIN_S as f64)
            .collect();
        within.sort_by(f64::total_cmp);
        instants.extend(within.into_iter().map(|offset| minute_at + offset));
        let next = said.get(instants.len()).map(|message| message.at_s);
        let gap = next.map_or(GRAIN_S, |next| next.saturating_sub(minute[0].at_s));
        minute_at += gap.clamp(GRAIN_S, GAP_S) as f64;
    }
    instants
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = "60\tann\thello\n60\tbob\thi there\n120\tann\t\n9000\tcyd\tback\ttabs stay\n";

    #[test]
    fn lines_become_messages_and_empty_ones_are_passed_over() {
        let said = parse(LOG.as_bytes(), 10).unwrap();
        assert_eq!(said.len(), 3);
        assert_eq!(said[2].text, "back\ttabs stay");
        assert_eq!(parse(LOG.as_bytes(), 1).unwrap().len(), 1);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = parse("60\tann\thello\nrubbish\n".as_bytes(), 10).unwrap_err();
        assert!(matches!(error, CorpusError::Line { line: 2 }));
        assert!(matches!(parse("".as_bytes(), 10), Err(CorpusError::Empty)));
    }

    #[test]
    fn a_person_stays_one_user_and_the_mean_rate_is_met() {
        let said = parse(LOG.as_bytes(), 10).unwrap();
        let plan = plan(&said, 2, 10.0, 1);
        let senders: Vec<_> = plan.posts.iter().map(|post| post.sender).collect();
        assert_eq!(senders, [0, 1, 0]);
        assert_eq!(plan.end_ns(), 300_000_001);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_silence_is_bounded(
            gaps in proptest::collection::vec(0u64..1_000_000, 1..100),
            seed: u64,
        ) {
            let mut at_s = 0;
            let said: Vec<_> = gaps
                .iter()
                .map(|gap| {
                    at_s += gap / 60 * 60;
                    Said { at_s, nick: "ann".to_owned(), text: "hi".to_owned() }
                })
                .collect();
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let instants = spread(&said, &mut random);
            prop_assert!(instants.is_sorted());
            let most = (GAP_S + GRAIN_S) as f64;
            prop_assert!(instants.windows(2).all(|pair| pair[1] - pair[0] <= most));
        }
    }
}
