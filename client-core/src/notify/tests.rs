use super::{Decision, Incoming, Level, MAX_SHOWN, Quiet, Reason, Setting, Shown, decide};

const MESSAGE: Incoming = Incoming {
    seq: 10,
    own: false,
    names_me: false,
    names_room: false,
    blocked: false,
};
const NAMED: Incoming = Incoming {
    names_me: true,
    ..MESSAGE
};
const AT_ROOM: Incoming = Incoming {
    names_room: true,
    ..MESSAGE
};
const OWN: Incoming = Incoming { own: true, ..NAMED };
const BLOCKED: Incoming = Incoming {
    blocked: true,
    ..NAMED
};

const ROOM: Setting = Setting {
    direct: false,
    level: Level::Mentions,
    muted: false,
    read_marker: 9,
    watched: false,
};
const DIRECT: Setting = Setting {
    direct: true,
    ..ROOM
};
const EVERY: Setting = Setting {
    level: Level::All,
    ..ROOM
};
const NO_LEVEL: Setting = Setting {
    level: Level::None,
    ..ROOM
};
const MUTED: Setting = Setting {
    muted: true,
    ..EVERY
};
const WATCHED: Setting = Setting {
    watched: true,
    ..EVERY
};
const READ: Setting = Setting {
    read_marker: 10,
    ..EVERY
};

#[test]
fn each_case_is_decided_as_people_expect() {
    use Decision::{Mark, Nothing, Notify};
    #[rustfmt::skip]
    let table = [
        // message, room, do not disturb, decision, why
        (MESSAGE, ROOM,     false, Mark(None),                 "talk that names nobody only counts as unread"),
        (NAMED,   ROOM,     false, Notify(Reason::Named),      "a mention by name notifies"),
        (AT_ROOM, ROOM,     false, Notify(Reason::Room),       "so does @room"),
        (MESSAGE, DIRECT,   false, Notify(Reason::Direct),     "and a direct message"),
        (NAMED,   DIRECT,   false, Notify(Reason::Named),      "of two reasons the name is the stronger"),
        (MESSAGE, EVERY,    false, Notify(Reason::Every),      "level all notifies for everything"),
        (NAMED,   EVERY,    false, Notify(Reason::Named),      "and keeps the better reason"),
        (NAMED,   NO_LEVEL, false, Mark(Some(Reason::Named)),  "level none marks the mention, silently"),
        (AT_ROOM, NO_LEVEL, false, Mark(Some(Reason::Room)),   "and @room"),
        (MESSAGE, MUTED,    false, Nothing(Quiet::Muted),      "a muted room does not even look unread"),
        (AT_ROOM, MUTED,    false, Nothing(Quiet::Muted),      "@room does not get through"),
        (NAMED,   MUTED,    false, Mark(Some(Reason::Named)),  "a name leaves a mark"),
        (MESSAGE, Setting { direct: true, ..MUTED }, false, Nothing(Quiet::Muted), "muted direct rooms are silent"),
        (NAMED,   EVERY,    true,  Mark(Some(Reason::Named)),  "do not disturb: marks stay"),
        (MESSAGE, EVERY,    true,  Mark(None),                 "and plain unread"),
        (OWN,     EVERY,    false, Nothing(Quiet::Own),        "one's own words, though they hold one's name"),
        (BLOCKED, EVERY,    false, Nothing(Quiet::Blocked),    "a blocked person cannot ring"),
        (NAMED,   WATCHED,  false, Nothing(Quiet::Watched),    "what is being looked at"),
        (NAMED,   READ,     false, Nothing(Quiet::Read),       "what another device has read"),
        (OWN,     READ,     true,  Nothing(Quiet::Read),       "read state is asked first"),
    ];
    for (message, room, do_not_disturb, expected, why) in table {
        assert_eq!(decide(message, room, do_not_disturb), expected, "{why}");
    }
}

#[test]
fn reading_anywhere_withdraws_what_was_raised() {
    let mut shown = Shown::new();
    for (timeline, seq) in [('a', 3), ('b', 7), ('a', 5), ('a', 9)] {
        assert_eq!(shown.raised(timeline, seq), None);
    }
    assert_eq!(shown.read('a', 5), [3, 5]);
    assert!(shown.read('a', 5).is_empty());
    assert!(shown.read('b', 6).is_empty());
    assert!(shown.removed('b', 7));
    assert!(!shown.removed('b', 7));
    assert_eq!(shown.left('a'), [9]);
    assert!(shown.is_empty());
}

#[test]
fn the_oldest_makes_room_for_the_newest() {
    let mut shown = Shown::new();
    for seq in 1..=MAX_SHOWN as u64 {
        assert_eq!(shown.raised('a', seq), None);
        assert_eq!(shown.raised('a', seq), None);
    }
    assert_eq!(shown.raised('a', 1_000), Some(('a', 1)));
    assert_eq!(shown.len(), MAX_SHOWN);
}
