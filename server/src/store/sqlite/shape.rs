//! The schema as it is in a file, to be held against another database's.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::{ConnectOptions, Connection};

use super::error::from_sqlx;
use super::open;
use super::value::Columns;
use crate::store::Result;

/// One line a column (with the class of its values), constraint and index.
pub async fn shape(path: &Path) -> Result<BTreeSet<String>> {
    let mut reading = open::reader(path).connect().await.map_err(from_sqlx)?;
    let columns = sqlx::query(
        "SELECT t.name, c.name, c.type, c.\"notnull\"
         FROM sqlite_schema t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut reading)
    .await
    .map_err(from_sqlx)?;
    let named = sqlx::query(
        "SELECT type, name, sql FROM sqlite_schema
         WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut reading)
    .await
    .map_err(from_sqlx)?;
    reading.close().await.map_err(from_sqlx)?;
    let mut shape = BTreeSet::new();
    for row in &columns {
        let class = match row.text(2)?.as_str() {
            "INTEGER" => "number",
            "BLOB" => "bytes",
            "TEXT" => "text",
            _ => "any",
        };
        let null = if row.flag(3)? { "" } else { " or null" };
        shape.insert(format!(
            "column {}.{} {class}{null}",
            row.text(0)?,
            row.text(1)?
        ));
    }
    for row in &named {
        if row.text(0)? == "index" {
            shape.insert(format!("index {}", row.text(1)?));
        }
        let sql = row.text(2)?;
        let mut words = sql.split_whitespace();
        while words.any(|word| word == "CONSTRAINT") {
            shape.extend(words.next().map(|name| format!("constraint {name}")));
        }
    }
    Ok(shape)
}
