//! What deserves a notification, and when one that is shown must go.
//!
//! Read state comes first: what has been read, here or on another device, never
//! notifies, and a marker that passes a message withdraws what it raised.

mod shown;

#[cfg(test)]
mod tests;

pub use shown::{MAX_SHOWN, Shown};

/// What a person wants to hear of in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Every message.
    All,
    /// Only what names them or the whole room.
    Mentions,
    /// Nothing; unread is still counted.
    None,
}

/// A message as far as the rule cares.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    /// Its place in the timeline.
    pub seq: u64,
    /// Sent by this person, from whatever device.
    pub own: bool,
    /// Names this person.
    pub names_me: bool,
    /// Names the whole room (`@room`).
    pub names_room: bool,
    /// By somebody this person has blocked.
    pub blocked: bool,
}

/// The room as far as the rule cares.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// A direct room: everything in it is meant for this person.
    pub direct: bool,
    /// The chosen level.
    pub level: Level,
    /// Silenced: nothing makes a sound or stands in the list as unread, only a
    /// mention by name leaves a mark.
    pub muted: bool,
    /// The greatest seq read on any device.
    pub read_marker: u64,
    /// On screen, in front, and scrolled to the end: the message is being seen.
    pub watched: bool,
}

/// Why a message concerns the person, the strongest reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A direct message.
    Direct,
    /// They are named.
    Named,
    /// The room is named.
    Room,
    /// They want every message of the room.
    Every,
}

/// Why nothing is shown at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// At or below the read marker.
    Read,
    /// Their own.
    Own,
    /// By somebody they blocked.
    Blocked,
    /// In front of their eyes.
    Watched,
    /// In a muted room.
    Muted,
}

/// What to do with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Raise a notification.
    Notify(Reason),
    /// No notification, but mark the room: unread, and as a mention when the
    /// reason says so.
    Mark(Option<Reason>),
    /// Nothing.
    Nothing(Quiet),
}

/// Decides for one message. `do_not_disturb` holds for all rooms: marks stay,
/// notifications do not appear.
pub fn decide(message: Incoming, room: Setting, do_not_disturb: bool) -> Decision {
    if let Some(quiet) = nothing_to_say(message, room) {
        return Decision::Nothing(quiet);
    }
    let meant = meant_for_me(message, room);
    if room.muted {
        return match meant {
            Some(Reason::Named) => Decision::Mark(meant),
            _ => Decision::Nothing(Quiet::Muted),
        };
    }
    let wanted = match room.level {
        Level::All => Some(meant.unwrap_or(Reason::Every)),
        Level::Mentions => meant,
        Level::None => None,
    };
    match wanted {
        Some(reason) if !do_not_disturb => Decision::Notify(reason),
        _ => Decision::Mark(meant),
    }
}

fn nothing_to_say(message: Incoming, room: Setting) -> Option<Quiet> {
    if message.seq <= room.read_marker {
        Some(Quiet::Read)
    } else if message.own {
        Some(Quiet::Own)
    } else if message.blocked {
        Some(Quiet::Blocked)
    } else if room.watched {
        Some(Quiet::Watched)
    } else {
        None
    }
}

fn meant_for_me(message: Incoming, room: Setting) -> Option<Reason> {
    if message.names_me {
        Some(Reason::Named)
    } else if room.direct {
        Some(Reason::Direct)
    } else if message.names_room {
        Some(Reason::Room)
    } else {
        None
    }
}
