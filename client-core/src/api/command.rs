//! The handle: commands in, views out.

use std::sync::Arc;

use parlor_protocol::link::{JoinLink, ServerAddress};
use parlor_protocol::{RoomId, SendKey, SessionId, UserId};

use super::change::Changes;
use super::error::*;
use super::options::{Layout, NewInvite, NewRoom, Options, SignUp};
use super::reader::Reader;
use super::screen::Timeline;
use super::view::*;
use crate::net::{Attention, Trust};
use crate::profile::Profile;

/// A client without a face. Cheap to clone; the work is done by tasks on the runtime it was opened
/// in, until [`Core::close`] or the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Core {}

/// Opening and closing.
impl Core {
    /// Opens a profile: stores, session, and, when somebody is logged in, the link in the
    /// background. Returns when everything held can be read; does not wait for the network.
    pub async fn open(_profile: Profile, _options: Options) -> Result<(Self, Changes), OpenError> {
        todo!()
    }

    /// Another reader of changes.
    pub fn changes(&self) -> Changes {
        todo!()
    }

    /// Writes read markers, says goodbye to the server and closes the stores, within 3 s. What is
    /// unsent stays in the outbox.
    pub async fn close(&self) {
        todo!()
    }

    /// A face appeared or went away.
    pub fn set_attention(&self, _attention: Attention) {
        todo!()
    }

    /// The machine woke or its network changed: dial at once instead of waiting.
    pub fn wake(&self) {
        todo!()
    }

    /// Waits until the link is up and what was missed is here, or dialling has stopped for good.
    /// For scripts; put a time limit around it.
    pub async fn online(&self) -> Result<(), AskError> {
        todo!()
    }
}

/// The account.
impl Core {
    pub fn account(&self) -> AccountView {
        todo!()
    }

    /// The same as an error for whoever needs somebody.
    pub fn whoami(&self) -> Result<Me, AskError> {
        todo!()
    }

    /// Makes an account by a join link and enters.
    pub async fn join(&self, _link: &JoinLink, _sign_up: SignUp) -> Result<Me, EnterError> {
        todo!()
    }

    /// Makes an account on a server that is open to all.
    pub async fn register(
        &self,
        _server: &ServerAddress,
        _trust: Trust,
        _sign_up: SignUp,
    ) -> Result<Me, EnterError> {
        todo!()
    }

    /// Enters with an account one has. With `Trust::AskFingerprint` the first try ends with
    /// [`EnterError::UnknownKey`].
    pub async fn log_in(
        &self,
        _server: &ServerAddress,
        _trust: Trust,
        _name: &str,
        _password: &str,
    ) -> Result<Me, EnterError> {
        todo!()
    }

    /// Ends the session on the server when it can be reached, and removes token and content here.
    /// Refused while messages are unsent, unless `even_unsent`.
    pub async fn log_out(&self, _even_unsent: bool) -> Result<(), LogOutError> {
        todo!()
    }

    /// Joins what a link opens, with the account one has; the rooms joined.
    pub async fn redeem(&self, _link: &JoinLink) -> Result<Vec<RoomId>, RedeemError> {
        todo!()
    }

    pub async fn sessions(&self) -> Result<Vec<SessionView>, SessionError> {
        todo!()
    }

    pub async fn revoke_session(&self, _session: SessionId) -> Result<(), SessionError> {
        todo!()
    }

    /// All other sessions end with it.
    pub async fn change_password(&self, _old: &str, _new: &str) -> Result<(), ChangePasswordError> {
        todo!()
    }

    pub async fn create_invite(&self, _invite: NewInvite) -> Result<InviteView, InviteError> {
        todo!()
    }
}

/// The link.
impl Core {
    pub fn link(&self) -> LinkView {
        todo!()
    }
}

/// Rooms and people.
impl Core {
    /// The person's rooms by kind and title. From memory.
    pub fn rooms(&self) -> Vec<RoomView> {
        todo!()
    }

    pub fn room(&self, _room: RoomId) -> Option<RoomView> {
        todo!()
    }

    /// The room that a ROOM argument names: a name, an id or @person (whose direct room is opened).
    /// Asks the server only for what is not held.
    pub async fn find_room(&self, _written: &str) -> Result<RoomId, FindRoomError> {
        todo!()
    }

    /// A page of the directory of public rooms, in name order, after a name.
    pub async fn directory(
        &self,
        _after: &str,
        _limit: u16,
    ) -> Result<PageView<ListingView>, AskError> {
        todo!()
    }

    pub async fn create_room(&self, _room: NewRoom) -> Result<RoomId, CreateRoomError> {
        todo!()
    }

    pub async fn join_room(&self, _room: RoomId) -> Result<(), JoinRoomError> {
        todo!()
    }

    /// Leaves; what is held of a private room goes.
    pub async fn leave_room(&self, _room: RoomId) -> Result<(), LeaveRoomError> {
        todo!()
    }

    pub async fn open_direct(&self, _with: UserId) -> Result<RoomId, OpenDirectError> {
        todo!()
    }

    pub async fn add_member(&self, _room: RoomId, _user: UserId) -> Result<(), MemberError> {
        todo!()
    }

    pub async fn remove_member(&self, _room: RoomId, _user: UserId) -> Result<(), MemberError> {
        todo!()
    }

    pub async fn set_role(
        &self,
        _room: RoomId,
        _user: UserId,
        _role: Role,
    ) -> Result<(), MemberError> {
        todo!()
    }

    pub async fn set_topic(&self, _room: RoomId, _topic: &str) -> Result<(), SetTopicError> {
        todo!()
    }

    /// A page of members in id order, after a person.
    pub async fn members(
        &self,
        _room: RoomId,
        _after: Option<UserId>,
        _limit: u16,
    ) -> Result<PageView<MemberView>, ReadError> {
        todo!()
    }

    /// People by exact name, from the server.
    pub async fn find_people(&self, _names: &[String]) -> Result<Vec<PersonView>, AskError> {
        todo!()
    }

    /// What is known of a person; unknown ones are asked for in the background, then
    /// `Change::Rooms` or `Change::Timeline` follows.
    pub fn person(&self, _user: UserId) -> Option<PersonView> {
        todo!()
    }

    /// Silences a room on this device, or ends that.
    pub async fn set_muted(&self, _room: RoomId, _muted: bool) -> Result<(), AskError> {
        todo!()
    }
}

/// Volatile signals: they may be lost and are never waited for.
impl Core {
    /// Others who are typing in an open room.
    pub fn typing(&self, _room: RoomId) -> Vec<PersonView> {
        todo!()
    }

    /// The person is typing (call at each key; sent at most every 3 s), or stopped.
    pub fn set_typing(&self, _room: RoomId, _on: bool) {
        todo!()
    }

    pub fn presence(&self, _room: RoomId) -> PresenceView {
        todo!()
    }

    /// Online or away.
    pub fn set_presence(&self, _presence: Presence) {
        todo!()
    }
}

/// Messages.
impl Core {
    /// The room's timeline on a screen. Opens the room: it is received at full depth while a
    /// timeline of it exists.
    pub fn timeline(&self, _room: RoomId, _layout: Layout) -> Timeline {
        todo!()
    }

    /// Writes a message to the outbox and returns when it is durable; it leaves when it can.
    pub async fn post(&self, _room: RoomId, _text: &str) -> Result<SendKey, PostError> {
        todo!()
    }

    /// Waits until the server has acknowledged a message of the outbox.
    pub async fn wait_sent(&self, _key: SendKey) -> Result<SentView, SendError> {
        todo!()
    }

    /// Unsent and failed messages of a room, oldest first.
    pub fn unsent(&self, _room: RoomId) -> Vec<Arc<MessageView>> {
        todo!()
    }

    /// Sends a failed message again, after those written since.
    pub async fn retry(&self, _key: SendKey) -> Result<(), SendError> {
        todo!()
    }

    /// Takes a message that was not sent out of the outbox; its text, for the composer. One that
    /// may have reached the server is [`SendError::Unknown`] once that turns out.
    pub async fn discard(&self, _key: SendKey) -> Result<String, SendError> {
        todo!()
    }

    /// The person has read up to `seq`. Shown at once, sent at most every 3 s and on leaving; the
    /// greatest wins.
    pub fn mark_read(&self, _room: RoomId, _seq: u64) {
        todo!()
    }

    /// Loads the rest of a long text; the message's view then carries it whole.
    pub async fn load_text(&self, _room: RoomId, _seq: u64) -> Result<(), ReadError> {
        todo!()
    }

    /// Messages from `from` on (`None`: the newest `count`), at most `count` of them; with `follow`
    /// then what comes, for ever.
    pub fn read(
        &self,
        _room: RoomId,
        _from: Option<u64>,
        _count: Option<u64>,
        _follow: bool,
    ) -> Reader {
        todo!()
    }

    /// The first message at or after an instant, for a jump to a date; asks the server for what is
    /// not held, about 20 requests for a million messages.
    pub async fn seq_at(&self, _room: RoomId, _at_ms: u64) -> Result<Option<u64>, ReadError> {
        todo!()
    }

    /// The composer's text of a room, kept over restarts.
    pub fn draft(&self, _room: RoomId) -> String {
        todo!()
    }

    /// Keeps the composer's text; written behind, at most once a second.
    pub fn set_draft(&self, _room: RoomId, _text: &str) {
        todo!()
    }
}
