//! What the core tells the shard, step by step.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use parlor_protocol::room::Head;
use parlor_protocol::signal::PresenceState;
use parlor_protocol::sync::UserBatch;
use parlor_protocol::{Code, Extensions, Refusal, RoomId, SessionId, UserId, frame};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::state::{Shard, State};
use super::{Committed, Core, Lane, LinkRef, ReplyAddress, ToShard, Who};
use crate::store::UserAppended;

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
    pub(super) fn handle(&mut self, message: ToShard, shard: &Shard) {
        match message {
            ToShard::Reply {
                to,
                frame,
                members_of,
            } => self.answer(to, frame, members_of),
            ToShard::Committed(committed) => self.committed(*committed, shard),
            ToShard::Identified { link, who } => self.identified(link, who, shard),
            ToShard::Entered {
                link,
                request,
                reply,
                rooms,
                rev,
            } => self.entered(link, request, reply, rooms, rev, shard),
            ToShard::NotEntered { link, reply } => self.not_entered(link, reply, shard),
            ToShard::Activate { wish, head, member } => drop(self.activate(wish, head, member)),
            ToShard::User(user) => self.user_appended(&user),
            ToShard::UserElsewhere(user) => self.user_elsewhere(&user, shard),
            ToShard::PresenceElsewhere { node, said } => self.presence_elsewhere(node, *said),
            ToShard::TypingElsewhere(said) => self.typing_elsewhere(&said, shard),
            ToShard::AskNodes => self.ask_nodes_anew(shard.core.steady_ms()),
            ToShard::WhoIsHere(answer) => drop(answer.send(self.who_is_here())),
            ToShard::Rooms { user, rev, rooms } => self.rooms_read(user, rev, rooms, shard),
            ToShard::EndSessions {
                user,
                sessions,
                but,
                code,
            } => self.end_sessions(user, sessions, but, code, shard),
            ToShard::GapRead { room, changes } => self.gap_read(room, changes, shard),
            ToShard::Reached(heads) => heads
                .into_iter()
                .for_each(|head| self.room_reached(head, shard)),
            ToShard::Probe(left) => self.probe(left, shard),
            ToShard::Drain { farewell, done } => super::leave::drain(self, farewell, done),
            ToShard::MoveAway {
                count,
                nodes,
                within,
            } => self.move_away(count, nodes, within),
        }
    }

    pub(crate) fn answer(&mut self, to: ReplyAddress, frame: Bytes, members_of: Option<RoomId>) {
        let gone = members_of.is_some_and(|room| !self.is_member(to.link, room));
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

    pub(super) fn user_appended(&mut self, appended: &UserAppended) {
        let links = self.links_of(appended.user).to_vec();
        if links.is_empty() {
            return;
        }
        self.follow_own(appended.user, appended.before, appended.rev);
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

    fn identified(&mut self, at: LinkRef, who: Who, shard: &Shard) {
        let user = who.user;
        let full = self.links_of(user).len() >= shard.core.config.link.per_person as usize;
        if let Some(link) = self.link(at) {
            link.who = Some(who);
            if full {
                shard.core.metrics.refused_links.add(1);
                link.turned_away = Some(Box::new(too_many_links()));
            }
            self.identify(at, user);
        }
    }

    fn entered(
        &mut self,
        at: LinkRef,
        request: u32,
        reply: Bytes,
        rooms: Vec<(Head, bool)>,
        rev: u64,
        shard: &Shard,
    ) {
        let Some(link) = self.link(at) else { return };
        if let Some(refusal) = link.turned_away.take() {
            return self.not_entered(at, frame::encode(request, &*refusal), shard);
        }
        // Rooms left since the list was read stay left.
        let left = std::mem::take(&mut link.left);
        link.entered = true;
        link.seen_ms = shard.core.now_ms();
        let user = link.who.as_ref().map(|who| who.user);
        link.reply(Lane::Control, reply);
        if let Some(decision) = link.decision.take() {
            let _ = decision.send(true);
        }
        link.rooms.reserve(rooms.len());
        let early: Vec<u32> = link.rooms.iter().map(|joined| joined.slot).collect();
        for slot in early {
            self.touch(slot, user);
        }
        for (head, direct) in rooms
            .into_iter()
            .filter(|(head, _)| !left.contains(&head.room))
        {
            self.join(at.index, head, direct);
        }
        if let Some(user) = user {
            self.begin_own(user, rev);
            self.presences.came(user, PresenceState::ONLINE);
            shard.core.set_online(user, true);
        }
        shard.core.metrics.entered.add(1);
        self.mark(at.index);
    }

    fn not_entered(&mut self, at: LinkRef, reply: Bytes, shard: &Shard) {
        self.unidentify(at, &shard.core);
        if let Some(link) = self.link(at) {
            link.turned_away = None;
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
        shard: &Shard,
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
                self.end(index, code, &shard.core);
            }
        }
    }

    /// Ends a link that has last words to say: nothing more is pushed or read. One whose entry is
    /// still being decided is refused when that is done.
    pub(super) fn end(&mut self, index: u32, code: Code, core: &Core) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        if link.entered {
            link.entered = false;
            link.ended = true;
            core.metrics.entered.add(-1);
            let connection = link.connection.clone();
            spawn_local(async move {
                let _ = timeout(LAST_WORDS, connection.closed()).await;
                connection.close(code, code.text());
            });
        } else if !link.ended {
            link.turned_away = Some(Box::new(Refusal::new(code)));
        }
    }
}

/// One more link than a person may have. They may come back by themselves: others may have ended.
fn too_many_links() -> Refusal {
    let text = "Too many devices or programs are connected to this account at once; close some.";
    Refusal::with_text(Code::BUSY, text).retry_after_ms(TOO_MANY_RETRY_MS)
}

/// Time for the last reply of an ended link to leave.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// When a person with too many links may try again, ms.
const TOO_MANY_RETRY_MS: u32 = 5_000;
