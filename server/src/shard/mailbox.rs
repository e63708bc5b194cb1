//! What the core tells the shard, step by step.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::limit::IDLE_MS;
use parlor_protocol::room::Head;
use parlor_protocol::signal::PresenceState;
use parlor_protocol::sync::UserBatch;
use parlor_protocol::{Code, Extensions, Refusal, RoomId, SessionId, UserId, frame};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::hub::Depth;
use super::state::{Shard, State};
use super::{Committed, Lane, LinkRef, ReplyAddress, RoomCommitted, ToShard, Who};
use crate::store::{ReaderChange, UserAppended};

/// Messages handled before writing what they made due: bounds one pause of the shard.
const BURST: usize = 64;

/// Works the mailbox off until the last sender is gone.
pub(super) async fn run(shard: Rc<Shard>, mut mailbox: mpsc::Receiver<ToShard>) {
    let mut messages = Vec::with_capacity(BURST);
    while mailbox.recv_many(&mut messages, BURST).await > 0 {
        shard.step(|state| {
            messages
                .drain(..)
                .for_each(|message| state.handle(message, &shard))
        });
    }
}

impl State {
    fn handle(&mut self, message: ToShard, shard: &Shard) {
        match message {
            ToShard::Reply {
                to,
                frame,
                members_of,
            } => self.answer(to, frame, members_of),
            ToShard::Committed(committed) => self.committed(*committed, shard),
            ToShard::Identified { link, who } => self.identified(link, who),
            ToShard::Entered { link, reply, rooms } => self.entered(link, reply, rooms, shard),
            ToShard::NotEntered { link, reply } => self.not_entered(link, reply),
            ToShard::Activate {
                link,
                room: _,
                head,
            } => drop(self.activate(link, head)),
            ToShard::User(user) => self.user_appended(&user),
            ToShard::EndSessions {
                user,
                sessions,
                but,
                code,
            } => self.end_sessions(user, sessions, but, code),
            ToShard::Drain { done } => super::run::drain(self, shard, done),
        }
    }

    pub(crate) fn answer(&mut self, to: ReplyAddress, frame: Bytes, members_of: Option<RoomId>) {
        let gone = members_of.is_some_and(|room| !self.has_room(to.link, room));
        let frame = if gone {
            frame::encode(to.request, &Refusal::new(Code::NOT_FOUND))
        } else {
            frame
        };
        if let Some(link) = self.link(to.link) {
            link.answered(to.weight);
        }
        self.reply(to.link, to.lane, frame);
    }

    fn committed(&mut self, committed: Committed, shard: &Shard) {
        // First what a commit gives its senders to see, so that a removed person's link is closed
        // to the room before the remover is told.
        for room in committed.rooms {
            self.room_committed(room, shard);
        }
        for user in &committed.users {
            self.user_appended(user);
        }
        for (to, frame) in committed.replies {
            self.answer(to, frame, None);
        }
    }

    fn room_committed(&mut self, room: RoomCommitted, shard: &Shard) {
        let RoomCommitted {
            head,
            before,
            direct,
            frames,
            readers,
        } = room;
        if let Some(slot) = self.hub.slot(head.room) {
            let queued = self.fan_out(slot, &frames);
            shard.core.metrics.deliveries.add(queued);
            if let Some(room) = self.hub.get_mut(slot) {
                room.head = head;
                room.ring.push(before, head.rev, frames);
            }
        }
        match readers {
            ReaderChange::None => {}
            ReaderChange::Joined(people) => {
                for user in people {
                    self.links_of(user)
                        .to_vec()
                        .into_iter()
                        .for_each(|index| self.join(index, head, direct));
                }
            }
            ReaderChange::Left(user) => {
                self.links_of(user)
                    .to_vec()
                    .into_iter()
                    .for_each(|index| self.leave(index, head.room));
            }
        }
    }

    fn user_appended(&mut self, appended: &UserAppended) {
        let links = self.links_of(appended.user).to_vec();
        if links.is_empty() {
            return;
        }
        let UserAppended {
            user: _,
            before,
            rev,
            entries,
        } = appended.clone();
        let frame = frame::encode(
            0,
            &UserBatch {
                before,
                rev,
                entries,
                ext: Extensions::NONE,
            },
        );
        links
            .into_iter()
            .for_each(|index| self.push_user(index, &frame, rev));
    }

    fn identified(&mut self, at: LinkRef, who: Who) {
        let user = who.user;
        if let Some(link) = self.link(at) {
            link.who = Some(who);
            self.identify(at, user);
        }
    }

    fn entered(&mut self, at: LinkRef, reply: Bytes, rooms: Vec<(Head, bool)>, shard: &Shard) {
        let Some(link) = self.link(at) else { return };
        // Rooms left since the list was read stay left.
        let left = std::mem::take(&mut link.left);
        link.entered = true;
        let user = link.who.as_ref().map(|who| who.user);
        link.reply(Lane::Control, reply);
        if let Some(decision) = link.decision.take() {
            let _ = decision.send(true);
        }
        link.rooms.reserve_exact(rooms.len());
        for (head, direct) in rooms
            .into_iter()
            .filter(|(head, _)| !left.contains(&head.room))
        {
            self.join(at.index, head, direct);
        }
        if let Some(user) = user {
            self.presences.came(user, PresenceState::ONLINE);
            shard.core.set_online(user, true);
        }
        shard.core.metrics.entered.add(1);
        self.mark(at.index);
    }

    fn not_entered(&mut self, at: LinkRef, reply: Bytes) {
        self.unidentify(at);
        if let Some(link) = self.link(at) {
            link.reply(Lane::Control, reply);
            if let Some(decision) = link.decision.take() {
                let _ = decision.send(false);
            }
        }
        self.mark(at.index);
    }

    fn end_sessions(
        &mut self,
        user: UserId,
        sessions: Option<Vec<SessionId>>,
        but: Option<SessionId>,
        code: Code,
    ) {
        for index in self.links_of(user).to_vec() {
            let Some(link) = self.links.get(index as usize) else {
                continue;
            };
            let ends = link.who.as_ref().is_some_and(|who| {
                Some(who.session) != but
                    && sessions
                        .as_ref()
                        .is_none_or(|sessions| sessions.contains(&who.session))
            });
            if ends {
                self.end(index, code);
            }
        }
    }

    /// Ends a link that has last words to say: nothing more is pushed or read.
    fn end(&mut self, index: u32, code: Code) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        if link.entered {
            link.entered = false;
            link.ended = true;
            let connection = link.connection.clone();
            spawn_local(async move {
                let _ = timeout(LAST_WORDS, connection.closed()).await;
                connection.close(code, code.text());
            });
        }
    }

    /// Heads only from here on; a room that is being opened is not opened after all.
    pub(crate) fn close_room(&mut self, at: LinkRef, room: RoomId) {
        if let Some(link) = self.link(at) {
            link.opening.retain(|other| *other != room);
        }
        self.set_depth(at.index, room, Depth::Light);
    }
}

/// Time for the last reply of an ended link to leave.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long a presence digest is good for; repeated at half of it.
pub(super) const PRESENCE_LIFE_MS: u64 = IDLE_MS as u64;
