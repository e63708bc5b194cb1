//! Names of people and rooms: which are allowed, how they are shown, when two are the same.

use parlor_protocol::limit::{DISPLAY_NAME_CHARS, ROOM_NAME_CHARS, TOPIC_CHARS, USER_NAME_CHARS};
use parlor_protocol::{Code, Refusal, RoomId};
use unicode_normalization::UnicodeNormalization;
use unicode_security::GeneralSecurityProfile;
use unicode_security::confusable_detection::skeleton;

/// A name that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As people see it.
    pub shown: String,
    /// What must be unique, and what a name is looked up by: see [`fold`].
    pub folded: String,
}

/// A user's name: 2 to 32 letters, digits, `-`, `_`, `.`; the first a letter or digit.
pub fn user_name(written: &str) -> Result<Name, Refusal> {
    let invalid = || Refusal::new(Code::NAME_INVALID);
    // NFKC makes at most 18 characters of one: a bound before any work.
    if written.len() > 4 * *USER_NAME_CHARS.end() {
        return Err(invalid());
    }
    let shown: String = written.trim().nfkc().collect();
    let allowed = |char: char| {
        // The characters that UTS 39 recommends for identifiers: letters, digits and the marks
        // that scripts need, nothing invisible. `'` is among them for words, not for names.
        matches!(char, '-' | '_' | '.') || (char.identifier_allowed() && !is_punctuation(char))
    };
    let starts = shown.chars().next().is_some_and(char::is_alphanumeric);
    let length = shown.chars().count();
    if !starts || !shown.chars().all(allowed) || !USER_NAME_CHARS.contains(&length) {
        return Err(invalid());
    }
    let folded = fold(&shown);
    Ok(Name { shown, folded })
}

/// A room's name: 2 to 64 characters of any script, on one line.
pub fn room_name(written: &str) -> Result<Name, Refusal> {
    let shown = one_line(written, *ROOM_NAME_CHARS.end())
        .ok_or_else(|| Refusal::new(Code::ROOM_NAME_INVALID))?;
    let folded = fold(&shown);
    // Two characters, of which something is to be seen.
    if shown.chars().count() < *ROOM_NAME_CHARS.start() || folded.is_empty() {
        return Err(Refusal::new(Code::ROOM_NAME_INVALID));
    }
    // Wherever a room is named, an id and `@person` stand for rooms as well.
    if shown.starts_with('@') || shown.parse::<RoomId>().is_ok() {
        let text = "Room names do not start with '@' and are not ids; choose another.";
        return Err(Refusal::with_text(Code::ROOM_NAME_INVALID, text));
    }
    Ok(Name { shown, folded })
}

/// A person's display name; what is empty becomes `name`.
pub fn display_name(written: &str, name: &str) -> Result<String, Refusal> {
    let shown = one_line(written, DISPLAY_NAME_CHARS).ok_or_else(|| {
        let text = "Display names are at most 64 characters without control characters.";
        Refusal::with_text(Code::NAME_INVALID, text)
    })?;
    let visible = skeleton(&shown).any(|char| !char.is_whitespace());
    Ok(if visible { shown } else { name.to_owned() })
}

/// A room's topic.
pub fn topic(written: &str) -> Result<String, Refusal> {
    one_line(written, TOPIC_CHARS).ok_or_else(|| Refusal::new(Code::TOPIC_INVALID))
}

/// The form in which names are compared: without case or compatibility differences (NFKC), each
/// character replaced by what it can be mistaken for (UTS 39), so that lookalikes are the same.
pub fn fold(name: &str) -> String {
    let caseless = |text: &str| -> String {
        let folded: String = text.nfkc().flat_map(fold_case).collect();
        let composed: String = folded.nfkc().collect();
        composed.trim().to_owned()
    };
    let mut folded = caseless(name);
    // Skeletons hold capitals and digits, which have skeletons of their own once folded.
    for _ in 0..FOLD_ROUNDS {
        let seen: String = skeleton(&folded).map(join_i_and_l).collect();
        let next = caseless(&seen);
        if next == folded {
            break;
        }
        folded = next;
    }
    folded
}

/// Rounds after which every character of Unicode stays as it is.
const FOLD_ROUNDS: usize = 4;

/// A capital I is an l to the eye and an i to a comparison without case, so the two are one.
fn join_i_and_l(char: char) -> char {
    if matches!(char, 'i' | 'I') { 'l' } else { char }
}

/// Upper case first: it joins what has several small forms (ß and ss, final sigma).
fn fold_case(char: char) -> impl Iterator<Item = char> {
    char.to_uppercase().flat_map(char::to_lowercase)
}

/// Trims, joins runs of blanks, and refuses what would not stay on its line or hides in it.
fn one_line(written: &str, most_chars: usize) -> Option<String> {
    if written.len() > 4 * most_chars {
        return None;
    }
    let blank = |char: char| char.is_whitespace() && !breaks_line(char);
    let parts = written.split(blank).filter(|part| !part.is_empty());
    let joined: String = parts.collect::<Vec<_>>().join(" ").nfc().collect();
    let fits = joined.chars().count() <= most_chars;
    let clean = !joined.chars().any(|char| breaks_line(char) || steers(char));
    (fits && clean).then_some(joined)
}

fn breaks_line(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')
}

/// Characters without a shape of their own that turn the direction of what follows or stand for
/// nothing. Joiners and variation selectors stay: scripts and emoji need them.
fn steers(char: char) -> bool {
    matches!(char,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E0FFF}')
}

fn is_punctuation(char: char) -> bool {
    !char.is_alphanumeric() && !is_mark(char)
}

/// A combining mark, which is what is left of the recommended characters besides letters, digits
/// and punctuation.
fn is_mark(char: char) -> bool {
    unicode_normalization::char::is_combining_mark(char)
}

#[cfg(test)]
mod tests;
