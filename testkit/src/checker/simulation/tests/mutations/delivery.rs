//! What receivers were given, falsified.

use parlor_protocol::SendKey;

use super::{live, other_text, shows};
use crate::checker::ViolationKind as Kind;
use crate::checker::{Event, MemberChange, Place, Run, Via};

#[test]
fn a_delivery_left_out() {
    let skip = |run: &mut Run| {
        let live = live(run, 0);
        run.histories[0].events.remove(live[live.len() / 2]);
    };
    shows(skip, &[Kind::EntryMissed]);
}

#[test]
fn a_delivery_made_twice() {
    let double = |run: &mut Run| {
        let at = *live(run, 0).last().unwrap();
        let events = &mut run.histories[0].events;
        events.insert(at, events[at].clone());
    };
    shows(double, &[Kind::DeliveredTwice]);
}

#[test]
fn two_deliveries_in_the_wrong_order() {
    let swap = |run: &mut Run| {
        let live = live(run, 0);
        let [.., a, b] = live[..] else { panic!() };
        run.histories[0].events.swap(a, b);
    };
    shows(swap, &[Kind::RevNotAscending]);
}

#[test]
fn other_bytes_in_a_delivery() {
    let change = |run: &mut Run| {
        let at = *live(run, 0).last().unwrap();
        if let Event::Delivered { text_hash, .. } = &mut run.histories[0].events[at] {
            *text_hash = other_text();
        }
    };
    shows(change, &[Kind::DeliveredBytesDiffer, Kind::ClientsDisagree]);
}

#[test]
fn a_delivery_at_another_rev() {
    let change = |run: &mut Run| {
        let at = *live(run, 0).last().unwrap();
        if let Event::Delivered { rev, .. } = &mut run.histories[0].events[at] {
            *rev += 1;
        }
    };
    shows(change, &[Kind::DeliveredRevDiffers]);
}

#[test]
fn a_delivery_after_the_removal() {
    let remove = |run: &mut Run| {
        let user = run.histories[1].user;
        let room = run.database.rooms[1].room;
        let removed_at = run.database.rooms[1].rev;
        run.histories[0].events.push(Event::MembershipAcknowledged {
            room,
            user,
            change: MemberChange::Removed,
            rev: removed_at,
        });
        run.histories[1].events.push(Event::Delivered {
            via: Via::Live,
            place: Place::new(room, 0, 1_000_000),
            rev: removed_at + 1,
            send_key: SendKey([0xee; 16]),
            author: user,
            text_hash: None,
        });
    };
    shows(remove, &[Kind::DeliveredAfterRemoval]);
}

#[test]
fn a_removal_that_did_not_last() {
    let remove = |run: &mut Run| {
        let room = &run.database.rooms[1];
        let (user, rev) = (room.members[0].user, room.rev + 1);
        let event = Event::MembershipAcknowledged {
            room: room.room,
            user,
            change: MemberChange::Removed,
            rev,
        };
        run.histories[0].events.push(event);
    };
    shows(remove, &[Kind::MembershipLost]);
}
