//! What the messages say.

use std::borrow::Cow;
use std::sync::Arc;

use super::{PostIndex, UserIndex};

/// The texts of a run: made from sender and index, or lines of a real log.
#[derive(Clone, Debug)]
pub enum Texts {
    /// So many bytes of ASCII; the sender, the index and a pad that differs from post to post.
    Made { bytes: usize },
    /// The text of each post, by index.
    Log(Arc<[String]>),
}

impl Texts {
    /// The size that the measured peers were given, bytes.
    pub const USUAL_BYTES: usize = 100;

    pub fn text(&self, post: PostIndex, sender: UserIndex) -> Cow<'_, str> {
        match self {
            Self::Made { bytes } => Cow::Owned(made(post, sender, *bytes)),
            Self::Log(lines) => lines
                .get(post as usize)
                .map_or(Cow::Borrowed(""), |line| Cow::Borrowed(line)),
        }
    }
}

fn made(post: PostIndex, sender: UserIndex, bytes: usize) -> String {
    let mut text = format!("user {sender} says {post}: ");
    // A full-period walk over the alphabet that starts elsewhere for each post: a message that
    // took another's bytes cannot pass for it.
    let mut letter = post.wrapping_mul(2_654_435_761) >> 8;
    while text.len() < bytes {
        text.push(char::from(b'a' + (letter % 26) as u8));
        letter = letter.wrapping_mul(1_103_515_245).wrapping_add(12_345) >> 1;
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_texts_have_the_size_asked_for_and_tell_posts_apart() {
        let texts = Texts::Made { bytes: 100 };
        let mut seen = std::collections::HashSet::new();
        for post in 0..1_000 {
            let text = texts.text(post, post % 7).into_owned();
            assert_eq!(text.len(), 100);
            assert!(seen.insert(text));
        }
    }

    #[test]
    fn lines_of_a_log_come_as_they_are() {
        let texts = Texts::Log(Arc::from(["hi".to_owned(), "ho".to_owned()]));
        assert_eq!(texts.text(1, 9), "ho");
        assert_eq!(texts.text(2, 9), "");
    }
}
