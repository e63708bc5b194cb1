use super::token::Token;
use crate::text::work;

/// Longest address made a link; longer ones are shown as words.
pub const MAX_URL_BYTES: usize = 2_048;

/// Longest label of a link, bytes.
const MAX_LABEL_BYTES: usize = 512;

/// What stands where a bare link might begin.
pub(super) enum Bare {
    /// A link that ends here.
    Link(usize),
    /// None; nothing up to here need be looked at again for one.
    Words(usize),
}

/// `https://example.org/a(b).` is a link without its full stop.
pub(super) fn bare(line: &str, at: usize) -> Bare {
    let before = line[..at].chars().next_back();
    let Some(scheme) = scheme_of(&line[at..]) else {
        return Bare::Words(at + 1);
    };
    if before.is_some_and(char::is_alphanumeric) {
        return Bare::Words(at + scheme);
    }
    let end = at + scheme + address_bytes(&line[at + scheme..]);
    let url = without_sentence(&line[at..end]);
    if is_address(url) {
        Bare::Link(at + url.len())
    } else {
        Bare::Words(end)
    }
}

/// `<https://example.org>`
pub(super) fn bracketed(line: &str, at: usize) -> Option<(Token, usize)> {
    let start = at + 1;
    let scheme = scheme_of(&line[start..])?;
    let end = start + scheme + address_bytes(&line[start + scheme..]);
    let closed = line[end..].starts_with('>') && is_address(&line[start..end]);
    closed.then(|| {
        (
            Token::Link {
                label: start..end,
                url: start..end,
            },
            end + 1,
        )
    })
}

/// `[label](https://example.org)`. A label that itself reads as an address must
/// be the one it leads to.
pub(super) fn masked(line: &str, at: usize) -> Option<(Token, usize)> {
    let label_end = at + 1 + label_bytes(&line[at + 1..])?;
    let start = label_end + 2;
    let scheme = scheme_of(line.get(start..)?)?;
    let end = start + scheme + masked_address_bytes(&line[start + scheme..]);
    let (label, url) = (&line[at + 1..label_end], &line[start..end]);
    let closed = line[end..].starts_with(')');
    let honest = !label.trim().is_empty() && (!reads_as_address(label) || leads_to(url, label));
    (closed && honest && is_address(url)).then(|| {
        (
            Token::Link {
                label: at + 1..label_end,
                url: start..end,
            },
            end + 1,
        )
    })
}

fn scheme_of(text: &str) -> Option<usize> {
    ["https://", "http://"]
        .iter()
        .find(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(|scheme| scheme.len())
}

/// Bytes up to what cannot be part of an address in running text.
fn address_bytes(text: &str) -> usize {
    bytes_before(text, ends_address)
}

/// The same between brackets, where a bracket in the address is paired. What is
/// read in vain here is passed over as a bare link next: nothing is read thrice.
fn masked_address_bytes(text: &str) -> usize {
    let mut open = 0usize;
    bytes_before(text, |char| {
        match char {
            '(' => open += 1,
            ')' if open == 0 => return true,
            ')' => open -= 1,
            _ => {}
        }
        ends_address(char)
    })
}

fn ends_address(char: char) -> bool {
    char.is_whitespace()
        || matches!(
            char,
            '<' | '>' | '"' | '`' | '\u{FFFD}' | '\u{2400}'..='\u{2424}'
        )
        || matches!(
            char,
            '\u{3000}'
                ..='\u{303F}'
                    | '\u{FF01}'
                    | '\u{FF08}'
                    | '\u{FF09}'
                    | '\u{FF0C}'
                    | '\u{FF1A}'
                    | '\u{FF1B}'
                    | '\u{FF1F}'
        )
}

/// The bytes of a label if `](` ends it on this line.
fn label_bytes(text: &str) -> Option<usize> {
    let bytes = bytes_before(text, |char| matches!(char, '[' | ']' | '`'));
    (bytes <= MAX_LABEL_BYTES && text[bytes..].starts_with("](")).then_some(bytes)
}

fn bytes_before(text: &str, mut stops: impl FnMut(char) -> bool) -> usize {
    let mut bytes = 0;
    for char in text.chars() {
        work::step();
        if stops(char) {
            break;
        }
        bytes += char.len_utf8();
    }
    bytes
}

/// Takes off what ends a sentence or a pair of brackets around the address.
fn without_sentence(url: &str) -> &str {
    let mut surplus = [('(', ')'), ('[', ']')].map(|(open, close)| {
        let count = |wanted: char| url.chars().filter(|char| *char == wanted).count();
        (close, count(close).saturating_sub(count(open)))
    });
    let mut end = url.len();
    while let Some(last) = url[..end].chars().next_back() {
        work::step();
        let bracket = surplus
            .iter_mut()
            .find(|(close, left)| *close == last && *left > 0);
        match bracket {
            Some((_, left)) => *left -= 1,
            None if matches!(
                last,
                '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~'
            ) => {}
            None => break,
        }
        end -= last.len_utf8();
    }
    &url[..end]
}

/// Names a host and nobody at it: `https://bank.example@elsewhere` misleads.
fn is_address(url: &str) -> bool {
    let host = scheme_of(url).map(|scheme| authority(&url[scheme..]));
    let named =
        |host: &str| host.starts_with(|first: char| first.is_alphanumeric() || first == '[');
    url.len() <= MAX_URL_BYTES && host.is_some_and(|host| named(host) && !host.contains('@'))
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest)
}

fn reads_as_address(label: &str) -> bool {
    let dotted = label.split_once('.').is_some_and(|(before, after)| {
        before.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric)
    });
    label.contains("://") || (dotted && !label.trim().contains(char::is_whitespace))
}

/// Whether the label is the beginning of the address, up to the end of its host
/// at least.
fn leads_to(url: &str, label: &str) -> bool {
    let bare = |text: &'_ str| text[scheme_of(text).unwrap_or(0)..].trim().to_lowercase();
    let (url, label) = (bare(url), bare(label));
    url.starts_with(&label) && label.len() >= authority(&url).len()
}
