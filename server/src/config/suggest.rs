//! Finds the key somebody meant.

/// The known name nearest to what was written; `None` when nothing is near.
pub(super) fn nearest<'a>(
    written: &str,
    known: impl Iterator<Item = &'a str>,
    separator: char,
) -> Option<&'a str> {
    let last = |name: &str| name.rsplit(separator).next().unwrap_or(name).to_owned();
    let score = |name: &str| {
        let whole = strsim::normalized_damerau_levenshtein(written, name);
        // A right name in a wrong section is near too.
        let tail = strsim::normalized_damerau_levenshtein(&last(written), &last(name));
        whole.max(0.9 * tail)
    };
    known
        .map(|name| (score(name), name))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(score, _)| *score > NEAR)
        .map(|(_, name)| name)
}

/// Similarity from 0 to 1 above which a name is worth suggesting.
const NEAR: f64 = 0.5;
