//! States at the end of a run: the database's and the clients'.

use parlor_protocol::{RoomId, SendKey, UserId};
use serde::{Deserialize, Serialize};

use super::text::{TextHash, as_text, as_text_option};

/// The database after the run, read in one snapshot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Database {
    /// The installation's epoch.
    pub epoch: u64,
    /// All rooms that the run touched.
    pub rooms: Vec<RoomDump>,
}

/// A room of the database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoomDump {
    /// Its id.
    #[serde(with = "as_text")]
    pub room: RoomId,
    /// Its rev.
    pub rev: u64,
    /// What a newcomer sees.
    pub history: HistoryRule,
    /// Who belongs to it.
    pub members: Vec<MemberRow>,
    /// Its own timeline and those of its threads.
    pub timelines: Vec<TimelineDump>,
}

/// What a newcomer sees of the time before they joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryRule {
    /// Everything.
    Open,
    /// Nothing.
    SinceJoining,
}

/// A member of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Who.
    #[serde(with = "as_text")]
    pub user: UserId,
    /// The first seq of the room's own timeline that they may see; 1 where history is open.
    pub visible_from: u64,
}

/// A timeline of the database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimelineDump {
    /// 0 is the room's own, another number a thread.
    pub timeline: u64,
    /// First seq kept: 1 until retention raises it.
    pub floor: u64,
    /// Newest seq given; 0 when there is none.
    pub head: u64,
    /// In any order.
    pub rows: Vec<Row>,
    /// Read markers.
    pub markers: Vec<MarkerRow>,
}

/// A message row. An imported row, which no key led to, stays out of the dump's rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its place.
    pub seq: u64,
    /// Its newest rev.
    pub rev: u64,
    /// Whether anything changed it since its commit (an edit, a deletion, a reaction), so that
    /// `rev` is not the rev of its commit.
    pub changed: bool,
    /// Who wrote it.
    #[serde(with = "as_text")]
    pub author: UserId,
    /// The author's key.
    #[serde(with = "as_text")]
    pub send_key: SendKey,
    /// Of the whole text; none for a tombstone.
    pub text_hash: Option<TextHash>,
    /// When it was committed, ms since the Unix epoch.
    pub at_ms: u64,
}

/// Up to where a person has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerRow {
    /// Who.
    #[serde(with = "as_text")]
    pub user: UserId,
    /// The seq.
    pub seq: u64,
}

/// What a client shows in the end: what its store holds, or what a fresh client was given.
/// A client that was offline at the end has no view.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    /// The client's name.
    pub client: String,
    /// Who uses it.
    #[serde(with = "as_text")]
    pub user: UserId,
    /// The epoch of its content.
    pub epoch: u64,
    /// Every room in its list.
    pub rooms: Vec<RoomView>,
}

/// A room as a client holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoomView {
    /// The room.
    #[serde(with = "as_text")]
    pub room: RoomId,
    /// The rev up to which it is held; none when it is only listed, never opened.
    pub rev: Option<u64>,
    /// The timelines it holds something of.
    pub timelines: Vec<TimelineView>,
}

/// A timeline as a client holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TimelineView {
    /// 0 is the room's own, another number a thread.
    pub timeline: u64,
    /// The newest seq it knows of.
    pub head: u64,
    /// Whether it holds everything that its person may see, as a fresh client that read all
    /// pages does. Otherwise `held` says what it claims to hold.
    pub complete: bool,
    /// Ranges of seq, first and last, that it claims to hold without a gap.
    pub held: Vec<(u64, u64)>,
    /// Its rows, in any order.
    pub rows: Vec<ViewRow>,
}

/// A message as a client holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRow {
    /// Its place.
    pub seq: u64,
    /// Who wrote it.
    #[serde(with = "as_text")]
    pub author: UserId,
    /// The author's key, where the store keeps it.
    #[serde(with = "as_text_option", default)]
    pub send_key: Option<SendKey>,
    /// Of the whole text; none for a tombstone.
    pub text_hash: Option<TextHash>,
}

impl Database {
    pub(super) fn row_count(&self) -> u64 {
        self.timelines().map(|it| it.rows.len() as u64).sum()
    }

    pub(super) fn timelines(&self) -> impl Iterator<Item = &TimelineDump> {
        self.rooms.iter().flat_map(|room| &room.timelines)
    }
}
