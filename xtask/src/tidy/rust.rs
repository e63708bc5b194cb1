//! A Rust file as its tokens: names, functions and unsafe places, wherever macros hide them.
//!
//! Comments and the insides of strings are no tokens, so no rule trips over them.

use std::ops::RangeInclusive;
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// An identifier and the line it stands on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A function with a body: first line to closing brace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: RangeInclusive<usize>,
}

#[derive(Default)]
pub(crate) struct RustSource {
    pub(crate) names: Vec<Name>,
    pub(crate) functions: Vec<Function>,
    /// Lines of `unsafe {` and `unsafe impl`.
    pub(crate) unsafe_lines: Vec<usize>,
    test_lines: Vec<RangeInclusive<usize>>,
}

impl RustSource {
    /// The error is the line at which `text` stops being Rust.
    pub(crate) fn read(text: &str) -> Result<Self, usize> {
        let tokens = TokenStream::from_str(text).map_err(|error| error.span().start().line)?;
        let mut source = Self::default();
        source.walk(tokens, 1..=text.lines().count().max(1));
        Ok(source)
    }

    /// Whether the line stands under `#[cfg(test)]`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    fn walk(&mut self, tokens: TokenStream, scope: RangeInclusive<usize>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            let line = token.span().start().line;
            let rest = &tokens[at + 1..];
            match token {
                TokenTree::Ident(name) => {
                    let text = name.to_string();
                    self.note_function(&text, line, rest);
                    self.note_unsafe(&text, line, rest);
                    self.names.push(Name { text, line });
                }
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    self.note_test(line, rest, &scope);
                }
                TokenTree::Group(group) => {
                    let inside = line..=group.span_close().end().line;
                    self.walk(group.stream(), inside);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn note_function(&mut self, word: &str, line: usize, rest: &[TokenTree]) {
        if let ("fn", Some(TokenTree::Ident(name))) = (word, rest.first())
            && let Some(body) = body(rest)
        {
            self.functions.push(Function {
                name: name.to_string(),
                lines: line..=body.span_close().end().line,
            });
        }
    }

    fn note_unsafe(&mut self, word: &str, line: usize, rest: &[TokenTree]) {
        let promises = match rest.first() {
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
            Some(TokenTree::Ident(next)) => next == "impl",
            _ => false,
        };
        if word == "unsafe" && promises {
            self.unsafe_lines.push(line);
        }
    }

    /// `#[cfg(test)]` covers the item that follows, `#![cfg(test)]` all that surrounds it.
    fn note_test(&mut self, line: usize, rest: &[TokenTree], scope: &RangeInclusive<usize>) {
        match rest {
            [TokenTree::Punct(mark), TokenTree::Group(attribute), ..]
                if mark.as_char() == '!' && is_cfg_test(attribute) =>
            {
                self.test_lines.push(scope.clone());
            }
            [TokenTree::Group(attribute), item @ ..] if is_cfg_test(attribute) => {
                let end = body(item).map_or(line, |body| body.span_close().end().line);
                self.test_lines.push(line..=end);
            }
            _ => {}
        }
    }
}

/// The first `{…}` before the item ends.
fn body(item: &[TokenTree]) -> Option<&Group> {
    for token in item {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return Some(group),
            TokenTree::Punct(mark) if mark.as_char() == ';' => return None,
            _ => {}
        }
    }
    None
}

fn is_cfg_test(attribute: &Group) -> bool {
    let words = attribute.stream().to_string();
    let words: String = words.chars().filter(|c| !c.is_whitespace()).collect();
    words == "cfg(test)" || words.starts_with("cfg(all(test,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RustSource {
        RustSource::read(text).unwrap()
    }

    #[test]
    fn comments_and_strings_are_no_names() {
        let source = read("// sqlx\n/// sqlx\nconst A: &str = \"sqlx\"; use quinn::X;");
        let names: Vec<&str> = source.names.iter().map(|name| name.text.as_str()).collect();
        assert!(!names.contains(&"sqlx"));
        assert!(names.contains(&"quinn"));
    }

    #[test]
    fn functions_end_at_their_brace() {
        let source = read("trait T { fn no_body(&self); }\nfn two() {\n}\ntype F = fn(u8);");
        let expected = Function {
            name: "two".to_owned(),
            lines: 2..=3,
        };
        assert_eq!(source.functions, [expected]);
    }

    #[test]
    fn unsafe_is_seen_inside_macros_too() {
        let source = read("go!(\nunsafe { 1 });\nunsafe impl X for Y {}\nunsafe fn f() {}");
        assert_eq!(source.unsafe_lines, [2, 3]);
    }

    #[test]
    fn test_lines_are_those_of_the_item() {
        let source = read("fn a() {}\n#[cfg(test)]\nmod tests {\nfn b() {}\n}\nfn c() {}");
        let lines: Vec<usize> = (1..=6).filter(|line| source.is_test(*line)).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        let whole = read("#![cfg(test)]\nfn a() {}");
        assert!(whole.is_test(2));
        assert!(!read("#[cfg(not(test))]\nfn a() {}").is_test(2));
    }

    #[test]
    fn what_is_not_rust_has_a_line() {
        assert!(RustSource::read("fn a() {\n").is_err());
    }
}
