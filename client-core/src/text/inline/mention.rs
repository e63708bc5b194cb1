use parlor_protocol::limit::USER_NAME_CHARS;

use super::token::Token;
use crate::text::work;

/// `@room` or the `@name` of somebody known that begins at `at`, and its end.
pub(super) fn at(line: &str, at: usize, knows: &dyn Fn(&str) -> bool) -> Option<(Token, usize)> {
    let before = line[..at].chars().next_back();
    // Part of a word: a mail address, a path, a version.
    if before
        .is_some_and(|char| char.is_alphanumeric() || matches!(char, '_' | '.' | '-' | '@' | '/'))
    {
        return None;
    }
    let mut name = longest_name(&line[at + 1..])?;
    // A full stop may belong to the name or end the sentence.
    loop {
        work::step();
        let end = at + 1 + name.len();
        if name.eq_ignore_ascii_case("room") {
            return Some((Token::RoomMention(at..end), end));
        }
        if knows(name) {
            return Some((Token::Mention(at..end), end));
        }
        name = name.strip_suffix(['.', '-', '_'])?;
    }
}

fn longest_name(text: &str) -> Option<&str> {
    let named = |char: &char| char.is_alphanumeric() || matches!(char, '_' | '.' | '-');
    let longest = *USER_NAME_CHARS.end();
    let chars = text.chars().take_while(named).take(longest + 1);
    let (count, bytes) = chars.fold((0, 0), |(count, bytes), char| {
        (count + 1, bytes + char.len_utf8())
    });
    let name = &text[..bytes];
    let begins = name.chars().next().is_some_and(char::is_alphanumeric);
    (begins && count <= longest).then_some(name)
}
