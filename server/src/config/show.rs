//! Shows settings: the effective ones with their origin, and the reference of all keys.

use std::fmt::Write as _;

use serde_json::json;

use super::load::variable_of;
use super::value::{Form, Value};
use super::{Config, Field, Loaded, Section};

/// Effective settings as TOML, each line with where it came from.
pub fn show_toml(loaded: &Loaded) -> String {
    let mut out = Document::default();
    let mut config = loaded.config.clone();
    config.visit("", &mut |field| {
        let line = format!("{} = {}", name(&field.path), shown(field.value));
        out.put(
            &field.path,
            &format!("{line:<48} # {}", loaded.origin(&field.path)),
        );
    });
    out.text
}

/// Effective settings as JSON: `{"settings": {KEY: {"value": …, "from": …}}, "file": …}`.
pub fn show_json(loaded: &Loaded) -> serde_json::Value {
    let mut settings = serde_json::Map::new();
    let mut config = loaded.config.clone();
    config.visit("", &mut |field| {
        let from = loaded.origin(&field.path).to_string();
        let value = json!({ "value": json_value(field.value), "from": from });
        settings.insert(field.path, value);
    });
    json!({ "settings": settings, "file": loaded.file })
}

/// A settings file with every key, its default commented out, its meaning, range and variable.
pub fn defaults_toml() -> String {
    let mut out = Document::default();
    Config::default().visit("", &mut |field| {
        let lines = reference(&field);
        out.put(&field.path, &lines);
    });
    out.text
}

fn reference(field: &Field<'_>) -> String {
    let takes = match field.range {
        Some((least, most)) if field.unit == "text" => format!("{least} to {most} characters"),
        Some((least, most)) => format!("{least} to {most} {}", field.unit),
        None => field.value.takes(),
    };
    let variable = variable_of(&field.path);
    let variable = match field.value.is_secret() {
        true => format!("{variable} or {variable}_FILE"),
        false => variable,
    };
    format!(
        "# {}\n# Takes {takes}. {variable}\n# {} = {}\n",
        field.doc,
        name(&field.path),
        shown(field.value)
    )
}

/// Lines under section headers.
#[derive(Default)]
struct Document {
    text: String,
    section: String,
}

impl Document {
    fn put(&mut self, path: &str, lines: &str) {
        let section = path.rsplit_once('.').map_or("", |(section, _)| section);
        if section != self.section {
            section.clone_into(&mut self.section);
            let gap = if self.text.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{gap}[{section}]");
        }
        let _ = writeln!(self.text, "{lines}");
    }
}

fn name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn is_hidden(value: &dyn Value) -> bool {
    value.is_secret() && !value.text().is_empty()
}

fn shown(value: &dyn Value) -> String {
    match value.form() {
        _ if is_hidden(value) => "\"(hidden)\"".to_owned(),
        Form::Text | Form::Other => toml::Value::String(value.text()).to_string(),
        Form::Flag | Form::Number => value.text(),
    }
}

fn json_value(value: &dyn Value) -> serde_json::Value {
    match value.form() {
        _ if is_hidden(value) => json!("(hidden)"),
        Form::Text | Form::Other => json!(value.text()),
        Form::Flag | Form::Number => {
            serde_json::from_str(&value.text()).unwrap_or_else(|_| json!(value.text()))
        }
    }
}
