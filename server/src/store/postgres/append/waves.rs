//! Which commands of one call may run at once.

use std::collections::HashMap;

use parlor_protocol::{RoomId, SendKey, UserId};

use crate::room::rules::room_of;
use crate::store::{Change, RoomCommand};

/// One room's commands of a wave, and where they stood in the call.
#[derive(Debug)]
pub(super) struct OfRoom {
    pub(super) room: RoomId,
    pub(super) places: Vec<usize>,
    pub(super) commands: Vec<RoomCommand>,
}

/// Waves that run one after the other; within one, rooms know nothing of each other. A command
/// waits for an earlier one of another room when it names that one's send key, or when both change
/// more than a timeline: then names, and how many rooms somebody is in, are at stake.
pub(super) fn waves(commands: Vec<RoomCommand>) -> Vec<Vec<OfRoom>> {
    let mut waves = Vec::new();
    let mut wave = Wave::default();
    for (place, command) in commands.into_iter().enumerate() {
        if wave.stands_before(&command) {
            waves.push(std::mem::take(&mut wave).rooms);
        }
        wave.add(place, command);
    }
    waves.push(wave.rooms);
    waves
}

#[derive(Default)]
struct Wave {
    rooms: Vec<OfRoom>,
    at: HashMap<RoomId, usize>,
    keys: HashMap<(SendKey, UserId), RoomId>,
    /// The room of the changes that are no posts.
    changed: Option<RoomId>,
}

impl Wave {
    fn stands_before(&self, command: &RoomCommand) -> bool {
        let room = room_of(command);
        let elsewhere = |key: SendKey| {
            self.keys
                .get(&(key, command.actor))
                .is_some_and(|other| *other != room)
        };
        match command.change {
            Change::Post { after, .. } => {
                elsewhere(command.send_key) || after.is_some_and(elsewhere)
            }
            _ => elsewhere(command.send_key) || self.changed.is_some_and(|other| other != room),
        }
    }

    fn add(&mut self, place: usize, command: RoomCommand) {
        let room = room_of(&command);
        if !matches!(command.change, Change::Post { .. }) {
            self.changed = Some(room);
        }
        self.keys.insert((command.send_key, command.actor), room);
        let rooms = &mut self.rooms;
        let at = *self.at.entry(room).or_insert_with(|| {
            rooms.push(OfRoom {
                room,
                places: Vec::new(),
                commands: Vec::new(),
            });
            rooms.len() - 1
        });
        rooms[at].places.push(place);
        rooms[at].commands.push(command);
    }
}

#[cfg(test)]
mod tests {
    use parlor_protocol::message::Timeline;

    use super::*;

    const ANN: UserId = UserId([1; 16]);

    fn command(room: u8, key: u8, change: Change) -> RoomCommand {
        RoomCommand {
            room: RoomId([room; 16]),
            actor: ANN,
            send_key: SendKey([key; 16]),
            change,
        }
    }

    fn post(after: Option<u8>) -> Change {
        Change::Post {
            timeline: Timeline::ROOM,
            after: after.map(|key| SendKey([key; 16])),
            text: "text".to_owned(),
            long: None,
        }
    }

    /// The places of each room of each wave.
    fn places(commands: Vec<RoomCommand>) -> Vec<Vec<Vec<usize>>> {
        let places = |wave: Vec<OfRoom>| wave.into_iter().map(|of| of.places).collect();
        waves(commands).into_iter().map(places).collect()
    }

    #[test]
    fn rooms_run_at_once_each_in_its_order() {
        let commands = vec![
            command(1, 1, post(None)),
            command(2, 2, post(None)),
            command(1, 3, Change::Leave),
            command(1, 4, post(Some(1))),
            command(2, 5, post(None)),
        ];
        assert_eq!(places(commands), [vec![vec![0, 2, 3], vec![1, 4]]]);
    }

    #[test]
    fn whoever_names_a_key_of_another_room_waits_for_it() {
        let commands = vec![
            command(1, 1, post(None)),
            command(2, 2, post(Some(1))),
            command(1, 3, post(Some(1))),
            // The same key again, for another room.
            command(3, 3, post(None)),
        ];
        assert_eq!(
            places(commands),
            [vec![vec![0]], vec![vec![1], vec![2]], vec![vec![3]]]
        );
    }

    #[test]
    fn changes_of_two_rooms_follow_one_another() {
        let commands = vec![
            command(1, 1, Change::Join),
            command(1, 2, Change::Leave),
            command(2, 3, Change::Join),
        ];
        assert_eq!(places(commands), [vec![vec![0, 1]], vec![vec![2]]]);
    }
}
