//! Every request, every role, every kind of room: who may do what, against one table. To who is
//! outside, a room that is not theirs answers like one that is not there.

mod cast;
mod tries;

use std::time::Duration;

use parlor_protocol::frame::encode;
use parlor_protocol::kind::Way;
use parlor_protocol::room::RoomKind;
use parlor_protocol::{Code, Kind, RoomId};
use parlor_testkit::ask;
use parlor_testkit::hostile::Hostile;

use self::cast::{As, Cast, DIRECT, GROUP};
use self::tries::Try::{self, *};
use crate::common::open_server;

/// What came of a try, as the table writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// `y`: it was done, and shows.
    Done,
    /// `h`: it was answered, and nothing of the room shows.
    Hidden,
    /// `.`: there is no such room, word for word as where there is none.
    NotThere,
    /// `f`: the role does not allow it.
    Forbidden,
    /// `d`: a direct room has no such thing.
    NotForDirect,
    /// `l`: the last owner stays.
    LastOwner,
    /// Anything else: the table knows no such thing.
    Other(Code),
}

impl Came {
    fn of(letter: char) -> Self {
        match letter {
            'y' => Self::Done,
            'h' => Self::Hidden,
            '.' => Self::NotThere,
            'f' => Self::Forbidden,
            'd' => Self::NotForDirect,
            'l' => Self::LastOwner,
            other => panic!("{other:?} is no outcome"),
        }
    }

    fn refused(code: Code) -> Self {
        match code {
            Code::NOT_FOUND => Self::NotThere,
            Code::FORBIDDEN => Self::Forbidden,
            Code::NOT_FOR_DIRECT => Self::NotForDirect,
            Code::LAST_OWNER => Self::LastOwner,
            other => Self::Other(other),
        }
    }
}

/// The roles stand in the order of [`GROUP`] and [`DIRECT`]: outside are a stranger, an
/// administrator of the server, and (S A R) who was removed; inside member, moderator, owner.
#[rustfmt::skip]
const TABLE: [(Try, &str, &str, &str); 26] = [
    // try           public      private     direct
    //               SAR mMO     SAR mMO     SA m
    (Post,          "... yyy",  "... yyy",  ".. y"),
    (PutText,       "fff yyy",  "... yyy",  ".. y"),
    (Mark,          "fff yyy",  "... yyy",  ".. y"),
    (Page,          "yyy yyy",  "... yyy",  ".. y"),
    (GetText,       "yyy yyy",  "... yyy",  ".. y"),
    (Open,          "yyy yyy",  "... yyy",  ".. y"),
    (Close,         "yyy yyy",  "yyy yyy",  "yy y"),
    (Changes,       "yyy yyy",  "... yyy",  ".. y"),
    (Members,       "yyy yyy",  "... yyy",  ".. y"),
    (JoinById,      "yyy yyy",  "... yyy",  ".. y"),
    (JoinByName,    "yyy yyy",  "... ...",  ".. ."),
    (Leave,         "... yyl",  "... yyl",  ".. d"),
    (Add,           "fff yyy",  "... yyy",  ".. f"),
    (Invite,        "fff yyy",  "... yyy",  ".. f"),
    (Remove,        "... fyy",  "... fyy",  ".. d"),
    (SetRole,       "... ffy",  "... ffy",  ".. d"),
    (SetTopic,      "... fyy",  "... fyy",  ".. d"),
    (Directory,     "yyy yyy",  "hhh hhh",  "hh h"),
    (OwnList,       "hhh yyy",  "hhh yyy",  "hh y"),
    (Direct,        "hhh hhh",  "hhh hhh",  "hh y"),
    (Redeem,        "yyy yyy",  "yyy yyy",  "-- -"),
    (Type,          "hhh yyy",  "hhh yyy",  "hh y"),
    (BeAway,        "hhh yyy",  "hhh yyy",  "hh y"),
    (HearMessages,  "yyy yyy",  "hhh yyy",  "hh y"),
    (HearTyping,    "yyy yyy",  "hhh yyy",  "hh y"),
    (HearPresence,  "yyy yyy",  "hhh yyy",  "hh y"),
];

/// Requests that name no room and tell of none.
const OF_NO_ROOM: [Kind; 11] = [
    Kind::HELLO,
    Kind::LOG_IN,
    Kind::REGISTER,
    Kind::ENTER,
    Kind::PING,
    Kind::LOG_OUT,
    Kind::LIST_SESSIONS,
    Kind::REVOKE_SESSION,
    Kind::CHANGE_PASSWORD,
    Kind::FIND_PEOPLE,
    Kind::CREATE_ROOM,
];

#[tokio::test]
async fn every_request_of_every_role_in_every_kind_of_room_comes_as_the_table_says() {
    let server = open_server().await;
    let mut cast = Cast::gather(&server).await;
    let mut wrong = Vec::new();
    for (what, public, private, direct) in TABLE {
        for (kind, row) in [
            (RoomKind::PUBLIC, public),
            (RoomKind::PRIVATE, private),
            (RoomKind::DIRECT, direct),
        ] {
            let roles: &[As] = match kind {
                RoomKind::DIRECT => &DIRECT,
                _ => &GROUP,
            };
            let letters: Vec<char> = row.chars().filter(|it| *it != ' ').collect();
            assert_eq!(letters.len(), roles.len(), "{what:?} in {kind:?}");
            let scene = cast.set(kind, &format!("{what:?} {}", kind.0)).await;
            for (role, letter) in roles.iter().zip(letters) {
                if letter == '-' {
                    continue;
                }
                let due = Came::of(letter);
                let came = what.by(&mut cast, *role, &scene, due).await;
                if came != due {
                    wrong.push(format!(
                        "{what:?} by {role:?} in {kind:?}: {came:?}, not {due:?}"
                    ));
                }
                if came == Came::NotThere && !what.is_like_nowhere(&mut cast, *role, &scene).await {
                    wrong.push(format!(
                        "{what:?} by {role:?} in {kind:?} answers otherwise than where no room is"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_holds_every_request_and_signal_of_a_client() {
    let asked = |kind| TABLE.iter().any(|(what, ..)| what.kind() == kind);
    for (kind, name, way, _) in Kind::TABLE {
        // Digests are what the server makes of the signals.
        let of_server = [Kind::TYPING_DIGEST, Kind::PRESENCE_DIGEST].contains(kind);
        let of_client = matches!(way, Way::Request | Way::Signal) && !of_server;
        let known = asked(*kind) || OF_NO_ROOM.contains(kind);
        assert_eq!(known, of_client, "{name}");
    }
}

#[tokio::test]
async fn nobody_asks_anything_before_entering() {
    let server = open_server().await;
    let at = (
        std::net::Ipv4Addr::LOCALHOST,
        server.server.address().port(),
    )
        .into();
    let room = RoomId::new();
    for bytes in [
        encode(
            1,
            &ask::page(room, parlor_protocol::message::Place::NEWEST, 0, 10),
        ),
        encode(1, &ask::open(room, None, 10)),
        encode(1, &ask::changes(room, 0)),
        encode(1, &ask::members(room, None, 10)),
        encode(1, &ask::join(room)),
        encode(1, &ask::rooms("", 10)),
        encode(1, &ask::people(&["ada"])),
        encode(1, &ask::mark(room, 1)),
        encode(1, &ask::create_room(RoomKind::PUBLIC, "mine")),
        encode(1, &ask::invite(vec![room], 1, 0)),
        encode(1, &ask::get_text(room, 1)),
    ] {
        let stranger = Hostile::connect(at).await;
        let mut stream = stranger.stream().await;
        stream.write(&bytes).await;
        let cut = stranger.cut(Duration::from_secs(10)).await.unwrap();
        assert!(
            [Code::UNEXPECTED, Code::NOT_ENTERED].contains(&cut.code),
            "{cut:?}"
        );
    }
}
