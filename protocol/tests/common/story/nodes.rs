//! What the node that Ada is linked to tells the others.

use parlor_protocol::bus::{NodeBatch, NodePresence, NodeTyping, NodeUserBatch, SessionsEnded};
use parlor_protocol::room::Head;
use parlor_protocol::signal::{PersonPresence, PresenceState};
use parlor_protocol::{Code, Extensions};

use super::{Told, ada, bo, kitchen, phone};

const NONE: Extensions = Extensions::NONE;

pub fn node_batch() -> NodeBatch {
    NodeBatch {
        head: Head {
            room: kitchen(),
            head: 301,
            rev: 412,
        },
        before: 411,
        direct: false,
        joined: vec![bo()],
        left: None,
        frame: b"a ROOM_BATCH".to_vec(),
        ext: NONE,
    }
}

pub(super) fn frames() -> Vec<Told> {
    vec![
        Told::new(node_batch()),
        Told::new(NodeUserBatch {
            user: bo(),
            before: 8,
            rev: 9,
            frame: b"a USER_BATCH".to_vec(),
            ext: NONE,
        }),
        Told::new(SessionsEnded {
            user: ada(),
            sessions: vec![phone()],
            but: None,
            code: Code::SESSION_ENDED.0,
            ext: NONE,
        }),
        Told::new(NodePresence {
            room: kitchen(),
            online: 1,
            complete: true,
            people: vec![PersonPresence {
                user: ada(),
                state: PresenceState::ONLINE,
            }],
            asks: true,
            ext: NONE,
        }),
        Told::new(NodeTyping {
            room: kitchen(),
            user: ada(),
            on: true,
            ext: NONE,
        }),
    ]
}
