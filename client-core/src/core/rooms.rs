//! Requests about rooms and sessions, from face to server.

use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::account::{
    ChangePassword, CreateInvite, Invite, ListSessions, RedeemInvite, Redeemed, RevokeSession,
    Session, Sessions,
};
use parlor_protocol::hello::{Done, Password};
use parlor_protocol::limit::PAGE_ROWS;
use parlor_protocol::room::{
    AddMember, CreateRoom, JoinRoom, LeaveRoom, ListMembers, Member, Members, OpenDirect,
    RemoveMember, Role as WireRole, RoomDone, RoomKind as WireKind, SetRole, SetTopic,
};
use parlor_protocol::{Extensions, RoomId, SendKey, SessionId, UserId};

use super::inner::Inner;
use super::render;
use crate::api::{
    AskError, FindRoomError, InviteView, JoinLink, MemberView, NewInvite, NewRoom, OpenDirectError,
    PageView, Presence, RedeemError, Role, RoomKind, SessionView,
};
use crate::outbox::key_at;
use crate::store::PersonRow;

const EXT: Extensions = Extensions::NONE;

/// How long a room that was just made or joined may take to stand in the list.
const LISTED_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Inner {
    /// Waits until rooms stand in the list, so that whoever made or joined them can write there.
    async fn listed(&self, rooms: &[RoomId]) {
        self.forget_lists();
        let listed = async {
            let all = || {
                let state = self.state();
                rooms.iter().all(|room| state.rooms.contains_key(room))
            };
            while !all() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // They are there all the same, and come when the list comes.
        let _ = tokio::time::timeout(LISTED_WITHIN, listed).await;
    }

    fn send_key(&self) -> SendKey {
        key_at(self.state().server_now_ms())
    }

    pub(crate) async fn create_room(self: &Arc<Self>, room: NewRoom) -> Result<RoomId, AskError> {
        let NewRoom { kind, name, topic } = room;
        let kind = if kind == RoomKind::Private {
            WireKind::PRIVATE
        } else {
            WireKind::PUBLIC
        };
        let question = CreateRoom {
            send_key: self.send_key(),
            kind,
            name,
            topic,
            ext: EXT,
        };
        let done: RoomDone = self.ask(&question).await?;
        self.listed(&[done.room]).await;
        Ok(done.room)
    }

    pub(crate) async fn join_room(self: &Arc<Self>, room: RoomId) -> Result<(), AskError> {
        let question = JoinRoom {
            send_key: self.send_key(),
            room: Some(room),
            name: String::new(),
            ext: EXT,
        };
        let done: RoomDone = self.ask(&question).await?;
        self.listed(&[done.room]).await;
        Ok(())
    }

    pub(crate) async fn leave_room(self: &Arc<Self>, room: RoomId) -> Result<(), AskError> {
        let question = LeaveRoom {
            send_key: self.send_key(),
            room,
            ext: EXT,
        };
        self.ask::<_, RoomDone>(&question).await.map(drop)
    }

    pub(crate) async fn open_direct(self: &Arc<Self>, with: UserId) -> Result<RoomId, AskError> {
        let question = OpenDirect {
            send_key: self.send_key(),
            with,
            ext: EXT,
        };
        let done: RoomDone = self.ask(&question).await?;
        self.listed(&[done.room]).await;
        Ok(done.room)
    }

    pub(crate) async fn add_member(
        self: &Arc<Self>,
        room: RoomId,
        user: UserId,
    ) -> Result<(), AskError> {
        let question = AddMember {
            send_key: self.send_key(),
            room,
            user,
            ext: EXT,
        };
        self.ask::<_, RoomDone>(&question).await?;
        self.forget_lists();
        Ok(())
    }

    pub(crate) async fn remove_member(
        self: &Arc<Self>,
        room: RoomId,
        user: UserId,
    ) -> Result<(), AskError> {
        let question = RemoveMember {
            send_key: self.send_key(),
            room,
            user,
            ext: EXT,
        };
        self.ask::<_, RoomDone>(&question).await?;
        self.forget_lists();
        Ok(())
    }

    pub(crate) async fn set_role(
        self: &Arc<Self>,
        room: RoomId,
        user: UserId,
        role: Role,
    ) -> Result<(), AskError> {
        let question = SetRole {
            send_key: self.send_key(),
            room,
            user,
            role: WireRole::from(role),
            ext: EXT,
        };
        self.ask::<_, RoomDone>(&question).await?;
        self.forget_lists();
        Ok(())
    }

    pub(crate) async fn set_topic(
        self: &Arc<Self>,
        room: RoomId,
        topic: &str,
    ) -> Result<(), AskError> {
        let question = SetTopic {
            send_key: self.send_key(),
            room,
            topic: topic.to_owned(),
            ext: EXT,
        };
        self.ask::<_, RoomDone>(&question).await?;
        self.forget_lists();
        Ok(())
    }

    pub(super) async fn ask_members(
        self: &Arc<Self>,
        room: RoomId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<PageView<MemberView>, AskError> {
        let question = ListMembers {
            room,
            after,
            limit: limit.clamp(1, PAGE_ROWS),
            ext: EXT,
        };
        let Members {
            room: _,
            members,
            more,
            ext: _,
        } = self.ask(&question).await?;
        let people: Vec<PersonRow> = members
            .iter()
            .map(|member| member.person.clone().into())
            .collect();
        let rows = members.into_iter().map(|member| {
            let Member {
                person,
                role,
                online,
            } = member;
            let view = render::person(&person.into());
            MemberView {
                user: view.user,
                name: view.name,
                display_name: view.display_name,
                role: role.into(),
                presence: if online {
                    Presence::Online
                } else {
                    Presence::Offline
                },
            }
        });
        let rows = rows.collect();
        self.learn(people).await;
        Ok(PageView { rows, more })
    }

    /// The room that somebody wrote: an id, @person, or a name.
    pub(crate) async fn find_room(
        self: &Arc<Self>,
        written: &str,
    ) -> Result<RoomId, FindRoomError> {
        let written = written.trim();
        if let Ok(id) = written.parse() {
            return Ok(id);
        }
        if let Some(name) = written.strip_prefix('@') {
            return self.find_direct(name).await;
        }
        let name = written.strip_prefix('#').unwrap_or(written);
        let mut mine: Vec<RoomId> = {
            let state = self.state();
            let named = state
                .rooms
                .values()
                .filter(|room| room.row.direct_with.is_none());
            named
                .filter(|room| same_name(&room.row.name, name))
                .map(|room| room.row.room)
                .collect()
        };
        mine.sort_unstable();
        match mine[..] {
            [one] => Ok(one),
            [] => self.find_public(name).await,
            _ => Err(FindRoomError::Ambiguous {
                name: name.to_owned(),
                rooms: mine,
            }),
        }
    }

    async fn find_direct(self: &Arc<Self>, name: &str) -> Result<RoomId, FindRoomError> {
        let known = {
            let state = self.state();
            let person = state
                .people
                .values()
                .find(|person| same_name(&person.name, name));
            person.map(|person| person.user)
        };
        if let Some(user) = known {
            let state = self.state();
            let direct = state
                .rooms
                .values()
                .find(|room| room.row.direct_with == Some(user));
            if let Some(room) = direct {
                return Ok(room.row.room);
            }
        }
        let nobody = || FindRoomError::NoSuchPerson(name.to_owned());
        let user = match known {
            Some(user) => user,
            None => self
                .find_people(&[name.to_owned()])
                .await?
                .first()
                .map(|person| person.user)
                .ok_or_else(nobody)?,
        };
        match self.open_direct(user).await.map_err(OpenDirectError::from) {
            Ok(room) => Ok(room),
            Err(OpenDirectError::NoSuchPerson(_)) => Err(nobody()),
            Err(OpenDirectError::TooManyRooms(refusal)) => Err(AskError::Refused(refusal).into()),
            Err(OpenDirectError::Ask(error)) => Err(error.into()),
        }
    }

    pub(crate) async fn redeem(
        self: &Arc<Self>,
        link: &JoinLink,
    ) -> Result<Vec<RoomId>, RedeemError> {
        let account = self.state().me().cloned().ok_or(AskError::NotLoggedIn)?;
        if !account.is_at(link) {
            return Err(RedeemError::OtherServer {
                link: link.server.to_string(),
                name: account.name,
                server: account.server.to_string(),
            });
        }
        let question = RedeemInvite {
            code: link.code.clone(),
            ext: EXT,
        };
        let Redeemed { rooms, ext: _ } = self.ask(&question).await?;
        self.listed(&rooms).await;
        Ok(rooms)
    }

    pub(crate) async fn sessions(self: &Arc<Self>) -> Result<Vec<SessionView>, AskError> {
        let Sessions { sessions, ext: _ } = self.ask(&ListSessions { ext: EXT }).await?;
        let views = sessions.into_iter().map(|session| {
            let Session {
                id,
                device,
                made_at_ms,
                seen_at_ms,
                address,
                current,
            } = session;
            let device = crate::text::sanitize_line(&device, 96);
            SessionView {
                id,
                device,
                made_at_ms,
                seen_at_ms,
                address,
                current,
            }
        });
        Ok(views.collect())
    }

    pub(crate) async fn revoke_session(
        self: &Arc<Self>,
        session: SessionId,
    ) -> Result<(), AskError> {
        self.ask::<_, Done>(&RevokeSession { session, ext: EXT })
            .await
            .map(drop)
    }

    pub(crate) async fn change_password(
        self: &Arc<Self>,
        old: &str,
        new: &str,
    ) -> Result<(), AskError> {
        let question = ChangePassword {
            old: Password(old.to_owned()),
            new: Password(new.to_owned()),
            ext: EXT,
        };
        self.ask::<_, Done>(&question).await.map(drop)
    }

    pub(crate) async fn create_invite(
        self: &Arc<Self>,
        invite: NewInvite,
    ) -> Result<InviteView, AskError> {
        let NewInvite {
            rooms,
            uses,
            life_ms,
        } = invite;
        let question = CreateInvite {
            rooms,
            uses,
            life_ms,
            ext: EXT,
        };
        let Invite {
            code,
            link,
            expires_at_ms,
            ext: _,
        } = self.ask(&question).await?;
        Ok(InviteView {
            code,
            link,
            expires_at_ms,
        })
    }
}

/// As people type names; the server alone decides which names look alike.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}
