//! Histories as JSON lines, so that processes can write them and die at any moment.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::event::{Event, History};

/// Longest line read: an event is under 1 KiB, notes may be longer.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Writes one client's events, each with one write call: a killed process leaves at most
/// one torn line.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    client: String,
}

#[derive(Serialize)]
struct LineOut<'a> {
    client: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Deserialize)]
struct LineIn {
    client: String,
    #[serde(flatten)]
    event: Event,
}

impl Recorder<File> {
    /// Opens a file to go on writing after what an earlier process of the client left.
    ///
    /// # Errors
    /// What the system says.
    pub fn append(path: &Path, client: &str) -> io::Result<Recorder<File>> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)?;
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(Recorder::new(file, client))
    }
}

impl<W: Write> Recorder<W> {
    /// A recorder for the client of this name.
    pub fn new(out: W, client: &str) -> Recorder<W> {
        Recorder {
            out,
            client: client.into(),
        }
    }

    /// Writes an event.
    ///
    /// # Errors
    /// What the writer says.
    pub fn record(&mut self, event: &Event) -> io::Result<()> {
        let line = LineOut {
            client: &self.client,
            event,
        };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        self.out.write_all(&bytes)
    }
}

/// Histories collected from any number of files.
#[derive(Debug, Default)]
pub struct Histories {
    histories: Vec<History>,
    by_client: HashMap<String, usize>,
    torn_lines: u64,
}

/// A file of events can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Reading failed.
    #[error("cannot read the events: {0}")]
    Read(#[from] io::Error),
    /// A line in the midst of others is no event.
    #[error("line {line} is no event and was not cut off by a kill: {reason}")]
    NoEvent {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The client never said who uses it.
    #[error("line {line}: client {client} writes events before its first `started`")]
    NotStarted {
        /// From 1.
        line: u64,
        /// The client.
        client: String,
    },
}

impl Histories {
    /// Reads a file's events. A torn line is passed over where a kill can have left it:
    /// at the end, or before the client's next start.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn read(&mut self, mut lines: impl BufRead) -> Result<(), LogError> {
        let mut torn: Option<LogError> = None;
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = (&mut lines)
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut bytes)?;
            if read == 0 {
                break;
            }
            match serde_json::from_slice::<LineIn>(&bytes) {
                Ok(event) => {
                    let starts = matches!(event.event, Event::Started { .. });
                    if let Some(error) = torn.take().filter(|_| !starts) {
                        return Err(error);
                    }
                    self.add(line, event)?;
                }
                Err(error) => {
                    if let Some(earlier) = torn.take() {
                        return Err(earlier);
                    }
                    self.torn_lines += 1;
                    let reason = error.to_string();
                    torn = Some(LogError::NoEvent { line, reason });
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, line: u64, LineIn { client, event }: LineIn) -> Result<(), LogError> {
        if let Some(index) = self.by_client.get(&client) {
            self.histories[*index].events.push(event);
            return Ok(());
        }
        let Event::Started { user } = event else {
            return Err(LogError::NotStarted { line, client });
        };
        self.by_client.insert(client.clone(), self.histories.len());
        self.histories.push(History {
            client,
            user,
            events: vec![event],
        });
        Ok(())
    }

    /// Lines that a kill cut off.
    #[must_use]
    pub fn torn_lines(&self) -> u64 {
        self.torn_lines
    }

    /// The histories, in the order of their clients' first events.
    #[must_use]
    pub fn into_vec(self) -> Vec<History> {
        self.histories
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::checker::{Place, TextHash, Via};
    use parlor_protocol::{RoomId, SendKey, UserId};

    const ANN: UserId = UserId([7; 16]);

    fn events() -> Vec<Event> {
        let place = Place::new(RoomId([1; 16]), 0, 3);
        let send_key = SendKey([9; 16]);
        vec![
            Event::Started { user: ANN },
            Event::Connected { epoch: u64::MAX },
            Event::Invoked {
                room: place.room,
                timeline: 0,
                send_key,
                after: Some(SendKey([8; 16])),
                text_hash: TextHash::of("hello"),
            },
            Event::Acknowledged {
                send_key,
                place,
                rev: 4,
            },
            Event::Delivered {
                via: Via::Live,
                place,
                rev: 5,
                send_key,
                author: ANN,
                text_hash: None,
            },
            Event::Marked { place },
        ]
    }

    fn written(events: &[Event]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut recorder = Recorder::new(&mut bytes, "ann's laptop");
        for event in events {
            recorder.record(event).unwrap();
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let mut histories = Histories::default();
        histories.read(written(&events()).as_slice()).unwrap();
        let histories = histories.into_vec();
        assert_eq!(histories.len(), 1);
        assert_eq!(histories[0].client, "ann's laptop");
        assert_eq!(histories[0].user, ANN);
        assert_eq!(histories[0].events, events());
    }

    #[test]
    fn a_line_torn_by_a_kill_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ann.jsonl");
        let mut torn = written(&events());
        torn.truncate(torn.len() - 10);
        std::fs::write(&path, &torn).unwrap();
        let mut again = Recorder::append(&path, "ann's laptop").unwrap();
        again.record(&Event::Started { user: ANN }).unwrap();
        let mut histories = Histories::default();
        let file = std::fs::read(&path).unwrap();
        histories.read(file.as_slice()).unwrap();
        histories.read(&torn[torn.len() - 30..]).unwrap();
        assert_eq!(histories.torn_lines(), 2);
        assert_eq!(histories.into_vec()[0].events.len(), events().len());
    }

    #[test]
    fn garbage_in_the_midst_is_an_error() {
        let mut bytes = written(&events()[..2]);
        bytes.extend(b"{\"event\":\"started\"}\n");
        bytes.extend(written(&events()[2..]));
        let error = Histories::default().read(bytes.as_slice()).unwrap_err();
        assert!(
            matches!(error, LogError::NoEvent { line: 3, .. }),
            "{error}"
        );
    }

    #[test]
    fn events_of_nobody_are_an_error() {
        let bytes = written(&events()[1..]);
        let error = Histories::default().read(bytes.as_slice()).unwrap_err();
        assert!(matches!(error, LogError::NotStarted { line: 1, .. }));
    }
}
