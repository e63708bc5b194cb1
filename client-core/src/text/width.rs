use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns a terminal gives to `text`: the sum over its grapheme clusters, as
/// terminals and the terminal app lay out cell by cell.
pub fn display_width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// `text` within `max_width` columns, with `…` in place of what is left out.
pub fn truncate(text: &str, max_width: usize) -> String {
    let (mut width, mut fits) = (0, 0);
    for (at, grapheme) in text.grapheme_indices(true) {
        width += grapheme.width();
        if width > max_width {
            let ellipsis = if max_width == 0 { "" } else { "…" };
            return format!("{}{ellipsis}", &text[..fits]);
        }
        if width < max_width {
            fits = at + grapheme.len();
        }
    }
    text.to_owned()
}
