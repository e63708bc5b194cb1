//! What layers asked for, done: at once where memory is enough, else by a task.

use parlor_client_core::api::{
    Core, Delivery, EnterError, MessageId, NewRoom, RoomId, RoomKind, SignUp,
};

use super::action::{Action, Entry, Overlay, Scroll};
use super::command::Command;
use super::entrance::Entrance;
use super::help::Help;
use super::layer::Entered;
use super::membership;
use super::post::Post;
use super::switcher::Switcher;
use super::views::Notice;
use super::{App, Done, Wish};
use crate::arrival::listed;
use crate::enter::{self, As};

/// What to tell the person when something is done, if anything.
pub(super) type Told = Result<Option<String>, String>;

impl App {
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Show(room) => self.show(room),
            Action::Scroll(scroll) => self.scroll(scroll),
            Action::Send { room, text } => self.send(room, text),
            Action::Do { room, command } => self.command(room, command),
            Action::Draft { room, text } => self.core.set_draft(room, &text),
            Action::Typing { room, on } => self.core.set_typing(room, on),
            Action::Retry(room) => self.retry(room),
            Action::TakeBack(room) => self.take_back(room),
            Action::LoadTexts => self.load_texts(),
            Action::Tell(notice) => self.views.notice = Some(notice),
            Action::Open(overlay) => self.open(overlay),
            Action::EditOutside(text) => self.wish = Some(Wish::EditOutside(text)),
            Action::Enter(entry) => self.enter(entry),
        }
    }

    /// Runs something that takes time; its result comes back to the loop.
    pub(super) fn spawn<D: FnOnce(&mut Self) + Send + 'static>(
        &self,
        work: impl Future<Output = D> + Send + 'static,
    ) {
        let done = self.done.clone();
        tokio::spawn(async move {
            let result: Done = Box::new(work.await);
            // Without a loop there is nobody to tell.
            let _ = done.send(result).await;
        });
    }

    fn scroll(&mut self, scroll: Scroll) {
        let Some(timeline) = &self.timeline else {
            return;
        };
        match scroll {
            Scroll::Lines(lines) => timeline.scroll(lines),
            Scroll::PageUp => timeline.page_up(),
            Scroll::PageDown => timeline.page_down(),
            Scroll::Start => timeline.jump_to_start(),
            Scroll::End => timeline.jump_to_end(),
            Scroll::Unread => {
                if !timeline.jump_to_unread() {
                    self.views.notice = Some(Notice::good("nothing is unread here"));
                }
            }
        }
    }

    fn send(&mut self, room: RoomId, text: String) {
        if let Err(refused) = self.posts.try_send(Post { room, text }) {
            let post = refused.into_inner();
            let notice =
                Notice::bad("the disk is slow: your message is still here, press Enter again");
            self.not_posted(&post.text, notice);
        }
    }

    /// A message that did not enter the outbox goes back to its writer.
    pub(super) fn not_posted(&mut self, text: &str, notice: Notice) {
        self.views.notice = Some(notice);
        if self.talk.composer.is_empty() {
            self.talk.composer.set(text);
        } else {
            self.talk.composer.remember(text);
        }
    }

    fn open(&mut self, overlay: Overlay) {
        self.layers.push(match overlay {
            Overlay::Help => Box::new(Help::default()),
            Overlay::Switcher => Box::new(Switcher::default()),
            Overlay::Entrance => Box::new(Entrance::new(&self.views.account)),
        });
    }

    fn enter(&self, entry: Entry) {
        let core = self.core.clone();
        self.spawn(async move {
            let outcome = come_in(&core, entry).await;
            move |app: &mut App| {
                for layer in &mut app.layers {
                    layer.entering_ended(outcome.clone());
                }
                app.account_changed();
            }
        });
    }

    fn command(&mut self, room: Option<RoomId>, command: Command) {
        match (command, room) {
            (Command::Help, _) => self.open(Overlay::Help),
            (Command::Quit, _) => self.wish = Some(Wish::Quit),
            (Command::Members, _) => self.talk.toggle_members(),
            (Command::Join(name), _) => self.go_to(|core| async move {
                let room = core.find_room(&name).await.map_err(text)?;
                core.join_room(room).await.map_err(text)?;
                Ok(room)
            }),
            (Command::JoinLink(link), _) => self.go_to(|core| async move {
                let rooms = core.redeem(&link).await.map_err(text)?;
                rooms
                    .first()
                    .copied()
                    .ok_or_else(|| "that link opens no room".to_owned())
            }),
            (Command::Create { name, private }, _) => self.go_to(move |core| async move {
                let kind = if private {
                    RoomKind::Private
                } else {
                    RoomKind::Public
                };
                let topic = String::new();
                core.create_room(NewRoom { kind, name, topic })
                    .await
                    .map_err(text)
            }),
            (Command::Message { person, text: said }, _) => self.go_to(|core| async move {
                let room = core.find_room(&format!("@{person}")).await.map_err(text)?;
                if let Some(said) = said {
                    listed(&core, room).await;
                    core.post(room, &said).await.map_err(text)?;
                }
                Ok(room)
            }),
            (_, None) => {
                self.views.notice = Some(Notice::bad("no room is open: Ctrl-K chooses one"))
            }
            (Command::Leave, Some(room)) => self.tell(move |core| async move {
                core.leave_room(room).await.map_err(text)?;
                Ok(None)
            }),
            (Command::Topic(None), Some(room)) => self.views.notice = self.topic(room),
            (Command::Topic(Some(topic)), Some(room)) => self.tell(move |core| async move {
                core.set_topic(room, &topic).await.map_err(text)?;
                Ok(None)
            }),
            (Command::Invite(None), Some(room)) => {
                self.tell(move |core| async move { membership::link(&core, room).await });
            }
            (Command::Invite(Some(name)), Some(room)) => {
                self.tell(move |core| async move { membership::add(&core, room, &name).await });
            }
            (Command::Kick(name), Some(room)) => {
                self.tell(move |core| async move { membership::remove(&core, room, &name).await });
            }
            (Command::Role { person, role }, Some(room)) => {
                self.tell(move |core| async move {
                    membership::set_role(&core, room, &person, role).await
                });
            }
            (Command::Mute, Some(room)) => {
                self.tell(move |core| async move { mute(&core, room).await });
            }
        }
    }

    fn topic(&self, room: RoomId) -> Option<Notice> {
        let room = self.core.room(room)?;
        Some(Notice::good(match room.topic.as_str() {
            "" => "This room has no topic: /topic TEXT gives it one.".to_owned(),
            topic => format!("{topic}  (/topic TEXT gives another, /topic - none)"),
        }))
    }

    /// Does something and tells what came of it.
    fn tell<F: Future<Output = Told> + Send + 'static>(
        &mut self,
        work: impl FnOnce(Core) -> F + Send + 'static,
    ) {
        let future = work(self.core.clone());
        self.spawn(async move {
            let told = future.await;
            move |app: &mut App| {
                app.views.notice = match told {
                    Ok(text) => text.map(Notice::good),
                    Err(why) => Some(Notice::bad(why)),
                };
            }
        });
    }

    /// Does something that ends in a room, and shows that room.
    fn go_to<F: Future<Output = Result<RoomId, String>> + Send + 'static>(
        &mut self,
        work: impl FnOnce(Core) -> F + Send + 'static,
    ) {
        let core = self.core.clone();
        let future = work(self.core.clone());
        self.spawn(async move {
            let found = future.await;
            if let Ok(room) = found {
                listed(&core, room).await;
            }
            move |app: &mut App| match found {
                Ok(room) => app.show(room),
                Err(why) => app.views.notice = Some(Notice::bad(why)),
            }
        });
    }

    fn retry(&mut self, room: RoomId) {
        let failed = self.failed(room);
        self.tell(move |core| async move {
            for key in failed {
                core.retry(key).await.map_err(text)?;
            }
            Ok(None)
        });
    }

    fn take_back(&mut self, room: RoomId) {
        let Some(key) = self.failed(room).pop() else {
            return;
        };
        let core = self.core.clone();
        self.spawn(async move {
            let taken = core.discard(key).await;
            move |app: &mut App| match taken {
                Ok(text) if app.talk.composer.is_empty() => app.talk.composer.set(&text),
                Ok(text) => app.talk.composer.remember(&text),
                Err(error) => app.views.notice = Some(Notice::bad(error)),
            }
        });
    }

    /// The room's refused messages, oldest first.
    fn failed(&self, room: RoomId) -> Vec<parlor_client_core::api::SendKey> {
        let unsent = self.core.unsent(room);
        let failed = unsent
            .iter()
            .filter_map(|message| match (&message.delivery, message.id) {
                (Delivery::Failed { .. }, MessageId::Unsent(key)) => Some(key),
                _ => None,
            });
        failed.collect()
    }

    fn load_texts(&mut self) {
        let Some(open) = &self.views.open else {
            return;
        };
        let room = open.room.id;
        let long = open.screen.rows.iter().filter(|row| {
            row.message
                .as_ref()
                .is_some_and(|message| message.more_bytes.is_some())
        });
        let seqs: Vec<u64> = long.map(|row| row.seq).collect();
        self.tell(move |core| async move {
            for seq in seqs {
                core.load_text(room, seq).await.map_err(text)?;
            }
            Ok(None)
        });
    }
}

async fn come_in(core: &Core, entry: Entry) -> Entered {
    let entered = match entry {
        Entry::Join {
            link,
            name,
            password,
        } => {
            let display_name = String::new();
            core.join(
                &link,
                SignUp {
                    name,
                    display_name,
                    password,
                },
            )
            .await
        }
        Entry::LogIn {
            server,
            key,
            name,
            password,
        } => {
            let (name, password) = (&*name, &*password);
            enter::enter(core, &server, key, &As::Known { name, password }).await
        }
    };
    match entered {
        Ok(_) => Entered::In,
        Err(EnterError::UnknownKey { pin }) => Entered::UnknownKey(pin),
        Err(error) => Entered::Refused(error.to_string()),
    }
}

/// Silences a room on this device, or ends that.
async fn mute(core: &Core, room: RoomId) -> Told {
    let muted = !core.room(room).is_some_and(|room| room.muted);
    core.set_muted(room, muted).await.map_err(text)?;
    Ok(Some(match muted {
        true => "This room is silent on this device now; /mute again ends that.".to_owned(),
        false => "This room is heard again.".to_owned(),
    }))
}

pub(super) fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
