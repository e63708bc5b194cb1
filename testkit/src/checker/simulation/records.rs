//! The world's records in the checker's shapes.

use parlor_protocol::UserId;

use super::client::Client;
use super::server::{Room, Server, Shown, Timeline};
use super::world::World;
use crate::checker::{
    Database, History, MarkerRow, MemberRow, RoomDump, RoomView, Row, Run, TimelineDump,
    TimelineView, View, ViewRow,
};

impl World {
    pub(super) fn records(self) -> Run {
        let fresh = |client: &Client| fresh_view(&self.server, client.user);
        let stored = |client: &Client| client_view(&self.server, client);
        let views = self.clients.iter().flat_map(|it| [stored(it), fresh(it)]);
        let views = views.collect();
        let histories = self.clients.into_iter().map(|client| History {
            client: client.name,
            user: client.user,
            events: client.events,
        });
        Run {
            plan: self.plan,
            database: dump(&self.server),
            histories: histories.collect(),
            views,
        }
    }
}

fn dump(server: &Server) -> Database {
    let room = |room: &Room| {
        let timelines = room.timelines.iter();
        let members = room.members.iter();
        RoomDump {
            room: room.id,
            rev: room.rev,
            history: room.history,
            members: members
                .map(|(user, member)| MemberRow {
                    user: *user,
                    visible_from: member.visible_from,
                })
                .collect(),
            timelines: timelines
                .map(|(number, timeline)| dump_timeline(room, *number, timeline))
                .collect(),
        }
    };
    Database {
        epoch: server.epoch,
        rooms: server.rooms.iter().map(room).collect(),
    }
}

fn dump_timeline(room: &Room, number: u64, timeline: &Timeline) -> TimelineDump {
    let rows = timeline.rows.values().map(|row| Row {
        seq: row.shown.seq,
        rev: row.rev,
        changed: row.changed,
        author: row.shown.author,
        send_key: row.shown.send_key,
        text_hash: row.shown.text_hash,
        at_ms: row.at_ms,
    });
    let markers = room.markers.iter();
    let markers = markers.filter(|((timeline, _), _)| *timeline == number);
    TimelineDump {
        timeline: number,
        floor: timeline.floor,
        head: timeline.head,
        rows: rows.collect(),
        markers: markers
            .map(|((_, user), seq)| MarkerRow {
                user: *user,
                seq: *seq,
            })
            .collect(),
    }
}

fn client_view(server: &Server, client: &Client) -> View {
    let rooms = client.rooms.iter().map(|(index, held)| {
        let room = &server.rooms[*index];
        let rows: Vec<Shown> = held.rows.values().copied().collect();
        room_view(room, held.rev, &rows)
    });
    View {
        client: client.name.clone(),
        user: client.user,
        epoch: client.epoch,
        rooms: rooms.collect(),
    }
}

fn fresh_view(server: &Server, user: UserId) -> View {
    let rooms = server.rooms.iter();
    let rooms = rooms.filter(|room| room.members.contains_key(&user));
    View {
        client: format!("fresh client of {user}"),
        user,
        epoch: server.epoch,
        rooms: rooms
            .map(|room| room_view(room, room.rev, &room.page(user)))
            .collect(),
    }
}

fn room_view(room: &Room, rev: u64, rows: &[Shown]) -> RoomView {
    let timelines = room.timelines.iter().map(|(number, timeline)| {
        let own = rows.iter().filter(|row| row.timeline == *number);
        TimelineView {
            timeline: *number,
            head: timeline.head,
            complete: true,
            held: Vec::new(),
            rows: own
                .map(|row| ViewRow {
                    seq: row.seq,
                    author: row.author,
                    send_key: Some(row.send_key),
                    text_hash: row.text_hash,
                })
                .collect(),
        }
    });
    RoomView {
        room: room.id,
        rev: Some(rev),
        timelines: timelines.collect(),
    }
}
