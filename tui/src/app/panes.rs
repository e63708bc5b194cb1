//! Who gets which part of the screen.

use ratatui::layout::Rect;

use super::talk::Focus;

/// Width below which the rooms are shown only while they have the focus.
const ROOMS_FROM: u16 = 72;
/// Width from which the members are shown unless they were put away.
pub(crate) const MEMBERS_FROM: u16 = 116;
/// Columns of the list of rooms, narrow and wide.
const ROOMS_COLUMNS: [u16; 2] = [20, 24];
const MEMBERS_COLUMNS: u16 = 22;
/// The composer takes at most this share of the height, per cent.
const COMPOSER_SHARE: u16 = 40;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Panes {
    pub(crate) rooms: Option<Rect>,
    /// Title and topic of the room.
    pub(crate) header: Rect,
    pub(crate) timeline: Rect,
    pub(crate) members: Option<Rect>,
    pub(crate) notice: Option<Rect>,
    pub(crate) state: Rect,
    pub(crate) composer: Rect,
}

/// What the panes depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    pub(crate) focus: Focus,
    pub(crate) members: bool,
    /// Rows of the composer's text.
    pub(crate) composer: usize,
    /// Rows of the notice; 0: there is none.
    pub(crate) notice: usize,
}

impl Panes {
    pub(crate) fn new(area: Rect, wants: Wants) -> Self {
        let most = (area.height * COMPOSER_SHARE / 100).max(1);
        let composer = u16::try_from(wants.composer)
            .unwrap_or(u16::MAX)
            .clamp(1, most);
        // It may not push the talk off a small screen.
        let notice = u16::try_from(wants.notice).unwrap_or(u16::MAX);
        let notice = notice.min((area.height / 4).max(1));
        let below = composer + 1 + notice;
        let main = Rect {
            height: area.height.saturating_sub(below),
            ..area
        };
        let line = |from_bottom: u16, height| Rect {
            y: area.bottom().saturating_sub(from_bottom),
            height,
            ..area
        };
        let (rooms, middle) = beside_rooms(main, wants.focus);
        let (members, middle) = beside_members(middle, area.width, wants);
        Self {
            rooms,
            header: Rect {
                height: middle.height.min(1),
                ..middle
            },
            timeline: Rect {
                y: middle.y + middle.height.min(2),
                height: middle.height.saturating_sub(2),
                ..middle
            },
            members,
            notice: (notice > 0).then(|| line(below, notice)),
            state: line(composer + 1, 1),
            composer: line(composer, composer),
        }
    }
}

/// The list of rooms and what is right of it, one column for the line between them.
fn beside_rooms(main: Rect, focus: Focus) -> (Option<Rect>, Rect) {
    let columns = ROOMS_COLUMNS[usize::from(main.width >= 100)];
    let narrow = main.width < ROOMS_FROM;
    if main.width < columns + 20 || narrow && focus != Focus::Rooms {
        return (None, main);
    }
    let rooms = Rect {
        width: columns,
        ..main
    };
    let rest = Rect {
        x: main.x + columns + 1,
        width: main.width - columns - 1,
        ..main
    };
    (Some(rooms), rest)
}

fn beside_members(middle: Rect, terminal: u16, wants: Wants) -> (Option<Rect>, Rect) {
    let narrow = terminal < ROOMS_FROM + MEMBERS_COLUMNS;
    let columns = MEMBERS_COLUMNS.min(middle.width / 2);
    if !wants.members || narrow && wants.focus != Focus::Members || middle.width < 30 {
        return (None, middle);
    }
    let members = Rect {
        x: middle.right() - columns,
        width: columns,
        ..middle
    };
    let rest = Rect {
        width: middle.width - columns - 1,
        ..middle
    };
    (Some(members), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_never_overlap_nor_leave_the_screen() {
        for width in (1..200).step_by(7) {
            for height in 1..40 {
                for (focus, members) in [
                    (Focus::Composer, false),
                    (Focus::Rooms, true),
                    (Focus::Members, true),
                ] {
                    let area = Rect::new(0, 0, width, height);
                    let wants = Wants {
                        focus,
                        members,
                        composer: 30,
                        notice: usize::from(width),
                    };
                    let panes = Panes::new(area, wants);
                    let all = [
                        panes.rooms,
                        Some(panes.timeline),
                        Some(panes.header),
                        panes.members,
                    ];
                    let all: Vec<Rect> = all.into_iter().flatten().collect();
                    for (at, one) in all.iter().enumerate() {
                        assert_eq!(one.intersection(area), *one, "{width}×{height} {panes:?}");
                        for other in &all[at + 1..] {
                            assert!(
                                !one.intersects(*other) || one.is_empty() || other.is_empty(),
                                "{width}×{height} {panes:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}
