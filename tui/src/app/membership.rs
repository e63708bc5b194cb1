//! Who belongs to a room, as slash commands change it.

use parlor_client_core::api::{Core, NewInvite, PersonView, Role, RoomId};

use super::perform::{Told, text};

/// A join link into the room, for one person.
pub(super) async fn link(core: &Core, room: RoomId) -> Told {
    let made = core
        .create_invite(NewInvite {
            rooms: vec![room],
            uses: 1,
            life_ms: 0,
        })
        .await;
    let link = made.map_err(text)?.link;
    Ok(Some(format!("For one person: {link}")))
}

pub(super) async fn add(core: &Core, room: RoomId, name: &str) -> Told {
    let person = find(core, name).await?;
    core.add_member(room, person.user).await.map_err(text)?;
    Ok(Some(format!("{} is in now.", person.display_name)))
}

pub(super) async fn remove(core: &Core, room: RoomId, name: &str) -> Told {
    let person = find(core, name).await?;
    if core.whoami().map_err(text)?.user == person.user {
        return Err("that is you: /leave is how you go".to_owned());
    }
    core.remove_member(room, person.user).await.map_err(text)?;
    Ok(Some(format!("{} is out now.", person.display_name)))
}

pub(super) async fn set_role(core: &Core, room: RoomId, name: &str, role: Role) -> Told {
    let person = find(core, name).await?;
    core.set_role(room, person.user, role).await.map_err(text)?;
    let what = match role {
        Role::Owner => "an owner",
        Role::Moderator => "a moderator",
        Role::Member | Role::None => "a member like any other",
    };
    Ok(Some(format!("{} is {what} here now.", person.display_name)))
}

async fn find(core: &Core, name: &str) -> Result<PersonView, String> {
    let found = core.find_people(&[name.to_owned()]).await.map_err(text)?;
    let nobody = || format!("there is nobody called {name} here");
    found.into_iter().next().ok_or_else(nobody)
}
