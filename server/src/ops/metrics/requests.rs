//! Requests by kind and by the code they were answered with.

use parlor_protocol::{Code, Kind};

use super::text::Text;
use super::{Counter, Render};

/// A counter for each kind of the type table and each code of the error table.
#[derive(Debug)]
pub struct Requests {
    /// Kinds × (answered, codes …, other code); the last row is for kinds unknown here.
    cells: Vec<Counter>,
}

const ROWS: usize = Kind::TABLE.len() + 1;
const COLUMNS: usize = Code::TABLE.len() + 2;

impl Default for Requests {
    fn default() -> Self {
        let mut cells = Vec::new();
        cells.resize_with(ROWS * COLUMNS, Counter::default);
        Self { cells }
    }
}

impl Requests {
    /// Counts a request; `refused`: the code, if it was not done.
    pub fn count(&self, kind: Kind, refused: Option<Code>) {
        let found = Kind::TABLE.binary_search_by_key(&kind, |row| row.0);
        let row = found.unwrap_or(ROWS - 1);
        let column = match refused {
            None => 0,
            Some(code) => Code::TABLE
                .binary_search_by_key(&code.0, |row| row.0.0)
                .map_or(COLUMNS - 1, |at| at + 1),
        };
        self.cells[row * COLUMNS + column].add(1);
    }
}

impl Render for Requests {
    fn render(&self, text: &mut Text, name: &str, help: &str) {
        text.family(name, "counter", help);
        for (row, cells) in self.cells.chunks(COLUMNS).enumerate() {
            let kind = Kind::TABLE.get(row).map_or("unknown", |row| row.1);
            for (column, cell) in cells.iter().enumerate() {
                let code = match column.checked_sub(1) {
                    None => "OK",
                    Some(at) => Code::TABLE.get(at).map_or("other", |row| row.1),
                };
                // Thousands of pairs never happen.
                if cell.get() > 0 {
                    text.sample(name, "", &[("kind", kind), ("code", code)], cell.get());
                }
            }
        }
    }
}
