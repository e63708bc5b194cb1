//! What is set of an account after it was made.

/// A column of an account that an administrator or its owner sets.
#[derive(Clone)]
pub(in crate::store) enum Set {
    /// argon2id in PHC form.
    Password(String),
    Disabled(bool),
    Administrator(bool),
}
