//! The database, falsified.

use super::{middle, other_text, shows, timeline};
use crate::checker::ViolationKind as Kind;
use crate::checker::{Event, MarkerRow, Place, Row, Run};

#[test]
fn a_lost_row() {
    let lose = |run: &mut Run| {
        let seq = middle(run).seq;
        timeline(run).rows.retain(|row| row.seq != seq);
    };
    shows(
        lose,
        &[
            Kind::SeqMissing,
            Kind::AcknowledgedMissing,
            Kind::DeliveredNotCommitted,
            Kind::ViewRowUnknown,
        ],
    );
}

#[test]
fn a_lost_last_row_and_its_number() {
    let lose = |run: &mut Run| {
        let timeline = timeline(run);
        timeline.rows.retain(|row| row.seq != timeline.head);
        timeline.head -= 1;
    };
    shows(lose, &[Kind::AcknowledgedMissing, Kind::ViewHeadDiffers]);
}

#[test]
fn a_doubled_row() {
    let double = |run: &mut Run| {
        let row = *middle(run);
        let room = &mut run.database.rooms[1];
        room.rev += 1;
        let rev = room.rev;
        let timeline = &mut room.timelines[0];
        timeline.head += 1;
        let seq = timeline.head;
        let at_ms = timeline.rows.last().unwrap().at_ms;
        timeline.rows.push(Row {
            seq,
            rev,
            at_ms,
            ..row
        });
    };
    shows(double, &[Kind::SendKeyTwice, Kind::ViewRowMissing]);
}

#[test]
fn two_rows_under_one_number() {
    let double = |run: &mut Run| {
        let row = *middle(run);
        timeline(run).rows.push(row);
    };
    shows(double, &[Kind::SeqTwice, Kind::SendKeyTwice]);
}

#[test]
fn a_row_beyond_the_head() {
    let stray = |run: &mut Run| timeline(run).head -= 1;
    shows(stray, &[Kind::SeqOutside]);
}

#[test]
fn time_that_goes_back() {
    let back = |run: &mut Run| timeline(run).rows.last_mut().unwrap().at_ms = 1;
    shows(back, &[Kind::TimeWentBack]);
}

#[test]
fn one_rev_for_two_rows() {
    let same = |run: &mut Run| {
        let rev = middle(run).rev;
        timeline(run).rows.last_mut().unwrap().rev = rev;
    };
    shows(same, &[Kind::RevTwice, Kind::RevOrder]);
}

#[test]
fn a_rev_beyond_the_rooms() {
    let beyond = |run: &mut Run| run.database.rooms[1].rev = 1;
    shows(beyond, &[Kind::RevBeyondHead, Kind::ViewRevDiffers]);
}

#[test]
fn other_bytes_in_the_database() {
    let change = |run: &mut Run| middle(run).text_hash = other_text();
    shows(
        change,
        &[
            Kind::CommittedBytesDiffer,
            Kind::DeliveredBytesDiffer,
            Kind::ViewRowDiffers,
        ],
    );
}

#[test]
fn a_message_from_nowhere() {
    let invent = |run: &mut Run| middle(run).send_key.0 = [0xee; 16];
    shows(invent, &[Kind::NeverSent, Kind::AcknowledgedMissing]);
}

#[test]
fn a_message_in_another_room() {
    let stray = |run: &mut Run| {
        let row = *middle(run);
        let other = &mut run.database.rooms[2];
        other.rev += 1;
        other.timelines[0].head += 1;
        let (seq, rev) = (other.timelines[0].head, other.rev);
        other.timelines[0].rows.push(Row { seq, rev, ..row });
    };
    shows(stray, &[Kind::CommittedElsewhere, Kind::SendKeyTwice]);
}

#[test]
fn a_lost_marker() {
    let lose = |run: &mut Run| {
        let place = Place::new(run.database.rooms[1].room, 0, timeline(run).head);
        run.histories[0].events.push(Event::Marked { place });
        timeline(run).markers.clear();
    };
    shows(lose, &[Kind::MarkerLost]);
}

#[test]
fn a_marker_beyond_the_head() {
    let beyond = |run: &mut Run| {
        let user = run.histories[0].user;
        let timeline = timeline(run);
        let seq = timeline.head + 1;
        timeline.markers.push(MarkerRow { user, seq });
    };
    shows(beyond, &[Kind::MarkerBeyondHead]);
}
