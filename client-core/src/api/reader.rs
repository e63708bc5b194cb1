//! Messages one after another, for scripts.

use std::sync::Arc;

use super::error::ReadError;
use super::view::MessageView;

/// Reads a room's messages in seq order: from the store where they are held, else from the server,
/// page by page.
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// The next message; `None` at the end, unless it follows: then it waits for the next one.
    /// Long texts are whole. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Arc<MessageView>>, ReadError> {
        todo!()
    }
}
