//! What clients hold in the end, falsified.

use super::{other_text, shows, view};
use crate::checker::Run;
use crate::checker::ViolationKind as Kind;

#[test]
fn a_view_without_the_last_message() {
    let lose = |run: &mut Run| {
        view(run).rows.pop();
    };
    shows(lose, &[Kind::ViewRowMissing]);
}

#[test]
fn a_view_that_stopped_early() {
    let stop = |run: &mut Run| {
        let view = view(run);
        view.complete = false;
        view.rows.pop();
        view.head -= 1;
        view.held = vec![(1, view.head)];
    };
    shows(stop, &[Kind::ViewHeadDiffers, Kind::ViewRowMissing]);
}

#[test]
fn a_view_with_a_wrong_row() {
    let change = |run: &mut Run| {
        let view = view(run);
        view.rows[0].text_hash = other_text();
        let double = view.rows[0];
        view.rows.push(double);
    };
    shows(change, &[Kind::ViewRowDiffers, Kind::ViewRowTwice]);
}

#[test]
fn a_view_of_another_epoch_and_rev() {
    let stale = |run: &mut Run| {
        run.views[0].epoch += 1;
        run.views[0].rooms[1].rev = Some(1);
    };
    shows(stale, &[Kind::ViewEpochDiffers, Kind::ViewRevDiffers]);
}

#[test]
fn a_view_without_a_room() {
    let lose = |run: &mut Run| {
        run.views[0].rooms.pop();
    };
    shows(lose, &[Kind::ViewRoomMissing]);
}

#[test]
fn a_view_of_someone_who_may_not_see() {
    let forbid = |run: &mut Run| {
        let user = run.views[0].user;
        run.database.rooms[1].members.retain(|it| it.user != user);
        let own = &mut run.database.rooms[2].members;
        let own = own.iter_mut().find(|it| it.user == user).unwrap();
        own.visible_from = 1_000_000;
    };
    shows(forbid, &[Kind::ViewRoomForbidden, Kind::ViewRowForbidden]);
}
