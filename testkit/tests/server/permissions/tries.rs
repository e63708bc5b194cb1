//! One try of the table.

use parlor_client_core::net::{BulkError, LinkEvent};
use parlor_protocol::account::{Invite, RedeemInvite, Redeemed};
use parlor_protocol::hello::Done;
use parlor_protocol::message::{Page, Place, Posted};
use parlor_protocol::room::{Members, Role, RoomDone, Rooms};
use parlor_protocol::signal::{PresenceDigest, PresenceState, TypingDigest};
use parlor_protocol::sync::{Heads, RoomBatch, RoomChanges, RoomOpened, UserEntry};
use parlor_protocol::{Body, Extensions, Kind, Refusal, RoomId, UserId};
use parlor_testkit::ask;
use parlor_testkit::device::Device;

use super::Came;
use super::cast::{As, Cast, LONG, Scene};

/// What somebody tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    Post,
    PutText,
    Mark,
    Page,
    GetText,
    Open,
    Close,
    Changes,
    Members,
    JoinById,
    JoinByName,
    Leave,
    Add,
    Invite,
    Remove,
    SetRole,
    SetTopic,
    /// Whether the directory shows the room.
    Directory,
    /// Whether one's own list of rooms does.
    OwnList,
    /// Whether opening a direct room with Tom gives this one.
    Direct,
    /// With a code that somebody made who may.
    Redeem,
    /// Whether others see one type, and go away.
    Type,
    BeAway,
    /// Whether one who opens the room, if let, hears what happens in it.
    HearMessages,
    HearTyping,
    HearPresence,
}

/// Rounds in which a signal must be seen: a datagram may be lost.
const ROUNDS: usize = 5;

type Tried = Result<(), Refusal>;

impl Try {
    /// The request or signal that is tried.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Post => Kind::POST,
            Self::PutText => Kind::PUT_TEXT,
            Self::Mark => Kind::MARK,
            Self::Page => Kind::GET_PAGE,
            Self::GetText => Kind::GET_TEXT,
            Self::Open | Self::HearMessages | Self::HearTyping | Self::HearPresence => {
                Kind::OPEN_ROOM
            }
            Self::Close => Kind::CLOSE_ROOM,
            Self::Changes => Kind::GET_CHANGES,
            Self::Members => Kind::LIST_MEMBERS,
            Self::JoinById | Self::JoinByName => Kind::JOIN_ROOM,
            Self::Leave => Kind::LEAVE_ROOM,
            Self::Add => Kind::ADD_MEMBER,
            Self::Invite => Kind::CREATE_INVITE,
            Self::Remove => Kind::REMOVE_MEMBER,
            Self::SetRole => Kind::SET_ROLE,
            Self::SetTopic => Kind::SET_TOPIC,
            Self::Directory => Kind::LIST_ROOMS,
            Self::OwnList => Kind::SYNC_USER,
            Self::Direct => Kind::OPEN_DIRECT,
            Self::Redeem => Kind::REDEEM_INVITE,
            Self::Type => Kind::TYPING,
            Self::BeAway => Kind::PRESENCE,
        }
    }

    /// Tries it and says what came; `due` only decides how long a signal is looked for.
    pub(crate) async fn by(self, cast: &mut Cast, role: As, scene: &Scene, due: Came) -> Came {
        let room = scene.room;
        if matches!(self, Self::Remove | Self::SetRole) {
            cast.bring_tom_back(scene).await;
        }
        let tom = cast.tom.user();
        match self {
            Self::Directory => shows(in_directory(cast.of(role), room).await),
            Self::OwnList => shows(in_own_list(cast.of(role), room).await),
            Self::Direct => {
                let done = cast.of(role).done(&ask::open_direct(tom)).await;
                shows(done.room == room)
            }
            Self::Type | Self::BeAway => shows(self.is_seen(cast, role, scene, due).await),
            Self::HearMessages | Self::HearTyping | Self::HearPresence => {
                shows(self.is_heard(cast, role, scene, due).await)
            }
            _ => match self.ask(cast, role, scene, room, &scene.name).await {
                Ok(()) => Came::Done,
                Err(refusal) => Came::refused(refusal.code),
            },
        }
    }

    /// Whether the refusal is the same, word for word, as where there is no room at all.
    pub(crate) async fn is_like_nowhere(self, cast: &mut Cast, role: As, scene: &Scene) -> bool {
        let here = self.ask(cast, role, scene, scene.room, &scene.name).await;
        let nowhere = self
            .ask(cast, role, scene, RoomId::new(), "no such room")
            .await;
        here == nowhere
    }

    async fn ask(
        self,
        cast: &mut Cast,
        role: As,
        scene: &Scene,
        room: RoomId,
        name: &str,
    ) -> Tried {
        let (tom, newcomer) = (cast.tom.user(), cast.newcomer);
        let who = cast.of(role);
        match self {
            Self::Post => tried::<_, Posted>(who, &ask::post(room, "let me in")).await,
            Self::PutText => {
                let put = ask::put_text(room, LONG);
                bulk(who.link.put_text(&put, LONG.into()).await)
            }
            Self::GetText => {
                let get = ask::get_text(room, scene.long_seq);
                let got = who.link.get_text(&get).await;
                bulk(got.map(|text| assert_eq!(text, LONG.as_bytes())))
            }
            Self::Mark => tried::<_, Done>(who, &ask::mark(room, 1)).await,
            Self::Page => {
                let page = ask::page(room, Place::NEWEST, 0, 10);
                let page: Page = who.try_ask(&page).await?;
                assert!(page.messages.iter().any(|it| it.seq == scene.long_seq));
                Ok(())
            }
            Self::Open => tried::<_, RoomOpened>(who, &ask::open(room, None, 10)).await,
            Self::Close => tried::<_, Done>(who, &ask::close(room)).await,
            Self::Changes => tried::<_, RoomChanges>(who, &ask::changes(room, 0)).await,
            Self::Members => tried::<_, Members>(who, &ask::members(room, None, 10)).await,
            Self::JoinById => tried::<_, RoomDone>(who, &ask::join(room)).await,
            Self::JoinByName => tried::<_, RoomDone>(who, &ask::join_by_name(name)).await,
            Self::Leave => tried::<_, RoomDone>(who, &ask::leave(room)).await,
            Self::Add => tried::<_, RoomDone>(who, &ask::add(room, newcomer)).await,
            Self::Invite => tried::<_, Invite>(who, &ask::invite(vec![room], 1, 0)).await,
            Self::Remove => tried::<_, RoomDone>(who, &ask::remove(room, tom)).await,
            Self::SetRole => {
                let set = ask::set_role(room, tom, Role::MODERATOR);
                tried::<_, RoomDone>(who, &set).await
            }
            Self::SetTopic => tried::<_, RoomDone>(who, &ask::set_topic(room, "mine")).await,
            Self::Redeem => {
                let redeem = RedeemInvite {
                    code: scene.code.clone(),
                    ext: Extensions::NONE,
                };
                let redeemed: Redeemed = who.try_ask(&redeem).await?;
                assert_eq!(redeemed.rooms, [room]);
                Ok(())
            }
            Self::Directory
            | Self::OwnList
            | Self::Direct
            | Self::Type
            | Self::BeAway
            | Self::HearMessages
            | Self::HearTyping
            | Self::HearPresence => unreachable!("{self:?} is no plain request"),
        }
    }

    /// Whether the onlooker sees the signal, up to a later one of a member.
    async fn is_seen(self, cast: &mut Cast, role: As, scene: &Scene, due: Came) -> bool {
        let who = cast.of(role).user();
        let rounds = if due == Came::Done { ROUNDS } else { 1 };
        for _ in 0..rounds {
            let (signaller, marker, onlooker) = cast.parts(role, scene.kind);
            onlooker.open(scene.room).await;
            self.signal(signaller, scene.room, true);
            round_trip(signaller).await;
            // By the time this one is seen, the other one would be.
            let marked = marker.user();
            self.signal(marker, scene.room, true);
            let seen = self.look(onlooker, scene.room, marked, true).await;
            self.signal(signaller, scene.room, false);
            round_trip(signaller).await;
            self.signal(marker, scene.room, false);
            self.look(onlooker, scene.room, marked, false).await;
            if seen.contains(&who) {
                return true;
            }
        }
        false
    }

    fn signal(self, who: &Device, room: RoomId, on: bool) {
        let sent = match self {
            Self::Type | Self::HearTyping => who.link.signal(&ask::typing(room, on)),
            _ => {
                let state = match on {
                    true => PresenceState::AWAY,
                    false => PresenceState::ONLINE,
                };
                who.link.signal(&ask::presence(state))
            }
        };
        assert!(sent);
    }

    /// Everybody in the state by the digest that has the marker in it.
    async fn look(self, by: &mut Device, room: RoomId, marker: UserId, on: bool) -> Vec<UserId> {
        loop {
            let people = match self {
                Self::Type | Self::HearTyping => {
                    let digest: TypingDigest = by.push().await;
                    let people = (digest.room == room).then_some(digest.people);
                    if !on && people.as_ref().is_some_and(|it| !it.contains(&marker)) {
                        return Vec::new();
                    }
                    people.filter(|_| on)
                }
                _ => {
                    let wanted = match on {
                        true => PresenceState::AWAY,
                        false => PresenceState::ONLINE,
                    };
                    let digest: PresenceDigest = by.push().await;
                    let people = digest.people.iter().filter(|it| it.state == wanted);
                    let people = people.map(|it| it.user).collect();
                    (digest.room == room).then_some(people)
                }
            };
            if let Some(people) = people.filter(|it| it.contains(&marker)) {
                return people;
            }
        }
    }

    /// Whether one who opens the room hears what a member does, which the onlooker hears.
    async fn is_heard(self, cast: &mut Cast, role: As, scene: &Scene, due: Came) -> bool {
        let room = scene.room;
        let opened: Result<RoomOpened, _> = cast.of(role).try_ask(&ask::open(room, None, 10)).await;
        if opened.is_ok() != (due == Came::Done) {
            return opened.is_ok();
        }
        cast.of(role).waiting();
        for _ in 0..ROUNDS {
            let (_, marker, onlooker) = cast.parts(role, scene.kind);
            let marked = marker.user();
            onlooker.open(room).await;
            match self {
                Self::HearMessages => {
                    marker.post(room, "only for who is here").await;
                    onlooker.message(room).await;
                }
                _ => {
                    self.signal(marker, room, true);
                    self.look(onlooker, room, marked, true).await;
                    self.signal(marker, room, false);
                    self.look(onlooker, room, marked, false).await;
                }
            }
            let listener = cast.of(role);
            round_trip(listener).await;
            let heard = heard_of(room, listener.waiting());
            if due == Came::Done {
                if heard.contains(&self.brought()) {
                    return true;
                }
                continue;
            }
            return !heard.is_empty();
        }
        false
    }

    fn brought(self) -> Kind {
        match self {
            Self::HearTyping => Kind::TYPING_DIGEST,
            Self::HearPresence => Kind::PRESENCE_DIGEST,
            _ => Kind::ROOM_BATCH,
        }
    }
}

fn shows(shown: bool) -> Came {
    if shown { Came::Done } else { Came::Hidden }
}

async fn tried<Q: Body, R: Body>(who: &Device, request: &Q) -> Tried {
    who.try_ask::<Q, R>(request).await.map(drop)
}

fn bulk<T>(done: Result<T, BulkError>) -> Tried {
    match done {
        Ok(_) => Ok(()),
        Err(BulkError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{error}"),
    }
}

/// What was sent before has arrived.
async fn round_trip(who: &Device) {
    let _: Rooms = who.ask(&ask::rooms("", 1)).await;
}

async fn in_directory(who: &Device, room: RoomId) -> bool {
    let mut after = String::new();
    loop {
        let page: Rooms = who.ask(&ask::rooms(&after, 50)).await;
        if page.rooms.iter().any(|it| it.room == room) {
            return true;
        }
        match page.rooms.last() {
            Some(last) if page.more => after.clone_from(&last.name),
            _ => return false,
        }
    }
}

/// By the list itself and by the heads that come with it, which must agree.
async fn in_own_list(who: &Device, room: RoomId) -> bool {
    let mine = who.all_of_mine().await;
    let entries = mine.entries.iter().filter_map(|it| it.open_user().ok());
    let listed = entries
        .into_iter()
        .any(|it| matches!(it, UserEntry::Room(it) if it.room == room));
    let headed = mine.heads.iter().any(|it| it.room == room);
    assert_eq!(listed, headed);
    listed
}

/// Types of all that a link brought of the room.
fn heard_of(room: RoomId, events: Vec<LinkEvent>) -> Vec<Kind> {
    let mut heard = Vec::new();
    for event in events {
        let (LinkEvent::Push(frame) | LinkEvent::Signal(frame)) = event else {
            continue;
        };
        let kind = frame.header.kind;
        let rooms: Vec<RoomId> = match kind {
            Kind::ROOM_BATCH => vec![frame.open::<RoomBatch>().unwrap().room],
            Kind::TYPING_DIGEST => vec![frame.open::<TypingDigest>().unwrap().room],
            Kind::PRESENCE_DIGEST => vec![frame.open::<PresenceDigest>().unwrap().room],
            Kind::HEADS => {
                let heads = frame.open::<Heads>().unwrap().heads;
                heads.iter().map(|head| head.room).collect()
            }
            _ => Vec::new(),
        };
        if rooms.contains(&room) {
            heard.push(kind);
        }
    }
    heard
}
