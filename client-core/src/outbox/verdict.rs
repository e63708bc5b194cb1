use std::time::Duration;

use parlor_protocol::{Code, Refusal};

/// What a refusal of a message means for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The one before it was refused: go back to that.
    OutOfOrder,
    /// It may be taken later, not before this has passed.
    Later(Duration),
    /// The link or the session is at fault, not the message: it waits for the next link.
    NextLink,
    /// Its long text must be uploaded (again) first.
    Upload,
    /// Its writer must decide.
    Failed,
}

impl Verdict {
    pub fn of(refusal: &Refusal) -> Self {
        match refusal.code {
            Code::OUT_OF_ORDER => Self::OutOfOrder,
            Code::NOT_ENTERED | Code::SESSION_ENDED | Code::EPOCH_CHANGED | Code::GOING_AWAY => {
                Self::NextLink
            }
            Code::TEXT_MISSING => Self::Upload,
            code if code.is_transient() => {
                Self::Later(Duration::from_millis(refusal.retry_after_ms.into()))
            }
            _ => Self::Failed,
        }
    }
}
