use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use parlor_client_core::api::{LinkState, Role, RoomId, Surroundings, Transport};
use ratatui::layout::Rect;

use super::{Focus, Talk};
use crate::app::action::{Action, Overlay, Scroll};
use crate::app::command::Command;
use crate::app::layer::{Input, Stage};
use crate::app::testing::{message, placed, play_talk, screen, views};
use crate::app::timeline::Shape;
use crate::app::views::Notice;

fn talk() -> Talk {
    let mut talk = Talk::default();
    talk.resize(Rect::new(0, 0, 80, 24));
    talk
}

fn general() -> RoomId {
    RoomId([1; 16])
}

#[test]
fn eighty_columns() {
    let mut views = views();
    let shape = Shape::new(59, 80);
    let said = vec![
        (
            message(1, 2, "Bruno", "Good morning, @ada"),
            Surroundings {
                day: Some(views.now.date()),
                ..Surroundings::default()
            },
        ),
        (
            message(2, 2, "Bruno", "Did the import get through?"),
            Surroundings {
                continues: true,
                ..Surroundings::default()
            },
        ),
        (
            message(3, 1, "Ada", "Every row. I counted **twice**."),
            Surroundings {
                first_unread: true,
                ..Surroundings::default()
            },
        ),
    ];
    views.open.as_mut().unwrap().screen = placed(said, shape);
    let expected = "\
▎#general           │  #general  What grows on the roof                 2 here
 #garden         @3 │
                    │
 @Bruno             │  ──────────────────────── Today ─────────────────────────
                    │  Bruno                                              10:42
                    │  Good morning, @ada
                    │  Did the import get through?
                    │  ───────────────────────── New ──────────────────────────
                    │  Ada                                                10:42
                    │  Every row. I counted twice.
                    │
                    │
 ● Connected · 12 ms            Ctrl-K rooms  F1 help  Esc read  Tab panes
› Message #general";
    let shown = screen(&mut talk(), &views, 80, 14);
    assert_eq!(squeezed(&shown), squeezed(expected), "\n{shown}\n");
}

/// Runs of blanks and of hairlines count as one: the test tells order and words, not columns.
fn squeezed(screen: &str) -> String {
    let mut out = String::new();
    for char in screen.chars() {
        if !(matches!(char, ' ' | '─') && out.ends_with(char)) {
            out.push(char);
        }
    }
    out
}

#[test]
fn what_is_typed_is_sent_and_kept_as_a_draft_meanwhile() {
    let (views, room) = (views(), general());
    let mut talk = talk();
    let actions = play_talk(&mut talk, &views, "hi enter");
    assert!(
        actions.contains(&Action::Draft {
            room,
            text: "hi".into()
        }),
        "{actions:?}"
    );
    assert!(actions.contains(&Action::Typing { room, on: true }));
    assert!(actions.contains(&Action::Send {
        room,
        text: "hi".into()
    }));
    assert_eq!(actions.last(), Some(&Action::Typing { room, on: false }));
    assert!(talk.composer.is_empty());
}

#[test]
fn a_pasted_command_line_is_text_until_enter() {
    let views = views();
    let mut talk = talk();
    let mut actions = Vec::new();
    let mut stage = Stage {
        views: &views,
        actions: &mut actions,
    };
    talk.input(&Input::Paste("/quit\n/quit\n".into()), &mut stage);
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::Do { .. } | Action::Send { .. }))
    );
    assert_eq!(talk.composer.text.as_str(), "/quit\n/quit\n");
}

#[test]
fn slash_commands_are_done_and_wrong_ones_stay_in_the_composer() {
    let (views, room) = (views(), Some(general()));
    let done = |keys| play_talk(&mut talk(), &views, keys);
    assert!(done("/leave enter").contains(&Action::Do {
        room,
        command: Command::Leave
    }));
    assert!(done("/quit enter").contains(&Action::Do {
        room,
        command: Command::Quit
    }));
    // Tab completes a command before it turns to the next pane.
    assert!(done("/qu tab enter").contains(&Action::Do {
        room,
        command: Command::Quit
    }));
    let mut talk = talk();
    let wrong = play_talk(&mut talk, &views, "/nosuch enter");
    assert!(
        wrong
            .iter()
            .any(|action| matches!(action, Action::Tell(Notice { bad: true, .. })))
    );
    assert_eq!(talk.composer.text.as_str(), "/nosuch");
}

#[test]
fn names_are_completed() {
    let views = views();
    let mut talk = talk();
    play_talk(&mut talk, &views, "hi_@br tab");
    assert_eq!(talk.composer.text.as_str(), "hi @bruno ");
    let mut talk = self::talk();
    let person = "bruno".to_owned();
    let role = Role::Moderator;
    let (room, command) = (Some(general()), Command::Role { person, role });
    let actions = play_talk(&mut talk, &views, "/ro tab @br tab mo tab enter");
    assert!(
        actions.contains(&Action::Do { room, command }),
        "{actions:?}"
    );
}

#[test]
fn tab_moves_the_focus_and_escape_brings_it_back() {
    let views = views();
    let mut talk = talk();
    for expected in [Focus::Rooms, Focus::Timeline, Focus::Composer] {
        play_talk(&mut talk, &views, "tab");
        assert_eq!(talk.focus, expected);
    }
    play_talk(&mut talk, &views, "esc");
    assert_eq!(talk.focus, Focus::Timeline);
    assert_eq!(
        play_talk(&mut talk, &views, "j k g G u pageup"),
        [
            Action::Scroll(Scroll::Lines(1)),
            Action::Scroll(Scroll::Lines(-1)),
            Action::Scroll(Scroll::Start),
            Action::Scroll(Scroll::End),
            Action::Scroll(Scroll::Unread),
            Action::Scroll(Scroll::PageUp),
        ]
    );
    assert_eq!(
        play_talk(&mut talk, &views, "?"),
        [Action::Open(Overlay::Help)]
    );
    assert_eq!(
        play_talk(&mut talk, &views, "C-k"),
        [Action::Open(Overlay::Switcher)]
    );
    play_talk(&mut talk, &views, "esc");
    assert_eq!(talk.focus, Focus::Composer);
}

#[test]
fn rooms_are_chosen_by_keys_and_by_the_mouse() {
    let views = views();
    let mut talk = talk();
    talk.room_shown(general(), "");
    assert_eq!(
        play_talk(&mut talk, &views, "tab j enter"),
        [Action::Show(RoomId([2; 16]))]
    );
    assert_eq!(
        play_talk(&mut talk, &views, "G enter"),
        [Action::Show(RoomId([3; 16]))]
    );
    assert_eq!(
        play_talk(&mut talk, &views, "esc A-down"),
        [Action::Show(RoomId([2; 16]))]
    );
    assert_eq!(
        play_talk(&mut talk, &views, "esc n"),
        [Action::Show(RoomId([2; 16]))]
    );
    let mouse = |kind, column, row| {
        Input::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    let mut actions = Vec::new();
    let mut stage = Stage {
        views: &views,
        actions: &mut actions,
    };
    // The line of the direct room is below the gap.
    talk.input(
        &mouse(MouseEventKind::Down(MouseButton::Left), 5, 3),
        &mut stage,
    );
    talk.input(
        &mouse(MouseEventKind::Down(MouseButton::Left), 5, 2),
        &mut stage,
    );
    talk.input(&mouse(MouseEventKind::ScrollUp, 40, 8), &mut stage);
    assert_eq!(
        actions,
        [
            Action::Show(RoomId([3; 16])),
            Action::Scroll(Scroll::Lines(-3))
        ]
    );
}

#[test]
fn trouble_is_told_in_four_words() {
    let mut views = views();
    let waiting = LinkState::Waiting {
        retry_in: std::time::Duration::ZERO,
        why: String::new(),
    };
    let mut said = |state: LinkState, unsent, failed| {
        views.link.state = state;
        views.link.unsent = unsent;
        views.link.failed = failed;
        let shown = screen(&mut talk(), &views, 80, 24);
        let line = shown.lines().nth(22).unwrap().trim().to_owned();
        line.split("  ").next().unwrap().to_owned()
    };
    assert_eq!(said(LinkState::Online, 0, 0), "● Connected · 12 ms");
    assert_eq!(said(waiting.clone(), 0, 0), "● Reconnecting…");
    assert_eq!(said(waiting, 3, 0), "● Offline · 3 unsent");
    assert_eq!(said(LinkState::Online, 0, 1), "● 1 not sent");
}

#[test]
fn a_link_over_tcp_says_so() {
    let mut views = views();
    views.link.transport = Some(Transport::Tcp);
    let shown = screen(&mut talk(), &views, 80, 24);
    assert!(shown.contains("● Connected over TCP · 12 ms"), "{shown}");
}

#[test]
fn a_join_link_is_shown_whole() {
    let mut views = views();
    let link = format!(
        "parlor://chat.example.org:7443/j/ZGKH46YYF4VPUQ7F.{}",
        "A".repeat(52)
    );
    views.notice = Some(Notice::good(format!("For one person: {link}")));
    let shown = screen(&mut talk(), &views, 80, 24);
    let joined: String = shown.split_whitespace().collect();
    assert!(joined.contains(&link), "{shown}");
    assert!(shown.contains("#general"), "{shown}");
}

#[test]
fn it_fits_small_screens() {
    let mut views = views();
    views.notice = Some(Notice::bad("something"));
    for (width, height) in [(60, 16), (40, 10), (20, 5), (5, 3), (1, 1)] {
        for focus in [
            Focus::Composer,
            Focus::Rooms,
            Focus::Timeline,
            Focus::Members,
        ] {
            let mut talk = talk();
            talk.focus = focus;
            talk.composer
                .paste(&"a long text that needs several rows ".repeat(20));
            let shown = screen(&mut talk, &views, width, height);
            assert_eq!(
                shown.split('\n').count(),
                usize::from(height),
                "{width}×{height}"
            );
        }
    }
    let small = screen(&mut talk(), &views, 60, 16);
    assert!(
        small.contains("#general") && small.contains("Message #general"),
        "{small}"
    );
    assert!(
        !small.contains("#garden"),
        "the list is there only while it is used: {small}"
    );
}
