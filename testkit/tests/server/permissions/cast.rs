//! The people of the table and the rooms they are tried in.

use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{RoomId, UserId};
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::TestServer;

use crate::common::{device, gone};

/// Who tries something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Stranger,
    /// Of the server; no member.
    Administrator,
    /// Was a member, and was removed.
    Removed,
    Member,
    Moderator,
    Owner,
}

pub(crate) const GROUP: [As; 6] = [
    As::Stranger,
    As::Administrator,
    As::Removed,
    As::Member,
    As::Moderator,
    As::Owner,
];
pub(crate) const DIRECT: [As; 3] = [As::Stranger, As::Administrator, As::Member];

/// A text that is kept apart from its message, in every room.
pub(crate) const LONG: &str = "a long text, of which the message shows the beginning";

/// Everybody on a device of their own.
pub(crate) struct Cast {
    administrator: Device,
    stranger: Device,
    removed: Device,
    member: Device,
    moderator: Device,
    owner: Device,
    /// A member whom things are done to.
    pub(crate) tom: Device,
    /// A member who looks on.
    tess: Device,
    /// Somebody whom a room may be opened to.
    pub(crate) newcomer: UserId,
}

/// A room to try something in.
pub(crate) struct Scene {
    pub(crate) room: RoomId,
    pub(crate) kind: RoomKind,
    pub(crate) name: String,
    /// The message whose text is [`LONG`].
    pub(crate) long_seq: u64,
    /// A code that opens it; empty where none can be made.
    pub(crate) code: String,
}

impl Cast {
    pub(crate) async fn gather(server: &TestServer) -> Self {
        // The first account is the administrator's.
        let administrator = server.owner("ada").await;
        let administrator = device(server, &administrator).await;
        let mut others = Vec::new();
        for name in ["stan", "rhea", "mel", "mona", "olga", "tom", "tess"] {
            let person = server.register(name, "").await;
            others.push(device(server, &person).await);
        }
        let newcomer = server.register("nia", "").await.user;
        let others: [Device; 7] = others.try_into().unwrap();
        let [stranger, removed, member, moderator, owner, tom, tess] = others;
        Self {
            administrator,
            stranger,
            removed,
            member,
            moderator,
            owner,
            tom,
            tess,
            newcomer,
        }
    }

    pub(crate) fn of(&mut self, role: As) -> &mut Device {
        match role {
            As::Stranger => &mut self.stranger,
            As::Administrator => &mut self.administrator,
            As::Removed => &mut self.removed,
            As::Member => &mut self.member,
            As::Moderator => &mut self.moderator,
            As::Owner => &mut self.owner,
        }
    }

    /// Who tries, the member whose signal marks the end of a wait, and the onlooker; in a direct
    /// room there are two people only.
    pub(crate) fn parts(&mut self, role: As, kind: RoomKind) -> (&Device, &Device, &mut Device) {
        let who = match role {
            As::Stranger => &self.stranger,
            As::Administrator => &self.administrator,
            As::Removed => &self.removed,
            As::Member => &self.member,
            As::Moderator => &self.moderator,
            As::Owner => &self.owner,
        };
        match kind {
            RoomKind::DIRECT => (who, &self.member, &mut self.tom),
            _ => (who, &self.tom, &mut self.tess),
        }
    }

    /// A new room with everybody in their place; of two people there is one room only.
    pub(crate) async fn set(&mut self, kind: RoomKind, name: &str) -> Scene {
        let mut code = String::new();
        let room = match kind {
            RoomKind::DIRECT => {
                let with = self.tom.user();
                self.member.done(&ask::open_direct(with)).await.room
            }
            _ => {
                let room = self.group(kind, name).await;
                let invite: parlor_protocol::account::Invite =
                    self.owner.ask(&ask::invite(vec![room], 0, 0)).await;
                code = invite.code;
                room
            }
        };
        let put = ask::put_text(room, LONG);
        self.tom.link.put_text(&put, LONG.into()).await.unwrap();
        let posted: parlor_protocol::message::Posted =
            self.tom.ask(&ask::post_long(room, LONG)).await;
        Scene {
            room,
            kind,
            name: name.to_owned(),
            long_seq: posted.seq,
            code,
        }
    }

    async fn group(&mut self, kind: RoomKind, name: &str) -> RoomId {
        let owner = &self.owner;
        let room = owner.done(&ask::create_room(kind, name)).await.room;
        for other in [
            &self.removed,
            &self.member,
            &self.moderator,
            &self.tom,
            &self.tess,
        ] {
            owner.done(&ask::add(room, other.user())).await;
        }
        let moderator = ask::set_role(room, self.moderator.user(), Role::MODERATOR);
        owner.done(&moderator).await;
        owner.done(&ask::remove(room, self.removed.user())).await;
        gone(&mut self.removed, room).await;
        room
    }

    /// Tom is a plain member again, whatever was done to him.
    pub(crate) async fn bring_tom_back(&mut self, scene: &Scene) {
        if scene.kind != RoomKind::DIRECT {
            let (room, tom) = (scene.room, self.tom.user());
            self.owner.done(&ask::add(room, tom)).await;
            self.owner
                .done(&ask::set_role(room, tom, Role::MEMBER))
                .await;
        }
    }
}
