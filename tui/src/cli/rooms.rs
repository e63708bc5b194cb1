//! Rooms: list, make, invite into.

use parlor_client_core::api::{
    Core, ListingView, NewInvite, NewRoom, PageView, RoomKind, RoomView,
};
use parlor_client_core::text::{display_width, sanitize_line};
use serde_json::json;

use super::arguments::{Arguments, Create, Invite, Rooms};
use super::failure::Failure;
use super::output::{line, say};
use super::session::{self, Reach};

/// Rooms asked for at once from the directory.
const PAGE: u16 = 100;
/// Pages of the directory at most: 10,000 rooms, as far as a name is looked for.
const MAX_PAGES: usize = 100;
/// Columns of the list's names at most.
const NAME_COLUMNS: usize = 32;
const HOUR_MS: u64 = 3_600_000;

pub(super) async fn list(given: &Arguments, rooms: &Rooms) -> Result<(), Failure> {
    let reach = match rooms.offline {
        true => Reach::Stored,
        false => Reach::Server,
    };
    let core = session::enter(given, reach).await?;
    if rooms.all {
        directory(given, &core).await?;
    } else {
        for room in core.rooms() {
            own(given, &room)?;
        }
    }
    core.close().await;
    Ok(())
}

/// The directory, page by page, as far as it is bounded.
async fn directory(given: &Arguments, core: &Core) -> Result<(), Failure> {
    let mut after = String::new();
    for _ in 0..MAX_PAGES {
        let page = core.directory(&after, PAGE).await?;
        for room in &page.rows {
            listing(given, room)?;
        }
        match following(&after, &page) {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
    say(&format!(
        "There are more than these {} rooms: join the others by name or id.",
        MAX_PAGES * usize::from(PAGE)
    ));
    Ok(())
}

/// The name to go on behind; `None` at the end, and where a server's answer does not move on.
fn following(after: &str, page: &PageView<ListingView>) -> Option<String> {
    let last = page.rows.last().filter(|_| page.more)?;
    (last.name != after).then(|| last.name.clone())
}

fn own(given: &Arguments, room: &RoomView) -> Result<(), Failure> {
    if given.json {
        return line(&as_json(room).to_string());
    }
    let mark = match room.kind {
        RoomKind::Direct => "@",
        _ => "#",
    };
    let title = padded(&format!("{mark}{}", room.title));
    let unread = match (room.unread, room.mentioned) {
        (0, _) => String::new(),
        (unread, false) => format!("{unread} unread"),
        (unread, true) => format!("{unread} unread, you are mentioned"),
    };
    line(format!("{title}  {unread}").trim_end())
}

fn listing(given: &Arguments, room: &ListingView) -> Result<(), Failure> {
    if given.json {
        let object = json!({
            "room": room.id.to_string(),
            "name": room.name,
            "topic": room.topic,
            "members": room.members,
            "joined": room.joined,
        });
        return line(&object.to_string());
    }
    let title = padded(&format!("#{}", room.name));
    let topic = sanitize_line(&room.topic, NAME_COLUMNS * 2);
    line(format!("{title}  {:>5}  {topic}", room.members).trim_end())
}

fn padded(title: &str) -> String {
    let mut title = sanitize_line(title, NAME_COLUMNS);
    let missing = NAME_COLUMNS.saturating_sub(display_width(&title));
    title.extend(std::iter::repeat_n(' ', missing));
    title
}

fn as_json(room: &RoomView) -> serde_json::Value {
    json!({
        "room": room.id.to_string(),
        "kind": kind(room.kind),
        "name": room.title,
        "topic": room.topic,
        "unread": room.unread,
        "mentioned": room.mentioned,
        "head": room.head,
        "floor": room.floor,
        "read": room.read,
        "members": room.members,
        "unsent": room.unsent,
    })
}

fn kind(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Public => "public",
        RoomKind::Private => "private",
        RoomKind::Direct => "direct",
        RoomKind::Other(_) => "other",
    }
}

pub(super) async fn create(given: &Arguments, create: &Create) -> Result<(), Failure> {
    let core = session::enter(given, Reach::Server).await?;
    let kind = match create.private {
        true => RoomKind::Private,
        false => RoomKind::Public,
    };
    let room = core
        .create_room(NewRoom {
            kind,
            name: create.name.clone(),
            topic: create.topic.clone(),
        })
        .await?;
    core.close().await;
    match given.json {
        true => line(&json!({ "room": room.to_string(), "name": create.name }).to_string()),
        false => line(&room.to_string()),
    }
}

pub(super) async fn invite(given: &Arguments, invite: &Invite) -> Result<(), Failure> {
    let core = session::enter(given, Reach::Server).await?;
    let mut rooms = Vec::with_capacity(invite.rooms.len());
    for written in &invite.rooms {
        rooms.push(session::room(&core, given, written).await?);
    }
    let made = core
        .create_invite(NewInvite {
            rooms,
            uses: invite.uses,
            life_ms: u64::from(invite.hours) * HOUR_MS,
        })
        .await?;
    core.close().await;
    match given.json {
        true => line(
            &json!({ "link": made.link, "code": made.code, "expires_at_ms": made.expires_at_ms })
                .to_string(),
        ),
        false => line(&made.link),
    }
}

#[cfg(test)]
mod tests {
    use parlor_client_core::api::RoomId;

    use super::*;

    #[test]
    fn the_directory_ends_at_its_end_and_where_it_does_not_move_on() {
        let page = |names: &[&str], more| PageView {
            rows: names.iter().map(|name| named(name)).collect(),
            more,
        };
        assert_eq!(following("", &page(&["a", "b"], true)), Some("b".into()));
        assert_eq!(following("b", &page(&["c"], false)), None);
        assert_eq!(following("b", &page(&[], true)), None);
        assert_eq!(following("b", &page(&["a", "b"], true)), None, "stuck");
    }

    fn named(name: &str) -> ListingView {
        ListingView {
            id: RoomId::new(),
            name: name.to_owned(),
            topic: String::new(),
            members: 0,
            joined: false,
        }
    }
}
