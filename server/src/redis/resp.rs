//! Replies of a Redis as they come in (RESP 2), within bounds. No I/O.
//!
//! The library's own reader buffers whatever the other side announces; a subscriber reads what
//! anybody may publish, so this one refuses what is larger than any frame of ours.

use bytes::{Buf, Bytes, BytesMut};
use parlor_protocol::limit::{BODY_BYTES, HEADER_BYTES};

/// Longest piece, bytes: a whole frame and what the bus puts before it.
const PIECE_BYTES: usize = BODY_BYTES + HEADER_BYTES + 1024;
/// Longest line of a reply, bytes: errors are the longest.
const LINE_BYTES: usize = 4 * 1024;
/// Elements of one list: the most that is asked for are the copies that a primary has.
const ELEMENTS: usize = 1024;
/// Lists within lists: a primary's list of its copies is two deep.
const DEPTH: usize = 4;
/// Room for each read, bytes: several frames at once.
const READ_BYTES: usize = 16 * 1024;
/// A whole reply, bytes.
const REPLY_BYTES: usize = 2 * PIECE_BYTES;

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Line(Bytes),
    Error(Bytes),
    Number(i64),
    /// A text of any bytes, or nothing.
    Piece(Option<Bytes>),
    List(Vec<Reply>),
}

/// What came is no reply, or larger than any that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RespError {
    #[error("it answers in another protocol")]
    Malformed,
    #[error("it answers more than was asked for")]
    Oversize,
}

impl Reply {
    /// The bytes of a piece or a line.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Piece(Some(bytes)) | Self::Line(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Finds replies in what was read.
#[derive(Debug, Default)]
pub(crate) struct RespReader {
    buffer: BytesMut,
}

impl RespReader {
    /// Where to read into.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.reserve(READ_BYTES);
        &mut self.buffer
    }

    /// The next whole reply, `None` when more is needed. After an error nothing more can be read.
    pub(crate) fn next(&mut self) -> Result<Option<Reply>, RespError> {
        let mut place = Place {
            bytes: &self.buffer,
            at: 0,
        };
        match place.reply(DEPTH) {
            Ok(reply) => {
                let length = place.at;
                self.buffer.advance(length);
                Ok(Some(reply))
            }
            Err(Stop::More) if self.buffer.len() > REPLY_BYTES => Err(RespError::Oversize),
            Err(Stop::More) => Ok(None),
            Err(Stop::Wrong(error)) => Err(error),
        }
    }
}

enum Stop {
    More,
    Wrong(RespError),
}

struct Place<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Place<'_> {
    fn reply(&mut self, depth: usize) -> Result<Reply, Stop> {
        let line = self.line()?;
        let (sort, rest) = line
            .split_first()
            .ok_or(Stop::Wrong(RespError::Malformed))?;
        match sort {
            b'+' => Ok(Reply::Line(Bytes::copy_from_slice(rest))),
            b'-' => Ok(Reply::Error(Bytes::copy_from_slice(rest))),
            b':' => Ok(Reply::Number(number(rest)?)),
            b'$' => match number(rest)? {
                -1 => Ok(Reply::Piece(None)),
                length => self.piece(length),
            },
            b'*' => match number(rest)? {
                -1 => Ok(Reply::Piece(None)),
                count => self.list(count, depth),
            },
            _ => Err(Stop::Wrong(RespError::Malformed)),
        }
    }

    fn piece(&mut self, length: i64) -> Result<Reply, Stop> {
        let length = bounded(length, PIECE_BYTES)?;
        let whole = self.bytes.get(self.at..self.at + length + 2);
        let (piece, end) = whole.ok_or(Stop::More)?.split_at(length);
        if end != b"\r\n" {
            return Err(Stop::Wrong(RespError::Malformed));
        }
        self.at += length + 2;
        Ok(Reply::Piece(Some(Bytes::copy_from_slice(piece))))
    }

    fn list(&mut self, count: i64, depth: usize) -> Result<Reply, Stop> {
        let count = bounded(count, ELEMENTS)?;
        let depth = depth.checked_sub(1);
        let depth = depth.ok_or(Stop::Wrong(RespError::Oversize))?;
        let elements: Result<_, Stop> = (0..count).map(|_| self.reply(depth)).collect();
        Ok(Reply::List(elements?))
    }

    /// Up to the next line end, which is passed.
    fn line(&mut self) -> Result<&[u8], Stop> {
        let rest = &self.bytes[self.at..];
        let window = &rest[..rest.len().min(LINE_BYTES)];
        match window.windows(2).position(|pair| pair == b"\r\n") {
            Some(length) => {
                self.at += length + 2;
                Ok(&rest[..length])
            }
            None if rest.len() >= LINE_BYTES => Err(Stop::Wrong(RespError::Oversize)),
            None => Err(Stop::More),
        }
    }
}

fn number(digits: &[u8]) -> Result<i64, Stop> {
    let text = std::str::from_utf8(digits).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or(Stop::Wrong(RespError::Malformed))
}

fn bounded(length: i64, most: usize) -> Result<usize, Stop> {
    match usize::try_from(length) {
        Ok(length) if length <= most => Ok(length),
        Ok(_) => Err(Stop::Wrong(RespError::Oversize)),
        Err(_) => Err(Stop::Wrong(RespError::Malformed)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Reply>, RespError> {
        let mut reader = RespReader::default();
        reader.buffer().extend_from_slice(bytes);
        reader.next()
    }

    fn piece(text: &'static str) -> Reply {
        Reply::Piece(Some(Bytes::from_static(text.as_bytes())))
    }

    const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n\r\n\x00x\r\n+OK\r\n";

    #[test]
    fn replies_are_found_however_they_are_cut() {
        for cut in 0..MESSAGE.len() {
            let mut reader = RespReader::default();
            let mut found = Vec::new();
            for part in [&MESSAGE[..cut], &MESSAGE[cut..]] {
                reader.buffer().extend_from_slice(part);
                while let Some(reply) = reader.next().unwrap() {
                    found.push(reply);
                }
            }
            let message = Reply::List(vec![piece("message"), piece("a"), piece("\r\n\0x")]);
            assert_eq!(found, [message, Reply::Line(Bytes::from_static(b"OK"))]);
            assert!(reader.buffer().is_empty());
        }
    }

    #[test]
    fn numbers_errors_and_nothing_are_replies() {
        assert_eq!(read(b":-7\r\n"), Ok(Some(Reply::Number(-7))));
        assert_eq!(read(b"$-1\r\n"), Ok(Some(Reply::Piece(None))));
        let error = Reply::Error(Bytes::from_static(b"NOAUTH no"));
        assert_eq!(read(b"-NOAUTH no\r\n"), Ok(Some(error)));
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_buffered() {
        assert_eq!(read(b"$999999999\r\n"), Err(RespError::Oversize));
        assert_eq!(read(b"*5000\r\n"), Err(RespError::Oversize));
        assert_eq!(
            read(b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"),
            Err(RespError::Oversize)
        );
        assert_eq!(read(&[b'+'; LINE_BYTES]), Err(RespError::Oversize));
        assert_eq!(read(b"HTTP/1.1 400\r\n"), Err(RespError::Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
