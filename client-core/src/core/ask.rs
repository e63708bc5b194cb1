//! Requests of faces, straight to the live link.

use std::sync::Arc;

use parlor_protocol::kind::Body;

use super::inner::Inner;
use crate::api::AskError;
use crate::net::{BulkError, Link, RequestError};

impl Inner {
    /// The link that requests go out on now.
    pub(crate) fn link(&self) -> Result<Link, AskError> {
        let state = self.state();
        match (&state.live, state.me()) {
            (Some(link), _) => Ok(link.clone()),
            (None, Some(_)) => Err(AskError::Offline),
            (None, None) => Err(AskError::NotLoggedIn),
        }
    }

    /// Asks the server.
    pub(crate) async fn ask<Q: Body, R: Body>(
        self: &Arc<Self>,
        question: &Q,
    ) -> Result<R, AskError> {
        let asked = self.link()?.request::<Q, R>(question);
        asked.await.map_err(AskError::from)
    }
}

impl From<RequestError> for AskError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(refusal) => Self::Refused(refusal),
            RequestError::TimedOut { .. } => Self::TimedOut,
            RequestError::Lost(_) => Self::Lost,
            RequestError::Busy => Self::Busy,
            RequestError::TooLarge { .. } => Self::Refused(parlor_protocol::Refusal::new(
                parlor_protocol::Code::TOO_LARGE,
            )),
            RequestError::Reply(error) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<BulkError> for AskError {
    fn from(error: BulkError) -> Self {
        match error {
            BulkError::Refused(refusal) => Self::Refused(refusal),
            BulkError::Stalled => Self::TimedOut,
            BulkError::Lost(_) => Self::Lost,
            BulkError::Damaged => Self::Unreadable("the text is not what was announced".to_owned()),
            BulkError::TooLarge { .. } => Self::Refused(parlor_protocol::Refusal::new(
                parlor_protocol::Code::TEXT_TOO_LONG,
            )),
            BulkError::Reply(error) => error.into(),
        }
    }
}
