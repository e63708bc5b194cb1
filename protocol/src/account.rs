//! Sessions, passwords, invites, profiles.

use crate::codec::{CodecError, Decode, Decoder, Encode, Row, rows};
use crate::extension::Extensions;
use crate::hello::Password;
use crate::id::{RoomId, SessionId, UserId};
use crate::kind::{at_most, bodies};
use crate::limit::{INVITE_CODE_BYTES, INVITE_ROOMS, PAGE_ROWS, SESSIONS};

/// End this session. Answered by `Done`, then the server ends the link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct LogOut {
    pub ext: Extensions,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct ListSessions {
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sessions {
    pub sessions: Vec<Session>,
    pub ext: Extensions,
}

/// One device's session, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Session {
    pub id: SessionId,
    pub device: String,
    /// Instants in ms since the Unix epoch.
    pub made_at_ms: u64,
    pub seen_at_ms: u64,
    /// Where it was last seen from.
    pub address: String,
    pub current: bool,
}

/// End another session of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RevokeSession {
    pub session: SessionId,
    pub ext: Extensions,
}

/// All other sessions end with it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChangePassword {
    pub old: Password,
    pub new: Password,
    pub ext: Extensions,
}

/// Make a join code for new people, and for the rooms named (one's own to invite into).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CreateInvite {
    pub rooms: Vec<RoomId>,
    /// How many people may use it; 0: no bound.
    pub uses: u32,
    /// How long it lives, ms; 0: the server's default.
    pub life_ms: u64,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Invite {
    pub code: String,
    /// The whole link: `parlor://host:port/j/CODE.PIN`.
    pub link: String,
    pub expires_at_ms: u64,
    pub ext: Extensions,
}

/// Join the rooms of a code with the account one has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RedeemInvite {
    pub code: String,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Redeemed {
    pub rooms: Vec<RoomId>,
    pub ext: Extensions,
}

/// Profiles by id, and by exact name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode)]
pub struct FindPeople {
    pub ids: Vec<UserId>,
    pub names: Vec<String>,
    pub ext: Extensions,
}

/// In no order; who is unknown is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct People {
    pub people: Vec<Person>,
    pub ext: Extensions,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub display_name: String,
}

impl<C> Decode<C> for FindPeople {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, CodecError> {
        Ok(Self {
            ids: Decode::decode(decoder)?,
            names: <Vec<Row<String>>>::decode(decoder)?
                .into_iter()
                .map(|Row(name)| name)
                .collect(),
            ext: Decode::decode(decoder)?,
        })
    }
}

rows! {
    Person { id, name, display_name }
    Session { id, device, made_at_ms, seen_at_ms, address, current }
}

bodies! {
    LogOut = LOG_OUT;
    ListSessions = LIST_SESSIONS;
    Sessions = SESSIONS, |it| at_most("the number of sessions", it.sessions.len(), SESSIONS);
    RevokeSession = REVOKE_SESSION;
    ChangePassword = CHANGE_PASSWORD;
    CreateInvite = CREATE_INVITE, |it| at_most("the number of rooms", it.rooms.len(), INVITE_ROOMS);
    Invite = INVITE;
    RedeemInvite = REDEEM_INVITE, |it| at_most("the code", it.code.len(), INVITE_CODE_BYTES);
    Redeemed = REDEEMED, |it| at_most("the number of rooms", it.rooms.len(), INVITE_ROOMS);
    FindPeople = FIND_PEOPLE, |it| at_most("the number of people", it.ids.len() + it.names.len(), PAGE_ROWS.into());
    People = PEOPLE, |it| at_most("the number of people", it.people.len(), PAGE_ROWS.into());
}
