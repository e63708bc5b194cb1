//! Who is in the room on screen.

use parlor_client_core::api::{MemberView, Presence, Role};
use parlor_client_core::text::sanitize_line;
use ratatui::layout::Rect;

use super::layer::Canvas;
use crate::theme::Token;

pub(crate) fn draw(area: Rect, scroll: usize, canvas: &mut Canvas<'_>) {
    let views = canvas.views;
    let Some(open) = &views.open else { return };
    let theme = canvas.theme;
    let title = match open.room.members {
        1 => "1 person".to_owned(),
        members => format!("{members} people"),
    };
    let quiet = theme.style(Token::Quiet);
    canvas.text(area.x + 1, area.y, area.width - 1, &title, quiet);
    let mut members: Vec<&MemberView> = open.members.iter().collect();
    members.sort_by_key(|member| {
        let presence = match presence(open, member) {
            Presence::Online => 0,
            Presence::Away => 1,
            Presence::Offline => 2,
        };
        (presence, member.display_name.to_lowercase())
    });
    let lines = area.y + 1..area.bottom();
    for (y, member) in lines.zip(members.into_iter().skip(scroll)) {
        let (mark, style) = match presence(open, member) {
            Presence::Online => ("●", theme.style(Token::Good)),
            Presence::Away => ("◐", theme.style(Token::Warn)),
            Presence::Offline => ("○", quiet),
        };
        canvas.text(area.x + 1, y, 1, mark, style);
        let role = match member.role {
            Role::Owner => " owner",
            Role::Moderator => " mod",
            Role::Member | Role::None => "",
        };
        let width = area.width.saturating_sub(4);
        let room = width.saturating_sub(role.len() as u16);
        let name = sanitize_line(&member.display_name, room.into());
        let taken = canvas.text(area.x + 3, y, room, &name, theme.person(member.user));
        canvas.text(
            area.x + 3 + taken,
            y,
            width.saturating_sub(taken),
            role,
            quiet,
        );
    }
}

/// The live signal where there is one, else what the list said.
fn presence(open: &super::views::OpenRoom, member: &MemberView) -> Presence {
    let mut people = open.presence.people.iter();
    let live = people.find(|(user, _)| *user == member.user);
    live.map_or(member.presence, |(_, presence)| *presence)
}
