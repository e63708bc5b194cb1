//! Joins the layers of settings: defaults, file, environment, flags.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::suggest::nearest;
use super::value::{Form, Unfit};
use super::{Config, Section};

/// Largest settings file, bytes: a thousand times what all keys need.
const FILE_BYTES: u64 = 1024 * 1024;
/// Largest file behind a `_FILE` variable, bytes.
const SECRET_FILE_BYTES: u64 = 64 * 1024;
const PREFIX: &str = "PARLOR_";
/// Where tools find the URL of a PostgreSQL. No setting: it may hold a password.
pub const DATABASE_URL_VARIABLE: &str = "PARLOR_DATABASE_URL";

/// What settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file named by the operator: an error when it is not there.
    pub file: Option<PathBuf>,
    /// A file that is read when it is there and none was named.
    pub usual_file: Option<PathBuf>,
    pub environment: Environment,
    /// Flags in the order given: the flag as typed, its key, its value.
    pub flags: Vec<(String, String, String)>,
}

/// Environment variables; those without the prefix `PARLOR_` are of no interest.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub Vec<(String, String)>);

impl Environment {
    /// Those of this process; names and values that are no UTF-8 are left out.
    pub fn of_process() -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(utf8).collect())
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// Settings in force and where each came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// By key; keys that are not here have their default.
    pub origins: BTreeMap<String, Origin>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

impl Loaded {
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

/// Why settings were not taken: one line that says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read the settings file {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{place}: unknown setting {key:?}{}", meant(nearest))]
    Unknown {
        place: String,
        key: String,
        nearest: Option<String>,
    },
    #[error("{place}: {key} takes {takes}, not {written}")]
    Unfit {
        place: String,
        key: String,
        takes: String,
        written: String,
    },
    #[error("{place}: {key} must be from {least} to {most}{unit}, not {written}")]
    Range {
        place: String,
        key: String,
        least: u64,
        most: u64,
        unit: String,
        written: String,
    },
    #[error("{place}: {key} {problem}")]
    Together {
        place: String,
        key: &'static str,
        problem: String,
    },
    #[error("{variable} names {}, which cannot be read: {error}", path.display())]
    SecretFile {
        variable: String,
        path: PathBuf,
        error: io::Error,
    },
}

fn meant(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("; did you mean {name:?}?"),
        None => "; `parlor-server config defaults` lists them all".to_owned(),
    }
}

/// Reads all layers.
pub fn load(sources: &Sources) -> Result<Loaded, LoadError> {
    let mut loading = Loading::new();
    let file = read_file(sources)?;
    if let Some((path, text)) = &file {
        loading.file(path, text)?;
    }
    loading.environment(&sources.environment)?;
    for (flag, key, value) in &sources.flags {
        loading.put(key, value, None, Origin::Flag(flag.clone()))?;
    }
    let loaded = Loaded {
        config: loading.config,
        origins: loading.origins,
        file: file.map(|(path, _)| path),
    };
    match loaded.config.check() {
        Ok(()) => Ok(loaded),
        Err((key, problem)) => Err(LoadError::Together {
            place: match loaded.origin(key) {
                Origin::Default => "settings".to_owned(),
                origin => origin.to_string(),
            },
            key,
            problem,
        }),
    }
}

fn read_file(sources: &Sources) -> Result<Option<(PathBuf, String)>, LoadError> {
    let (path, named) = match (&sources.file, &sources.usual_file) {
        (Some(path), _) => (path, true),
        (None, Some(path)) => (path, false),
        (None, None) => return Ok(None),
    };
    match read_bounded(path, FILE_BYTES) {
        Ok(text) => Ok(Some((path.clone(), text))),
        Err(error) if !named && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LoadError::Unreadable {
            path: path.clone(),
            error,
        }),
    }
}

fn read_bounded(path: &Path, most_bytes: u64) -> io::Result<String> {
    use io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(most_bytes + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > most_bytes {
        let problem = format!("larger than {most_bytes} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(text)
}

struct Loading {
    config: Config,
    origins: BTreeMap<String, Origin>,
    keys: Vec<String>,
    secrets: Vec<String>,
}

impl Loading {
    fn new() -> Self {
        let mut config = Config::default();
        let (mut keys, mut secrets) = (Vec::new(), Vec::new());
        config.visit("", &mut |field| {
            if field.value.is_secret() {
                secrets.push(field.path.clone());
            }
            keys.push(field.path);
        });
        Self {
            config,
            origins: BTreeMap::new(),
            keys,
            secrets,
        }
    }

    /// Every section there is: what stands before a dot in a key.
    fn sections(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().flat_map(|key| {
            key.match_indices('.')
                .map(|(at, _)| key.split_at(at).0)
                .collect::<Vec<_>>()
        })
    }

    fn file(&mut self, path: &Path, text: &str) -> Result<(), LoadError> {
        let document = DeTable::parse(text).map_err(|error| LoadError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: error.message().to_owned(),
        })?;
        let mut found = Vec::new();
        flatten("", document.get_ref(), &mut found);
        found.sort_by_key(|item| item.at);
        for Item { key, at, value } in found {
            let line = line_of(text, at);
            let origin = Origin::File {
                path: path.to_owned(),
                line,
            };
            match value {
                Found::Section if self.sections().any(|name| name == key) => {}
                Found::Section => return Err(self.unknown(&key, &origin, true)),
                Found::Value(text, form) => self.put(&key, &text, Some(form), origin)?,
            }
        }
        Ok(())
    }

    fn environment(&mut self, environment: &Environment) -> Result<(), LoadError> {
        let mut ours: Vec<_> = environment
            .0
            .iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        ours.sort();
        for (name, value) in ours {
            let key_of = |name: &str| {
                let key = self.keys.iter().find(|key| variable_of(key) == name);
                key.cloned()
            };
            let file_of = name.strip_suffix("_FILE").and_then(key_of);
            let origin = Origin::Variable(name.clone());
            match (key_of(name), file_of) {
                (Some(key), _) => self.put(&key, value, None, origin)?,
                (None, Some(key)) if self.secrets.contains(&key) => {
                    let text = secret_file(name, value)?;
                    self.put(&key, text.trim_end(), None, origin)?;
                }
                _ => self.stray_variable(name)?,
            }
        }
        Ok(())
    }

    /// A `PARLOR_` variable that is no key: an error when it was surely meant for this program.
    /// The client program has variables of its own under the same prefix.
    fn stray_variable(&self, name: &str) -> Result<(), LoadError> {
        if name == DATABASE_URL_VARIABLE {
            return Ok(());
        }
        let ours = self
            .sections()
            .filter(|section| !section.contains('.'))
            .any(|section| name.starts_with(&format!("{}_", variable_of(section))));
        let variables: Vec<String> = self.keys.iter().map(|key| variable_of(key)).collect();
        let near = nearest(name, variables.iter().map(String::as_str), '.');
        let close = near.is_some_and(|near| strsim::damerau_levenshtein(near, name) <= TYPO);
        if !ours && !close {
            return Ok(());
        }
        Err(LoadError::Unknown {
            place: "environment".to_owned(),
            key: name.to_owned(),
            nearest: near.map(str::to_owned),
        })
    }

    fn unknown(&self, key: &str, origin: &Origin, section: bool) -> LoadError {
        let sections: Vec<&str> = self.sections().collect();
        let near = match section {
            true => nearest(key, sections.into_iter(), '.'),
            false => nearest(key, self.keys.iter().map(String::as_str), '.'),
        };
        LoadError::Unknown {
            place: origin.to_string(),
            key: key.to_owned(),
            nearest: near.map(str::to_owned),
        }
    }

    /// Sets one key. `form`: how the value stood in TOML; `None` where all values are text.
    fn put(
        &mut self,
        key: &str,
        text: &str,
        form: Option<Form>,
        origin: Origin,
    ) -> Result<(), LoadError> {
        let place = origin.to_string();
        let mut outcome = Err(self.unknown(key, &origin, false));
        self.config.visit("", &mut |field| {
            if field.path != key {
                return;
            }
            let unit = match field.unit {
                "" => String::new(),
                unit => format!(" {unit}"),
            };
            let written = match field.value.is_secret() {
                true => "what was written".to_owned(),
                false => format!("{text:?}"),
            };
            let fits = form.is_none_or(|form| form == field.value.form());
            let set = match fits {
                true => field.value.set(text),
                false => Err(Unfit),
            };
            let measure = field.value.measure();
            outcome = match (set, field.range, measure) {
                (Err(Unfit), ..) => Err(LoadError::Unfit {
                    place: place.clone(),
                    key: field.path,
                    takes: field.value.takes(),
                    written,
                }),
                (Ok(()), Some((least, most)), Some(value)) if value < least || value > most => {
                    Err(LoadError::Range {
                        place: place.clone(),
                        key: field.path,
                        least,
                        most,
                        unit,
                        written,
                    })
                }
                _ => Ok(()),
            };
        });
        outcome?;
        self.origins.insert(key.to_owned(), origin);
        Ok(())
    }
}

/// Edits from a known variable below which an unknown one is taken for a slip.
const TYPO: usize = 3;

/// The environment variable of a key.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

fn secret_file(variable: &str, path: &str) -> Result<String, LoadError> {
    let path = PathBuf::from(path);
    read_bounded(&path, SECRET_FILE_BYTES).map_err(|error| LoadError::SecretFile {
        variable: variable.to_owned(),
        path,
        error,
    })
}

/// Something in a TOML file: its dotted key and its place.
struct Item {
    key: String,
    at: usize,
    value: Found,
}

enum Found {
    Section,
    Value(String, Form),
}

fn flatten(path: &str, table: &DeTable<'_>, found: &mut Vec<Item>) {
    for (name, value) in table {
        let key = super::section::join(path, name.get_ref());
        let at = name.span().start;
        let (text, form) = match value.get_ref() {
            DeValue::Table(inner) => {
                found.push(Item {
                    key: key.clone(),
                    at,
                    value: Found::Section,
                });
                // Sections are two deep; deeper ones are unknown and need no look inside.
                if key.matches('.').count() < 2 {
                    flatten(&key, inner, found);
                }
                continue;
            }
            DeValue::String(text) => (text.to_string(), Form::Text),
            DeValue::Integer(number) => {
                let value = i128::from_str_radix(number.as_str(), number.radix());
                let text = value.map_or_else(|_| number.to_string(), |value| value.to_string());
                (text, Form::Number)
            }
            DeValue::Boolean(flag) => (flag.to_string(), Form::Flag),
            // No setting is one of these: the text form that fits nothing of theirs is shown.
            other => (other.type_str().to_owned(), Form::Other),
        };
        let value = Found::Value(text, form);
        found.push(Item { key, at, value });
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
