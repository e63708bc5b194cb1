//! What senders did and were told, falsified.

use parlor_protocol::SendKey;

use super::{middle, shows, timeline};
use crate::checker::ViolationKind as Kind;
use crate::checker::{Event, Place, Run, TextHash};

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
            send_key: SendKey([0xee; 16]),
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
fn an_acknowledgement_of_another_rev() {
    let change = |run: &mut Run| {
        let row = *middle(run);
        for event in run.histories.iter_mut().flat_map(|it| &mut it.events) {
            if let Event::Acknowledged { send_key, rev, .. } = event
                && *send_key == row.send_key
            {
                *rev -= 1;
            }
        }
    };
    shows(change, &[Kind::AcknowledgedRevDiffers]);
}

#[test]
fn a_predecessor_that_never_came() {
    let skip = |run: &mut Run| {
        let row = *middle(run);
        let room = &mut run.database.rooms[1];
        for timeline in &mut room.timelines {
            timeline.floor = 1;
        }
        let events = &mut run.histories[0].events;
        let mut own = events.iter_mut().rev();
        let sent = own.find_map(|event| match event {
            Event::Invoked {
                send_key, after, ..
            } if *send_key == row.send_key => Some(after),
            _ => None,
        });
        *sent.unwrap() = Some(SendKey([0xee; 16]));
    };
    shows(skip, &[Kind::PredecessorMissing]);
}
