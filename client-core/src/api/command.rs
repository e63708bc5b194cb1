//! The handle: commands in, views out.

use std::sync::Arc;

use parlor_protocol::link::{JoinLink, ServerAddress};
use parlor_protocol::{RoomId, SendKey, SessionId, UserId};

use super::change::{Change, Changes};
use super::error::*;
use super::options::{Layout, NewInvite, NewRoom, Options, SignUp};
use super::reader::Reader;
use super::screen::Timeline;
use super::view::*;
use crate::core::{self, Inner, Lifetime, render};
use crate::net::{Attention, Trust};
use crate::profile::Profile;

/// A client without a face. Cheap to clone; the work is done by tasks on the runtime it was opened
/// in, until [`Core::close`] or the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Core {
    lifetime: Arc<Lifetime>,
}

impl Core {
    fn inner(&self) -> &Arc<Inner> {
        &self.lifetime.inner
    }
}

/// Opening and closing.
impl Core {
    /// Opens a profile: stores, session, and, when somebody is logged in, the link in the
    /// background. Returns when everything held can be read; does not wait for the network.
    pub async fn open(profile: Profile, options: Options) -> Result<(Self, Changes), OpenError> {
        let (changes, reader) = Changes::new();
        let lifetime = core::open(profile, options, &reader).await?;
        Ok((Self { lifetime }, changes))
    }

    /// Another reader of changes.
    pub fn changes(&self) -> Changes {
        let (changes, reader) = Changes::new();
        self.inner().state().readers.push(Arc::downgrade(&reader));
        changes
    }

    /// Writes read markers, says goodbye to the server and closes the stores, within 3 s. What is
    /// unsent stays in the outbox.
    pub async fn close(&self) {
        self.inner().close().await;
    }

    /// A face appeared or went away.
    pub fn set_attention(&self, attention: Attention) {
        self.inner()
            .wish(|state| state.wishes.attention = attention);
    }

    /// The machine woke or its network changed: dial at once instead of waiting.
    pub fn wake(&self) {
        self.inner().wish(|state| state.wishes.wake = true);
    }

    /// Waits until the link is up and what was missed is here, or dialling has stopped for good.
    /// For scripts; put a time limit around it.
    pub async fn online(&self) -> Result<(), AskError> {
        self.inner().online().await
    }
}

/// The account.
impl Core {
    pub fn account(&self) -> AccountView {
        render::account(&self.inner().state())
    }

    /// The same as an error for whoever needs somebody.
    pub fn whoami(&self) -> Result<Me, AskError> {
        let state = self.inner().state();
        state.me().map(render::me).ok_or(AskError::NotLoggedIn)
    }

    /// Makes an account by a join link and enters.
    pub async fn join(&self, link: &JoinLink, sign_up: SignUp) -> Result<Me, EnterError> {
        let trust = link.pin.map_or(Trust::Ca, |pin| Trust::Pins(vec![pin]));
        self.inner()
            .register(&link.server, trust, &link.code, sign_up)
            .await
    }

    /// Makes an account on a server that is open to all.
    pub async fn register(
        &self,
        server: &ServerAddress,
        trust: Trust,
        sign_up: SignUp,
    ) -> Result<Me, EnterError> {
        self.inner().register(server, trust, "", sign_up).await
    }

    /// Enters with an account one has. With `Trust::AskFingerprint` the first try ends with
    /// [`EnterError::UnknownKey`].
    pub async fn log_in(
        &self,
        server: &ServerAddress,
        trust: Trust,
        name: &str,
        password: &str,
    ) -> Result<Me, EnterError> {
        self.inner().log_in(server, trust, name, password).await
    }

    /// Ends the session on the server when it can be reached, and removes token and content here.
    /// Refused while messages are unsent, unless `even_unsent`.
    pub async fn log_out(&self, even_unsent: bool) -> Result<(), LogOutError> {
        self.inner().log_out(even_unsent).await
    }

    /// Joins what a link opens, with the account one has; the rooms joined, which stand in the list
    /// by then. A link of another server than the account's is refused unsent.
    pub async fn redeem(&self, link: &JoinLink) -> Result<Vec<RoomId>, RedeemError> {
        self.inner().redeem(link).await
    }

    pub async fn sessions(&self) -> Result<Vec<SessionView>, SessionError> {
        Ok(self.inner().sessions().await?)
    }

    pub async fn revoke_session(&self, session: SessionId) -> Result<(), SessionError> {
        Ok(self.inner().revoke_session(session).await?)
    }

    /// All other sessions end with it.
    pub async fn change_password(&self, old: &str, new: &str) -> Result<(), ChangePasswordError> {
        Ok(self.inner().change_password(old, new).await?)
    }

    pub async fn create_invite(&self, invite: NewInvite) -> Result<InviteView, InviteError> {
        Ok(self.inner().create_invite(invite).await?)
    }
}

/// The link.
impl Core {
    pub fn link(&self) -> LinkView {
        render::link(&self.inner().state())
    }
}

/// Rooms and people.
impl Core {
    /// The person's rooms by kind and title. From memory.
    pub fn rooms(&self) -> Vec<RoomView> {
        self.inner().view(render::rooms)
    }

    pub fn room(&self, room: RoomId) -> Option<RoomView> {
        self.inner().view(|state| render::room(state, room))
    }

    /// The room that a ROOM argument names: a name, an id or @person (whose direct room is opened).
    /// Asks the server only for what is not held.
    pub async fn find_room(&self, written: &str) -> Result<RoomId, FindRoomError> {
        self.inner().find_room(written).await
    }

    /// A page of the directory of public rooms, in name order: the first one, or the one that a
    /// page names as its next.
    pub async fn directory(
        &self,
        at: &DirectoryCursor,
        limit: u16,
    ) -> Result<DirectoryView, AskError> {
        self.inner().directory(at, limit).await
    }

    pub async fn create_room(&self, room: NewRoom) -> Result<RoomId, CreateRoomError> {
        Ok(self.inner().create_room(room).await?)
    }

    pub async fn join_room(&self, room: RoomId) -> Result<(), JoinRoomError> {
        Ok(self.inner().join_room(room).await?)
    }

    /// Leaves; what is held of a private room goes.
    pub async fn leave_room(&self, room: RoomId) -> Result<(), LeaveRoomError> {
        Ok(self.inner().leave_room(room).await?)
    }

    pub async fn open_direct(&self, with: UserId) -> Result<RoomId, OpenDirectError> {
        Ok(self.inner().open_direct(with).await?)
    }

    pub async fn add_member(&self, room: RoomId, user: UserId) -> Result<(), MemberError> {
        Ok(self.inner().add_member(room, user).await?)
    }

    pub async fn remove_member(&self, room: RoomId, user: UserId) -> Result<(), MemberError> {
        Ok(self.inner().remove_member(room, user).await?)
    }

    pub async fn set_role(
        &self,
        room: RoomId,
        user: UserId,
        role: Role,
    ) -> Result<(), MemberError> {
        Ok(self.inner().set_role(room, user, role).await?)
    }

    pub async fn set_topic(&self, room: RoomId, topic: &str) -> Result<(), SetTopicError> {
        Ok(self.inner().set_topic(room, topic).await?)
    }

    /// A page of members in id order, after a person.
    pub async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<PageView<MemberView>, ReadError> {
        Ok(self.inner().members(room, after, limit).await?)
    }

    /// People by exact name, from the server.
    pub async fn find_people(&self, names: &[String]) -> Result<Vec<PersonView>, AskError> {
        self.inner().find_people(names).await
    }

    /// What is known of a person; unknown ones are asked for in the background, then
    /// `Change::Rooms` or `Change::Timeline` follows.
    pub fn person(&self, user: UserId) -> Option<PersonView> {
        self.inner().view(|state| {
            let known = state.people.get(&user).map(render::person);
            if known.is_none() {
                state.name_of(user);
            }
            known
        })
    }

    /// Silences a room on this device, or ends that.
    pub async fn set_muted(&self, room: RoomId, muted: bool) -> Result<(), AskError> {
        self.inner().outbox.set_muted(room, muted).await?;
        let mut state = self.inner().state();
        if let Some(known) = state.rooms.get_mut(&room) {
            known.muted = muted;
        }
        state.tell(Change::Rooms);
        Ok(())
    }
}

/// Volatile signals: they may be lost and are never waited for.
impl Core {
    /// Others who are typing in an open room.
    pub fn typing(&self, room: RoomId) -> Vec<PersonView> {
        self.inner().view(|state| render::typing(state, room))
    }

    /// The person is typing (call at each key; sent at most every 3 s), or stopped.
    pub fn set_typing(&self, room: RoomId, on: bool) {
        self.inner().set_typing(room, on);
    }

    pub fn presence(&self, room: RoomId) -> PresenceView {
        render::presence(&self.inner().state(), room)
    }

    /// Online or away.
    pub fn set_presence(&self, presence: Presence) {
        self.inner().set_presence(presence);
    }
}

/// Messages.
impl Core {
    /// The room's timeline on a screen. Opens the room: it is received at full depth while a
    /// timeline of it exists.
    pub fn timeline(&self, room: RoomId, layout: Layout) -> Timeline {
        Timeline::new(self.lifetime.inner.clone(), room, layout)
    }

    /// Writes a message to the outbox and returns when it is durable; it leaves when it can.
    pub async fn post(&self, room: RoomId, text: &str) -> Result<SendKey, PostError> {
        self.inner().post(room, text).await
    }

    /// Waits until the server has acknowledged a message of the outbox.
    pub async fn wait_sent(&self, key: SendKey) -> Result<SentView, SendError> {
        self.inner().wait_sent(key).await
    }

    /// Unsent and failed messages of a room, oldest first.
    pub fn unsent(&self, room: RoomId) -> Vec<Arc<MessageView>> {
        self.inner().view(|state| state.unsent_views(room))
    }

    /// Sends a failed message again, after those written since.
    /// The key that it goes by from now on.
    pub async fn retry(&self, key: SendKey) -> Result<SendKey, SendError> {
        self.inner().retry(key).await
    }

    /// Takes a message that was not sent out of the outbox; its text, for the composer. One that
    /// may have reached the server is [`SendError::Unknown`] once that turns out.
    pub async fn discard(&self, key: SendKey) -> Result<String, SendError> {
        self.inner().discard(key).await
    }

    /// The person has read up to `seq`. Shown at once, sent at most every 3 s and on leaving; the
    /// greatest wins.
    pub fn mark_read(&self, room: RoomId, seq: u64) {
        self.inner().mark_read(room, seq);
    }

    /// Loads the rest of a long text; the message's view then carries it whole.
    pub async fn load_text(&self, room: RoomId, seq: u64) -> Result<(), ReadError> {
        Ok(self.inner().load_text(room, seq).await?)
    }

    /// Messages from `from` on (`None`: the newest `count`), at most `count` of them; with `follow`
    /// then what comes, for ever.
    pub fn read(
        &self,
        room: RoomId,
        from: Option<u64>,
        count: Option<u64>,
        follow: bool,
    ) -> Reader {
        Reader::new(self.lifetime.inner.clone(), room, from, count, follow)
    }

    /// The first message at or after an instant, for a jump to a date; asks the server for what is
    /// not held, about 20 requests for a million messages.
    pub async fn seq_at(&self, room: RoomId, at_ms: u64) -> Result<Option<u64>, ReadError> {
        Ok(self.inner().seq_at(room, at_ms).await?)
    }

    /// The composer's text of a room, kept over restarts.
    pub fn draft(&self, room: RoomId) -> String {
        let state = self.inner().state();
        state
            .rooms
            .get(&room)
            .map(|known| known.draft.clone())
            .unwrap_or_default()
    }

    /// Keeps the composer's text; written behind, at most once a second.
    pub fn set_draft(&self, room: RoomId, text: &str) {
        self.inner().set_draft(room, text);
    }
}
