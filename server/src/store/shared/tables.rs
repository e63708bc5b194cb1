//! Every table as a move between databases sees it: which columns, in which order, how a part is
//! read. A row is moved, and digested, in the bytes of PostgreSQL's binary copy format, which are the
//! same whichever database it came from.

use super::columns::{Columns, damaged};
use crate::store::Result;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Number,
    Bytes,
    Text,
}

/// A table's statements. The first columns are its key, by which it is read in parts: `first` takes
/// how many rows, `next` the key of the last row before it as well.
#[derive(Debug)]
pub(in crate::store) struct Table {
    pub(in crate::store) name: &'static str,
    pub(in crate::store) kinds: &'static [Kind],
    /// How many columns are its key.
    pub(in crate::store) keys: usize,
    pub(in crate::store) count: &'static str,
    pub(in crate::store) source: Reading,
    pub(in crate::store) target: Reading,
    /// The key of the last row that the target holds.
    pub(in crate::store) last: &'static str,
    pub(in crate::store) copy: &'static str,
}

#[derive(Debug)]
pub(in crate::store) struct Reading {
    pub(in crate::store) first: &'static str,
    pub(in crate::store) next: &'static str,
}

/// `SELECT columns FROM table`, in parts by a key of one, two or three columns.
macro_rules! reading {
    ($table:literal, $columns:expr, $a:literal) => {
        Reading {
            first: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " ORDER BY ",
                $a,
                " LIMIT $1"
            ),
            next: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE ",
                $a,
                " > $1 ORDER BY ",
                $a,
                " LIMIT $2"
            ),
        }
    };
    ($table:literal, $columns:expr, $a:literal, $b:literal) => {
        Reading {
            first: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " ORDER BY ",
                $a,
                ", ",
                $b,
                " LIMIT $1"
            ),
            next: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE (",
                $a,
                ", ",
                $b,
                ") > ($1, $2) ORDER BY ",
                $a,
                ", ",
                $b,
                " LIMIT $3"
            ),
        }
    };
    ($table:literal, $columns:expr, $a:literal, $b:literal, $c:literal) => {
        Reading {
            first: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " ORDER BY ",
                $a,
                ", ",
                $b,
                ", ",
                $c,
                " LIMIT $1"
            ),
            next: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE (",
                $a,
                ", ",
                $b,
                ", ",
                $c,
                ") > ($1, $2, $3) ORDER BY ",
                $a,
                ", ",
                $b,
                ", ",
                $c,
                " LIMIT $4"
            ),
        }
    };
}

/// A table by its key and its other columns. `from`: columns that SQLite has in another form.
macro_rules! table {
    ($table:literal ($($key:literal $key_kind:ident),+) $($column:literal $kind:ident),*) => {
        table!(@ $table, [$($key $key_kind),+], [$($column $kind),*], concat!($(", ", $column),*))
    };
    ($table:literal ($($key:literal $key_kind:ident),+) $($column:literal $kind:ident),* ; from $source:literal) => {
        table!(@ $table, [$($key $key_kind),+], [$($column $kind),*], $source)
    };
    (@ $table:literal, [$first:literal $first_kind:ident $(, $key:literal $key_kind:ident)*],
        [$($column:literal $kind:ident),*], $source:expr) => {
        Table {
            name: $table,
            kinds: &[Kind::$first_kind $(, Kind::$key_kind)* $(, Kind::$kind)*],
            keys: [$first $(, $key)*].len(),
            count: concat!("SELECT count(*) FROM ", $table),
            source: reading!($table, concat!($first $(, ", ", $key)*, $source), $first $(, $key)*),
            target: reading!(
                $table, concat!($first $(, ", ", $key)* $(, ", ", $column)*), $first $(, $key)*
            ),
            last: concat!(
                "SELECT ", $first $(, ", ", $key)*, " FROM ", $table, " ORDER BY ", $first, " DESC"
                $(, ", ", $key, " DESC")*, " LIMIT 1"
            ),
            copy: concat!(
                "COPY ", $table, " (", $first $(, ", ", $key)* $(, ", ", $column)*,
                ") FROM STDIN (FORMAT binary)"
            ),
        }
    };
}

/// Those that a move leaves: the target makes its own.
#[cfg(test)]
pub(in crate::store) const LEFT: [&str; 2] = ["meta", "nodes"];

/// All others, those that are pointed at first.
#[rustfmt::skip]
pub(in crate::store) static TABLES: [Table; 14] = [
    table!("users" ("id" Bytes) "name" Text, "folded" Text, "display_name" Text, "password_hash" Text,
        "administrator" Number, "disabled" Number, "unlimited" Number, "made_at" Number),
    table!("sessions" ("id" Bytes) "\"user\"" Bytes, "token" Bytes, "next_token" Bytes,
        "token_at" Number, "device" Text, "address" Text, "made_at" Number, "seen_at" Number,
        "expires_at" Number),
    table!("rooms" ("id" Number) "room" Bytes, "kind" Number, "name" Text, "folded" Text, "topic" Text,
        "rev" Number, "head" Number, "floor" Number, "last_at" Number, "members" Number,
        "owners" Number, "made_at" Number),
    table!("timelines" ("room" Number, "root" Number) "head" Number, "floor" Number, "last_at" Number),
    table!("members" ("room" Number, "\"user\"" Bytes) "role" Number, "visible_from" Number),
    table!("markers" ("\"user\"" Bytes, "room" Number, "timeline" Number) "seq" Number, "rev" Number),
    table!("user_changes" ("\"user\"" Bytes, "kind" Number, "room" Number) "rev" Number),
    table!("messages" ("room" Number, "timeline" Number, "seq" Number) "author" Bytes, "at" Number,
        "send_key" Bytes, "rev" Number, "state" Number, "text" Text, "long_bytes" Number,
        "long_hash" Bytes),
    // SQLite keeps numbers beside ids in one column, PostgreSQL their bytes.
    table!("room_changes" ("room" Number, "rev" Number) "kind" Number, "ref_a" Bytes, "ref_b" Number;
        from ", kind, CASE typeof(ref_a) WHEN 'integer' THEN unhex(printf('%016x', ref_a)) ELSE ref_a END, ref_b"),
    table!("send_keys" ("key" Bytes, "sender" Bytes) "what" Number, "room" Number, "seq" Number,
        "rev" Number, "at" Number),
    table!("long_texts" ("hash" Bytes) "text" Bytes, "refs" Number, "made_at" Number),
    table!("invites" ("code" Bytes) "maker" Bytes, "uses" Number, "used" Number, "made_at" Number,
        "expires_at" Number, "owner" Number),
    table!("invite_rooms" ("code" Bytes, "place" Number) "room" Bytes),
    table!("invite_uses" ("code" Bytes, "\"user\"" Bytes) "used_at" Number),
];

/// A column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Key {
    Number(i64),
    Bytes(Vec<u8>),
}

impl Table {
    /// The key of a row that begins with it.
    pub(in crate::store) fn key(&self, row: &impl Columns) -> Result<Vec<Key>> {
        let key = |(column, kind): (usize, &Kind)| match kind {
            Kind::Number => row.signed(column).map(Key::Number),
            Kind::Bytes => row.blob(column).map(Key::Bytes),
            Kind::Text => Err(damaged("a key")),
        };
        self.kinds
            .iter()
            .enumerate()
            .take(self.keys)
            .map(key)
            .collect()
    }

    /// Adds a row in the binary copy format: how many columns, then each with its length before it.
    fn encode(&self, row: &impl Columns, out: &mut Vec<u8>) -> Result<()> {
        let count = u16::try_from(self.kinds.len()).map_err(|_| damaged("a table"))?;
        out.extend(count.to_be_bytes());
        for (column, kind) in self.kinds.iter().enumerate() {
            match kind {
                Kind::Number => {
                    let number = row.integer(column)?.map(i64::to_be_bytes);
                    field(number.as_ref().map(<[u8; 8]>::as_slice), out)?;
                }
                Kind::Bytes => field(row.bytes(column)?, out)?,
                Kind::Text => field(Some(plain(row.text(column)?).as_bytes()), out)?,
            }
        }
        Ok(())
    }
}

/// One column: its length, -1 for null, and its bytes.
fn field(value: Option<&[u8]>, out: &mut Vec<u8>) -> Result<()> {
    let Some(bytes) = value else {
        out.extend((-1_i32).to_be_bytes());
        return Ok(());
    };
    let length = i32::try_from(bytes.len()).map_err(|_| damaged("a length"))?;
    out.extend(length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// PostgreSQL's texts hold no NUL: whoever names themselves so is shown without.
pub(in crate::store) fn plain(text: String) -> String {
    if text.contains('\0') {
        return text.replace('\0', "");
    }
    text
}

/// Rows of one part, and bytes after which it ends: what is held in memory at one time.
pub(in crate::store) const PART_ROWS: i64 = 2_000;
const PART_BYTES: usize = 4 * 1024 * 1024;

/// Some rows of a table that follow one another.
#[derive(Debug, Default)]
pub(in crate::store) struct Part {
    pub(in crate::store) rows: u64,
    pub(in crate::store) bytes: Vec<u8>,
    /// The key of the last one; `None` where there is none.
    pub(in crate::store) last: Option<Vec<Key>>,
}

impl Part {
    /// Adds a row; `false` when it holds enough.
    pub(in crate::store) fn take(&mut self, table: &Table, row: &impl Columns) -> Result<bool> {
        table.encode(row, &mut self.bytes)?;
        self.last = Some(table.key(row)?);
        self.rows += 1;
        Ok(self.bytes.len() < PART_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_its_key_and_written_by_a_copy() {
        let markers = TABLES.iter().find(|table| table.name == "markers").unwrap();
        assert_eq!(markers.keys, 3);
        assert_eq!(
            markers.source.next,
            "SELECT \"user\", room, timeline, seq, rev FROM markers \
             WHERE (\"user\", room, timeline) > ($1, $2, $3) ORDER BY \"user\", room, timeline LIMIT $4"
        );
        assert_eq!(
            markers.last,
            "SELECT \"user\", room, timeline FROM markers \
             ORDER BY \"user\" DESC, room DESC, timeline DESC LIMIT 1"
        );
        assert_eq!(
            markers.copy,
            "COPY markers (\"user\", room, timeline, seq, rev) FROM STDIN (FORMAT binary)"
        );
    }
}
