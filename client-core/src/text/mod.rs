//! Message text as faces show it: made safe and styled once, for all of them.
//!
//! What is stored is never changed; only what is shown is. Order: [`safe`] first
//! turns the text into one that can be printed anywhere, then blocks and inline
//! marks are read from that, so nothing a parser lets through can do harm.
//!
//! The marks are a subset of markdown read by an own tokenizer instead of a
//! CommonMark parser: chat keeps line breaks, lists and `#` as typed, reads every
//! line by itself (a stray star must not restyle a pasted log), needs mentions
//! and bare links, and must be linear and without recursion on hostile text.
//!
//! Right-to-left letters stay as they are. A face sets each message in a box of
//! its own direction; no character that could reach out of it is left.

mod blocks;
mod inline;
mod message;
mod plain;
mod safe;
mod width;
mod work;
mod wrap;

#[cfg(test)]
mod tests;

pub use blocks::{MAX_LINES, MAX_QUOTE_DEPTH, MAX_TEXT_BYTES, render};
pub use inline::{MAX_SPANS, MAX_URL_BYTES};
pub use message::{Block, Kind, Line, Message, Span, Style};
pub use plain::sanitize_line;
pub use safe::{MAX_ACCENTS, MAX_JOINS, MAX_MARKS, safe};
pub use width::{display_width, truncate};
pub use wrap::{MIN_WRAP_WIDTH, wrap};
