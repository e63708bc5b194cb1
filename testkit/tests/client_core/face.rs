//! A face as small as it can be: it waits for changes and reads views.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parlor_client_core::api::{
    Change, Changes, Core, JoinLink, Layout, MessageView, NewInvite, Options, RoomId,
    ServerAddress, SignUp, Timeline, Trust,
};
use parlor_client_core::profile::Profile;
use parlor_testkit::server::{PASSWORD, TestServer};
use tempfile::TempDir;
use tokio::time::timeout;

/// Anything that takes longer will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Face {
    pub(crate) core: Core,
    pub(crate) changes: Changes,
    pub(crate) folder: Arc<TempDir>,
}

pub(crate) fn sign_up(name: &str) -> SignUp {
    SignUp {
        name: name.to_owned(),
        display_name: String::new(),
        password: PASSWORD.to_owned(),
    }
}

pub(crate) fn offline() -> Options {
    Options {
        connect: false,
        ..Options::app("test 0")
    }
}

impl Face {
    /// A profile of nobody.
    pub(crate) async fn new() -> Self {
        Self::open(
            Arc::new(tempfile::tempdir().unwrap()),
            Options::app("test 0"),
        )
        .await
    }

    pub(crate) async fn open(folder: Arc<TempDir>, options: Options) -> Self {
        let profile = Profile::at(folder.path());
        let (core, changes) = Core::open(profile, options).await.unwrap();
        Self {
            core,
            changes,
            folder,
        }
    }

    /// The first person of a server, its owner.
    pub(crate) async fn owner(server: &TestServer, name: &str) -> Self {
        Self::join(&server.owner_link(), name).await
    }

    pub(crate) async fn join(link: &JoinLink, name: &str) -> Self {
        let face = Self::new().await;
        face.core.join(link, sign_up(name)).await.unwrap();
        face.online().await;
        face
    }

    /// Another person, invited by this one.
    pub(crate) async fn invite(&self, link: &JoinLink, name: &str) -> Self {
        let invite = self.core.create_invite(NewInvite::default()).await.unwrap();
        Self::join(
            &JoinLink {
                code: invite.code,
                ..link.clone()
            },
            name,
        )
        .await
    }

    /// Another process of the same person on the same files.
    pub(crate) async fn beside(&self, options: Options) -> Self {
        Self::open(self.folder.clone(), options).await
    }

    /// Closes and opens again, as a program does that is started anew.
    pub(crate) async fn again(self, options: Options) -> Self {
        let Self {
            core,
            changes,
            folder,
        } = self;
        core.close().await;
        drop((core, changes));
        Self::open(folder, options).await
    }

    /// Another device of the same person.
    pub(crate) async fn device(&self, name: &str, server: &ServerAddress, trust: Trust) -> Self {
        let face = Self::new().await;
        face.core
            .log_in(server, trust, name, PASSWORD)
            .await
            .unwrap();
        face.online().await;
        face
    }

    pub(crate) async fn online(&self) {
        timeout(PATIENCE, self.core.online())
            .await
            .expect("it comes online")
            .unwrap();
    }

    pub(crate) fn content_file(&self) -> PathBuf {
        Profile::at(self.folder.path()).content_file()
    }

    /// The room of that title, waiting for it.
    pub(crate) async fn room(&mut self, title: &str) -> RoomId {
        self.until(title, |core| {
            core.rooms()
                .into_iter()
                .find(|room| room.title == title)
                .map(|room| room.id)
        })
        .await
    }

    /// Looks at every change until something is so.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Core) -> Option<T>,
    ) -> T {
        let looking = async {
            loop {
                if let Some(found) = look(&self.core) {
                    return found;
                }
                // Some things become so by time alone, and no change tells of them.
                let _ = timeout(Duration::from_millis(200), self.changes.next()).await;
            }
        };
        match timeout(PATIENCE, looking).await {
            Ok(found) => found,
            Err(_) => panic!(
                "never: {what}; link {:?}, rooms {:?}",
                self.core.link(),
                self.core.rooms()
            ),
        }
    }

    /// Waits for one change that is such.
    pub(crate) async fn change<T>(
        &mut self,
        what: &str,
        mut is: impl FnMut(Change) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                if let Some(found) = is(self.changes.next().await) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"))
    }

    pub(crate) fn timeline(&self, room: RoomId) -> Timeline {
        self.core.timeline(
            room,
            Layout {
                height: 50,
                estimate: 1,
            },
        )
    }

    /// Waits until the timeline shows these texts at its end.
    pub(crate) async fn sees(&mut self, timeline: &Timeline, texts: &[&str]) {
        let what = format!("{texts:?} on screen");
        self.until(&what, |_| {
            let seen = shown(timeline);
            seen.ends_with(
                &texts
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>(),
            )
            .then_some(())
        })
        .await;
    }

    pub(crate) async fn say(&self, room: RoomId, text: &str) {
        let key = self.core.post(room, text).await.unwrap();
        timeout(PATIENCE, self.core.wait_sent(key))
            .await
            .expect("it is sent")
            .unwrap();
    }

    /// All messages of a room, as a script reads them.
    pub(crate) async fn read_all(&self, room: RoomId) -> Vec<Arc<MessageView>> {
        let mut reader = self.core.read(room, Some(1), None, false);
        let mut all = Vec::new();
        while let Some(message) = timeout(PATIENCE, reader.next())
            .await
            .expect("it reads on")
            .unwrap()
        {
            all.push(message);
        }
        all
    }

    pub(crate) async fn texts(&self, room: RoomId) -> Vec<String> {
        self.read_all(room)
            .await
            .iter()
            .map(|message| message.text.to_string())
            .collect()
    }
}

/// What stands on screen, unsent ones included; placeholders as "…".
pub(crate) fn shown(timeline: &Timeline) -> Vec<String> {
    let screen = timeline.screen(|_, _| 1);
    let rows = screen.rows.iter().map(|row| {
        row.message
            .as_ref()
            .map_or("…".to_owned(), |it| it.text.to_string())
    });
    rows.chain(screen.unsent.iter().map(|row| row.message.text.to_string()))
        .collect()
}
