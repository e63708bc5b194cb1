//! Messages on their way to the outbox: one after another, so that their order is the writer's.

use parlor_client_core::api::{Core, RoomId};
use tokio::sync::mpsc;

use super::Done;
use super::views::Notice;

/// Messages that wait for the disk; a person cannot write faster.
pub(super) const MAX_POSTS: usize = 64;

pub(super) struct Post {
    pub(super) room: RoomId,
    pub(super) text: String,
}

/// Writes them to the outbox until the sender is gone.
pub(super) async fn run(core: Core, mut posts: mpsc::Receiver<Post>, done: mpsc::Sender<Done>) {
    while let Some(Post { room, text }) = posts.recv().await {
        let Err(error) = core.post(room, &text).await else {
            continue;
        };
        let told: Done = Box::new(move |app| app.not_posted(&text, Notice::bad(error)));
        if done.send(told).await.is_err() {
            return;
        }
    }
}
