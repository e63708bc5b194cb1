//! What a command does, or why it is refused.

use parlor_protocol::limit::{
    ROOM_NAME_CHARS, ROOMS_PER_USER, TEXT_BYTES, TEXT_INLINE_BYTES, TEXT_PREVIEW_BYTES, TOPIC_CHARS,
};
use parlor_protocol::message::{LongText, Timeline};
use parlor_protocol::room::{Role, RoomKind};
use parlor_protocol::{Code, Refusal, RoomId, SendKey, UserId};

use super::{Action, First, Membership, RoomState, allowed, fingerprint, send_key};
use crate::store::{Change, Committed, RoomCommand, RoomName};

/// What must be known to decide; looked up under the same lock that the effect is written under.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The command's room ([`super::room_of`]), if there is one.
    pub room: Option<&'a RoomState>,
    /// What the sender's key was used for before.
    pub first: Option<&'a First>,
    /// The sender's key that a post names as its predecessor is known.
    pub after_known: bool,
    pub actor: Option<PersonFacts>,
    /// The other person that the command names, if any.
    pub target: Option<PersonFacts>,
    /// A public room of that folded name exists.
    pub name_taken: bool,
    /// The long text of the post was uploaded.
    pub long_known: bool,
    pub now_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonFacts {
    pub disabled: bool,
    /// Rooms that the person is a member of.
    pub rooms: usize,
}

/// What happens. A room's state carries it out by [`RoomState::apply`].
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// It happened before: the first result again.
    Repeat(Committed),
    /// It is so already.
    Nothing,
    Post {
        timeline: Timeline,
        author: UserId,
        seq: u64,
        at_ms: u64,
    },
    /// The room begins, with these people.
    Create {
        people: Vec<(UserId, Role)>,
    },
    Come {
        user: UserId,
        role: Role,
    },
    Go {
        user: UserId,
    },
    Role {
        user: UserId,
        role: Role,
    },
    Topic {
        topic: String,
    },
}

/// Decides one command. Refusals leave no trace: the same send key may be used again.
pub fn decide(facts: &Facts<'_>, command: &RoomCommand) -> Result<Effect, Refusal> {
    if let Some(first) = facts.first {
        return repeat(first, command);
    }
    send_key::check_unknown(command.send_key, facts.now_ms)?;
    let Some(actor) = facts.actor else {
        return Err(Refusal::new(Code::SESSION_ENDED));
    };
    if actor.disabled {
        return Err(Refusal::new(Code::ACCOUNT_DISABLED));
    }
    match &command.change {
        Change::Create { kind, name, topic } => create(facts, actor, command, *kind, name, topic),
        Change::CreateDirect { with } => create_direct(facts, actor, command.actor, *with),
        change => {
            let room = facts.room.ok_or_else(not_found)?;
            in_room(facts, actor, room, command, change)
        }
    }
}

fn repeat(first: &First, command: &RoomCommand) -> Result<Effect, Refusal> {
    if first.what != fingerprint(command) {
        return Err(Refusal::new(Code::SEND_KEY_REUSED));
    }
    Ok(Effect::Repeat(Committed {
        repeated: true,
        ..first.committed
    }))
}

fn in_room(
    facts: &Facts<'_>,
    actor: PersonFacts,
    room: &RoomState,
    command: &RoomCommand,
    change: &Change,
) -> Result<Effect, Refusal> {
    let me = command.actor;
    match change {
        Change::Post {
            timeline,
            after,
            text,
            long,
        } => {
            let member = must(room, me, Action::Post)?;
            post(facts, room, member, me, *timeline, *after, text, *long)
        }
        Change::Join => join(room, me, actor),
        Change::Admit if room.kind == RoomKind::DIRECT => Err(not_found()),
        Change::Admit => come(room, me, actor, ""),
        Change::Leave => {
            must(room, me, Action::Leave)?;
            go(room, me)
        }
        Change::Add { user } => {
            must(room, me, Action::Add)?;
            let person = known_person(facts.target)?;
            come(
                room,
                *user,
                person,
                "That person is in as many rooms as one can be.",
            )
        }
        Change::Remove { user } => remove(room, me, *user),
        Change::SetRole { user, role } => set_role(room, me, *user, *role),
        Change::SetTopic { topic } => {
            must(room, me, Action::SetTopic)?;
            check_topic(topic)?;
            if room.topic == *topic {
                return Ok(Effect::Nothing);
            }
            Ok(Effect::Topic {
                topic: topic.clone(),
            })
        }
        Change::Create { .. } | Change::CreateDirect { .. } => Err(not_found()),
    }
}

fn create(
    facts: &Facts<'_>,
    actor: PersonFacts,
    command: &RoomCommand,
    kind: RoomKind,
    name: &RoomName,
    topic: &str,
) -> Result<Effect, Refusal> {
    if kind == RoomKind::DIRECT {
        return Err(Refusal::with_text(
            Code::NOT_FOR_DIRECT,
            "A direct room is opened with a person, not created.",
        ));
    }
    if kind != RoomKind::PUBLIC && kind != RoomKind::PRIVATE {
        return Err(Refusal::with_text(
            Code::UNSUPPORTED,
            "This server does not know that kind of room.",
        ));
    }
    let chars = name.shown.chars().count();
    if !ROOM_NAME_CHARS.contains(&chars)
        || name.shown.chars().any(char::is_control)
        || name.folded.is_empty()
    {
        return Err(Refusal::new(Code::ROOM_NAME_INVALID));
    }
    check_topic(topic)?;
    if kind == RoomKind::PUBLIC && facts.name_taken {
        return Err(Refusal::new(Code::ROOM_NAME_TAKEN));
    }
    has_place(actor, "")?;
    if facts.room.is_some() {
        return Err(Refusal::with_text(
            Code::MALFORMED,
            "That room id is in use.",
        ));
    }
    Ok(Effect::Create {
        people: vec![(command.actor, Role::OWNER)],
    })
}

fn create_direct(
    facts: &Facts<'_>,
    actor: PersonFacts,
    me: UserId,
    with: UserId,
) -> Result<Effect, Refusal> {
    if me == with {
        return Err(Refusal::with_text(
            Code::NOT_FOR_DIRECT,
            "A direct room is between two people.",
        ));
    }
    let person = known_person(facts.target)?;
    if facts.room.is_some() {
        return Ok(Effect::Nothing);
    }
    has_place(actor, "")?;
    has_place(person, "That person is in as many rooms as one can be.")?;
    Ok(Effect::Create {
        people: vec![(me, Role::MEMBER), (with, Role::MEMBER)],
    })
}

#[allow(clippy::too_many_arguments)]
fn post(
    facts: &Facts<'_>,
    room: &RoomState,
    member: &Membership,
    author: UserId,
    timeline: Timeline,
    after: Option<SendKey>,
    text: &str,
    long: Option<LongText>,
) -> Result<Effect, Refusal> {
    if timeline != Timeline::ROOM
        && (!room.own.holds(timeline.0) || timeline.0 < member.visible_from)
    {
        return Err(Refusal::with_text(
            Code::NOT_FOUND,
            "There is no message that this thread could hang from.",
        ));
    }
    check_text(text, long, facts.long_known)?;
    if after.is_some() && !facts.after_known {
        return Err(Refusal::new(Code::OUT_OF_ORDER));
    }
    let place = room.timeline(timeline);
    Ok(Effect::Post {
        timeline,
        author,
        seq: place.head + 1,
        at_ms: facts.now_ms.max(place.last_at_ms),
    })
}

fn check_text(text: &str, long: Option<LongText>, long_known: bool) -> Result<(), Refusal> {
    if text.as_bytes().contains(&0) {
        return Err(Refusal::new(Code::TEXT_HAS_NUL));
    }
    let Some(long) = long else {
        return match text.len() {
            0 => Err(Refusal::new(Code::TEXT_EMPTY)),
            bytes if bytes > TEXT_INLINE_BYTES => Err(Refusal::with_text(
                Code::TOO_LARGE,
                format!("A text above {TEXT_INLINE_BYTES} bytes is uploaded first, then named."),
            )),
            _ => Ok(()),
        };
    };
    if long.bytes as usize > TEXT_BYTES {
        return Err(Refusal::new(Code::TEXT_TOO_LONG));
    }
    if text.len() > TEXT_PREVIEW_BYTES {
        return Err(Refusal::with_text(
            Code::TOO_LARGE,
            format!("The preview of a long text is at most {TEXT_PREVIEW_BYTES} bytes."),
        ));
    }
    if !long_known {
        return Err(Refusal::new(Code::TEXT_MISSING));
    }
    Ok(())
}

fn join(room: &RoomState, me: UserId, actor: PersonFacts) -> Result<Effect, Refusal> {
    if !allowed(Action::Join, room.role(me), room.kind) {
        return Err(not_found());
    }
    come(room, me, actor, "")
}

fn come(
    room: &RoomState,
    user: UserId,
    person: PersonFacts,
    full: &str,
) -> Result<Effect, Refusal> {
    if room.member(user).is_some() {
        return Ok(Effect::Nothing);
    }
    has_place(person, full)?;
    // A room that everyone has left begins anew with whoever comes: some member owns it.
    let role = if room.member_count == 0 {
        Role::OWNER
    } else {
        Role::MEMBER
    };
    Ok(Effect::Come { user, role })
}

fn remove(room: &RoomState, me: UserId, user: UserId) -> Result<Effect, Refusal> {
    if me == user {
        must(room, me, Action::Leave)?;
        return go(room, user);
    }
    let mine = must(room, me, Action::Remove)?.role;
    let theirs = room.role(user);
    if theirs == Role::NONE {
        return Err(Refusal::with_text(
            Code::NO_SUCH_PERSON,
            "That person is not in this room.",
        ));
    }
    if mine <= theirs && mine < Role::OWNER {
        return Err(Refusal::new(Code::FORBIDDEN));
    }
    go(room, user)
}

/// The last owner stays while others do; whoever is alone may go, and the room stays behind.
fn go(room: &RoomState, user: UserId) -> Result<Effect, Refusal> {
    if room.role(user) == Role::OWNER && room.owner_count == 1 && room.member_count > 1 {
        return Err(Refusal::new(Code::LAST_OWNER));
    }
    Ok(Effect::Go { user })
}

fn set_role(room: &RoomState, me: UserId, user: UserId, role: Role) -> Result<Effect, Refusal> {
    must(room, me, Action::SetRole)?;
    if ![Role::MEMBER, Role::MODERATOR, Role::OWNER].contains(&role) {
        return Err(Refusal::with_text(
            Code::MALFORMED,
            "A role is member, moderator or owner.",
        ));
    }
    let now = room.role(user);
    if now == Role::NONE {
        return Err(Refusal::with_text(
            Code::NO_SUCH_PERSON,
            "That person is not in this room.",
        ));
    }
    if now == role {
        return Ok(Effect::Nothing);
    }
    if now == Role::OWNER && room.owner_count == 1 {
        return Err(Refusal::new(Code::LAST_OWNER));
    }
    Ok(Effect::Role { user, role })
}

/// The membership of someone who may do it. Who is no member hears that there is no such room.
fn must(room: &RoomState, user: UserId, action: Action) -> Result<&Membership, Refusal> {
    let member = room.member(user).ok_or_else(not_found)?;
    if allowed(action, member.role, room.kind) {
        return Ok(member);
    }
    Err(Refusal::new(if room.kind == RoomKind::DIRECT {
        Code::NOT_FOR_DIRECT
    } else {
        Code::FORBIDDEN
    }))
}

fn known_person(person: Option<PersonFacts>) -> Result<PersonFacts, Refusal> {
    person
        .filter(|person| !person.disabled)
        .ok_or_else(|| Refusal::new(Code::NO_SUCH_PERSON))
}

fn has_place(person: PersonFacts, full: &str) -> Result<(), Refusal> {
    if person.rooms < ROOMS_PER_USER {
        return Ok(());
    }
    Err(match full {
        "" => Refusal::new(Code::TOO_MANY_ROOMS),
        text => Refusal::with_text(Code::TOO_MANY_ROOMS, text),
    })
}

fn check_topic(topic: &str) -> Result<(), Refusal> {
    if topic.chars().count() > TOPIC_CHARS || topic.chars().any(char::is_control) {
        return Err(Refusal::new(Code::TOPIC_INVALID));
    }
    Ok(())
}

fn not_found() -> Refusal {
    Refusal::new(Code::NOT_FOUND)
}

/// The person besides the actor that a command names.
pub(crate) fn target_of(change: &Change) -> Option<UserId> {
    match change {
        Change::CreateDirect { with: user }
        | Change::Add { user }
        | Change::Remove { user }
        | Change::SetRole { user, .. } => Some(*user),
        Change::Post { .. }
        | Change::Create { .. }
        | Change::Join
        | Change::Leave
        | Change::Admit
        | Change::SetTopic { .. } => None,
    }
}

/// The state that a room begins with.
pub(crate) fn beginning(room: RoomId, change: &Change) -> Option<RoomState> {
    match change {
        Change::Create { kind, name, topic } => {
            Some(RoomState::new(room, *kind, name.clone(), topic.clone()))
        }
        Change::CreateDirect { .. } => {
            let name = RoomName {
                shown: String::new(),
                folded: String::new(),
            };
            Some(RoomState::new(room, RoomKind::DIRECT, name, String::new()))
        }
        _ => None,
    }
}
