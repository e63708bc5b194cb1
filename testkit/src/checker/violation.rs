//! What can be wrong with a run, one variant a rule, each with the ids to look it up by.

use parlor_protocol::{RoomId, SendKey, UserId};
use strum::EnumDiscriminants;

use super::event::MemberChange;
use super::place::Place;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, EnumDiscriminants)]
#[strum_discriminants(
    name(ViolationKind),
    derive(PartialOrd, Ord, Hash),
    doc = "Which promise was broken, without the ids."
)]
#[allow(missing_docs)]
pub enum Violation {
    // The database by itself.
    #[error("{from}: the database holds no row there, nor up to seq {to}; seqs are gapless")]
    SeqMissing { from: Place, to: u64 },
    #[error("{place}: the database holds two rows there")]
    SeqTwice { place: Place },
    #[error("{place}: a row outside floor {floor} to head {head}")]
    SeqOutside { place: Place, floor: u64, head: u64 },
    #[error("{place}: the database holds the message {send_key} of {author} there and at {other}")]
    SendKeyTwice {
        place: Place,
        other: Place,
        author: UserId,
        send_key: SendKey,
    },
    #[error("{place}: committed at {at_ms} ms, before the seq below it at {before_ms} ms")]
    TimeWentBack {
        place: Place,
        at_ms: u64,
        before_ms: u64,
    },
    #[error("{place}: has rev {rev}, as {other} has")]
    RevTwice {
        place: Place,
        other: Place,
        rev: u64,
    },
    #[error("{place}: has rev {rev}, but its room's rev is {head}")]
    RevBeyondHead { place: Place, rev: u64, head: u64 },
    #[error("{place}: was committed at rev {rev}, before the seq below it at rev {before}")]
    RevOrder { place: Place, rev: u64, before: u64 },
    #[error("{place}: {author} has clients with a history, but none ever sent {send_key}")]
    NeverSent {
        place: Place,
        author: UserId,
        send_key: SendKey,
    },
    #[error("{place}: {client} sent {send_key} to timeline {timeline} of room {room}")]
    CommittedElsewhere {
        place: Place,
        client: String,
        send_key: SendKey,
        room: RoomId,
        timeline: u64,
    },
    #[error("{place}: the text of {send_key} is not what {client} sent")]
    CommittedBytesDiffer {
        place: Place,
        client: String,
        send_key: SendKey,
    },

    // What senders were told.
    #[error("{client}: sent {send_key} twice, with another text or to another place")]
    SendKeyReused { client: String, send_key: SendKey },
    #[error("{client}: {send_key} was acknowledged but never sent")]
    AcknowledgedNeverSent { client: String, send_key: SendKey },
    #[error("{client}: {send_key} was acknowledged as {place}, rev {rev}, but is not committed")]
    AcknowledgedMissing {
        client: String,
        send_key: SendKey,
        place: Place,
        rev: u64,
    },
    #[error("{client}: {send_key} was acknowledged as {place} but is committed as {found}")]
    AcknowledgedElsewhere {
        client: String,
        send_key: SendKey,
        place: Place,
        found: Place,
    },
    #[error("{client}: {place} was acknowledged with rev {rev} but was committed with {found}")]
    AcknowledgedRevDiffers {
        client: String,
        place: Place,
        rev: u64,
        found: u64,
    },
    #[error("{client}: {send_key} was acknowledged as {place} and also as {other}")]
    AcknowledgedTwice {
        client: String,
        send_key: SendKey,
        place: Place,
        other: Place,
    },
    #[error("{client}: {send_key} was refused but is committed as {place}")]
    RefusedButCommitted {
        client: String,
        send_key: SendKey,
        place: Place,
    },
    #[error("{client}: {send_key} was neither acknowledged nor refused, with time enough for it")]
    NeverSettled { client: String, send_key: SendKey },
    #[error(
        "{client}: sent {later} after {earlier}, but {later_place} stands before {earlier_place}"
    )]
    SenderOrder {
        client: String,
        earlier: SendKey,
        earlier_place: Place,
        later: SendKey,
        later_place: Place,
    },
    #[error("{client}: {send_key} is committed as {place}, its predecessor {after} is not")]
    PredecessorMissing {
        client: String,
        send_key: SendKey,
        place: Place,
        after: SendKey,
    },

    // What receivers were given.
    #[error("{client}: was given {place} at rev {rev}, which is not committed")]
    DeliveredNotCommitted {
        client: String,
        place: Place,
        rev: u64,
    },
    #[error(
        "{client}: was given {send_key} of {author} as {place}; another message is committed there"
    )]
    DeliveredOther {
        client: String,
        place: Place,
        author: UserId,
        send_key: SendKey,
    },
    #[error("{client}: was given {place} at rev {rev} with other bytes than were sent")]
    DeliveredBytesDiffer {
        client: String,
        place: Place,
        rev: u64,
    },
    #[error("{client}: was given {place} at rev {rev}; its rev in the database is {found}")]
    DeliveredRevDiffers {
        client: String,
        place: Place,
        rev: u64,
        found: u64,
    },
    #[error("{client}: applied {place} at rev {rev} twice")]
    DeliveredTwice {
        client: String,
        place: Place,
        rev: u64,
    },
    #[error("{client}: applied {place} at rev {rev} when it held rev {held} already")]
    RevNotAscending {
        client: String,
        place: Place,
        rev: u64,
        held: u64,
    },
    #[error("{client}: went on to rev {passed_to} without {place}, which stands at rev {rev}")]
    EntryMissed {
        client: String,
        place: Place,
        rev: u64,
        passed_to: u64,
    },
    #[error("{client} was given {place} at rev {rev} of epoch {epoch}, {other} another thing")]
    ClientsDisagree {
        client: String,
        other: String,
        place: Place,
        rev: u64,
        epoch: u64,
    },
    #[error("{client}: was given {place} at rev {rev}, but {user} was removed at rev {removed_at}")]
    DeliveredAfterRemoval {
        client: String,
        user: UserId,
        place: Place,
        rev: u64,
        removed_at: u64,
    },
    #[error(
        "room {room}: {user} {change} at rev {rev} by acknowledgement, but not in the database"
    )]
    MembershipLost {
        room: RoomId,
        user: UserId,
        change: MemberChange,
        rev: u64,
    },
    #[error(
        "{client}: {user}'s marker at {place} was acknowledged, the database has it at {found}"
    )]
    MarkerLost {
        client: String,
        user: UserId,
        place: Place,
        found: u64,
    },
    #[error("{place}: the marker of {user} stands beyond head {head}")]
    MarkerBeyondHead {
        user: UserId,
        place: Place,
        head: u64,
    },

    // What clients hold in the end.
    #[error("{client}: holds epoch {epoch}, the database has {found}")]
    ViewEpochDiffers {
        client: String,
        epoch: u64,
        found: u64,
    },
    #[error("{client}: does not list room {room}, of which {user} is a member")]
    ViewRoomMissing {
        client: String,
        user: UserId,
        room: RoomId,
    },
    #[error("{client}: holds {rows} rows of room {room}, of which {user} is no member")]
    ViewRoomForbidden {
        client: String,
        user: UserId,
        room: RoomId,
        rows: u64,
    },
    #[error("{client}: holds room {room} at rev {rev}, the database at {found}")]
    ViewRevDiffers {
        client: String,
        room: RoomId,
        rev: u64,
        found: u64,
    },
    #[error("{client}: takes {place} for the newest, the database has {found}")]
    ViewHeadDiffers {
        client: String,
        place: Place,
        found: u64,
    },
    #[error("{client}: lacks {from} up to seq {to}, which it should hold")]
    ViewRowMissing {
        client: String,
        from: Place,
        to: u64,
    },
    #[error("{client}: holds {place}, which the database does not")]
    ViewRowUnknown { client: String, place: Place },
    #[error("{client}: holds {place} twice")]
    ViewRowTwice { client: String, place: Place },
    #[error("{client}: holds {place} with another {what} than the database")]
    ViewRowDiffers {
        client: String,
        place: Place,
        what: &'static str,
    },
    #[error("{client}: holds {place}, but {user} may see seqs from {visible_from} on")]
    ViewRowForbidden {
        client: String,
        user: UserId,
        place: Place,
        visible_from: u64,
    },
}
