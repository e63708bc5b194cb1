//! Hashes of message texts, and ids in their text form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first 16 bytes of the SHA-256 of a message's whole text: what "the same bytes" is held by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TextHash([u8; 16]);

/// The text is not a hash: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a text hash: expected 32 hexadecimal digits")]
pub struct InvalidHash;

impl TextHash {
    /// The hash of a text.
    #[must_use]
    pub fn of(text: &str) -> TextHash {
        let mut hash = [0; 16];
        hash.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
        TextHash(hash)
    }
}

impl fmt::Display for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextHash({self})")
    }
}

impl FromStr for TextHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<TextHash, InvalidHash> {
        if text.len() != 32 {
            return Err(InvalidHash);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| InvalidHash)?;
        Ok(TextHash(number.to_be_bytes()))
    }
}

impl From<TextHash> for String {
    fn from(hash: TextHash) -> String {
        hash.to_string()
    }
}

impl TryFrom<String> for TextHash {
    type Error = InvalidHash;

    fn try_from(text: String) -> Result<TextHash, InvalidHash> {
        text.parse()
    }
}

/// Serde by text form, for the protocol's ids.
pub(super) mod as_text {
    use super::{FromStr, fmt};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: fmt::Display,
        S: Serializer,
    {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: fmt::Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// The same for what may be absent.
pub(super) mod as_text_option {
    use super::{FromStr, fmt};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<T, S>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: fmt::Display,
        S: Serializer,
    {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: fmt::Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom))
            .transpose()
    }
}
