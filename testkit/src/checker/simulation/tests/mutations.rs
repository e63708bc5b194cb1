//! Every single falsification of a good record is found.

use std::collections::HashSet;

use crate::checker::ViolationKind as Kind;
use crate::checker::simulation::play;
use crate::checker::{
    Event, MemberChange, Place, Row, Run, TextHash, TimelineDump, TimelineView, Via, check,
};

const SEEDS: u64 = 12;

/// Falsifies good records and demands these kinds of violation.
#[track_caller]
fn shows(falsify: impl Fn(&mut Run), kinds: &[Kind]) {
    for seed in 0..SEEDS {
        let mut run = play(seed, None);
        falsify(&mut run);
        let verdict = check(&run);
        for kind in kinds {
            assert!(
                verdict.of_kind(*kind) > 0,
                "seed {seed}, {kind:?}: {verdict}"
            );
        }
    }
}

/// The main timeline of the second room, which is open to all.
fn timeline(run: &mut Run) -> &mut TimelineDump {
    &mut run.database.rooms[1].timelines[0]
}

/// A row in the midst of it that nothing changed, of someone who was never removed.
fn middle(run: &mut Run) -> &mut Row {
    let author = run.histories[0].user;
    let rows = &mut timeline(run).rows;
    let half = rows.len() / 2;
    let mut rows = rows.iter_mut().skip(half);
    rows.find(|row| !row.changed && row.author == author)
        .unwrap()
}

/// Where live deliveries of entries that nothing changed stand in a client's history,
/// of the last room content it held without a reset.
fn live(run: &Run, client: usize) -> Vec<usize> {
    let room = &run.database.rooms[1];
    let rows = room.timelines.iter().flat_map(|it| &it.rows);
    let newest: HashSet<u64> = rows.map(|row| row.rev).collect();
    let mut live = Vec::new();
    for (index, event) in run.histories[client].events.iter().enumerate() {
        match event {
            Event::Reset { room: dropped } if *dropped == room.room => live.clear(),
            Event::Connected { epoch } if *epoch != run.database.epoch => live.clear(),
            Event::Delivered {
                via: Via::Live,
                place,
                rev,
                ..
            } if place.room == room.room && newest.contains(rev) => live.push(index),
            _ => {}
        }
    }
    live
}

/// The main timeline of the second room as the first client, who is never removed, holds it.
fn view(run: &mut Run) -> &mut TimelineView {
    &mut run.views[0].rooms[1].timelines[0]
}

fn other_text() -> Option<TextHash> {
    Some(TextHash::of("something else"))
}

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
fn two_messages_of_one_sender_changed_places() {
    let swap = |run: &mut Run| {
        let author = run.histories[0].user;
        let rows = &mut timeline(run).rows;
        let own = (0..rows.len()).filter(|it| !rows[*it].changed && rows[*it].author == author);
        let own: Vec<usize> = own.collect();
        let [a, b, ..] = own[..] else { panic!() };
        let (key_a, text_a) = (rows[a].send_key, rows[a].text_hash);
        (rows[a].send_key, rows[a].text_hash) = (rows[b].send_key, rows[b].text_hash);
        (rows[b].send_key, rows[b].text_hash) = (key_a, text_a);
    };
    shows(
        swap,
        &[
            Kind::SenderOrder,
            Kind::AcknowledgedElsewhere,
            Kind::DeliveredOther,
        ],
    );
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
fn an_acknowledgement_of_another_seq() {
    let change = |run: &mut Run| {
        let row = *middle(run);
        for event in &mut run.histories.iter_mut().flat_map(|it| &mut it.events) {
            if let Event::Acknowledged {
                send_key, place, ..
            } = event
                && *send_key == row.send_key
            {
                place.seq += 1;
            }
        }
    };
    shows(change, &[Kind::AcknowledgedElsewhere]);
}

#[test]
fn two_acknowledgements_that_differ() {
    let double = |run: &mut Run| {
        let events = &mut run.histories[0].events;
        let told = events
            .iter()
            .rposition(|it| matches!(it, Event::Acknowledged { .. }));
        let mut again = events[told.unwrap()].clone();
        if let Event::Acknowledged { place, .. } = &mut again {
            place.seq += 1;
        }
        events.push(again);
    };
    shows(double, &[Kind::AcknowledgedTwice]);
}

#[test]
fn an_acknowledgement_of_nothing() {
    let invent = |run: &mut Run| {
        let room = run.database.rooms[1].room;
        run.histories[0].events.push(Event::Acknowledged {
            send_key: parlor_protocol::SendKey([0xee; 16]),
            place: Place::new(room, 0, 1_000_000),
            rev: 1_000_000,
        });
    };
    shows(
        invent,
        &[Kind::AcknowledgedNeverSent, Kind::AcknowledgedMissing],
    );
}

#[test]
fn a_message_that_nobody_answered() {
    let forget = |run: &mut Run| {
        let events = &mut run.histories[0].events;
        let sent = events.iter().rev().find_map(|event| match event {
            Event::Acknowledged { send_key, .. } => Some(*send_key),
            _ => None,
        });
        events.retain(|event| {
            !matches!(event, Event::Acknowledged { send_key, .. } if Some(*send_key) == sent)
        });
    };
    shows(forget, &[Kind::NeverSettled]);
}

#[test]
fn a_refusal_of_what_is_committed() {
    let refuse = |run: &mut Run| {
        let events = &mut run.histories[0].events;
        let told = events.iter().rev().find_map(|event| match event {
            Event::Acknowledged { send_key, .. } => Some(*send_key),
            _ => None,
        });
        events.push(Event::Refused {
            send_key: told.unwrap(),
            code: 3,
        });
    };
    shows(refuse, &[Kind::RefusedButCommitted]);
}

#[test]
fn a_key_used_for_two_texts() {
    let reuse = |run: &mut Run| {
        let events = &mut run.histories[0].events;
        let sent = events.iter().find(|it| matches!(it, Event::Invoked { .. }));
        let mut again = sent.unwrap().clone();
        if let Event::Invoked { text_hash, .. } = &mut again {
            *text_hash = TextHash::of("something else");
        }
        events.push(again);
    };
    shows(reuse, &[Kind::SendKeyReused]);
}

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
            send_key: parlor_protocol::SendKey([0xee; 16]),
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
