//! Counts the characters and marks looked at, so that tests can show that the
//! work grows with the text and no faster. Nothing outside of tests.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

pub(super) fn step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

#[cfg(test)]
pub(super) fn take() -> u64 {
    STEPS.take()
}
