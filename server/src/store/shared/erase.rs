//! What erases the traces of load tests: their accounts, and the rooms in which nobody else is. The
//! same text in every database.

/// Rooms that an account of a load test owns and in which only such accounts are.
macro_rules! load_rooms {
    () => {
        "SELECT m.room FROM users u JOIN members m ON m.user = u.id
         WHERE u.unlimited = 1 AND m.role = 30 AND NOT EXISTS (SELECT 1 FROM members o
            JOIN users p ON p.id = o.user WHERE o.room = m.room AND p.unlimited = 0)"
    };
}

/// The first step, which gives back the long texts that were named: each once less.
pub(in crate::store) const MESSAGES: &str = concat!(
    "DELETE FROM messages WHERE (room, timeline, seq) IN (SELECT g.room, g.timeline, g.seq
        FROM messages g WHERE g.room IN (",
    load_rooms!(),
    ") LIMIT $1) RETURNING long_hash"
);

/// Those after it in this order, each until nothing is left of it. The room's own row stays, without
/// a name or a member: its number stands in other people's rows, and must not come to mean another
/// room.
pub(in crate::store) const STEPS: [&str; 8] = [
    concat!(
        "DELETE FROM room_changes WHERE (room, rev) IN (SELECT c.room, c.rev
            FROM room_changes c WHERE c.room IN (",
        load_rooms!(),
        ") LIMIT $1)"
    ),
    concat!(
        "DELETE FROM timelines WHERE (room, root) IN (SELECT t.room, t.root
            FROM timelines t WHERE t.room IN (",
        load_rooms!(),
        ") LIMIT $1)"
    ),
    concat!(
        "UPDATE rooms SET kind = 1, name = '', folded = '', topic = '', floor = head + 1, members = 0,
            owners = 0 WHERE id IN (SELECT id FROM rooms WHERE name <> '' AND id IN (",
        load_rooms!(),
        ") LIMIT $1)"
    ),
    "DELETE FROM members WHERE (room, \"user\") IN (SELECT m.room, m.user
        FROM members m JOIN rooms r ON r.id = m.room WHERE r.name = '' AND r.kind = 1 LIMIT $1)",
    "DELETE FROM markers WHERE (\"user\", room, timeline) IN (SELECT k.user, k.room, k.timeline
        FROM users u JOIN markers k ON k.user = u.id WHERE u.unlimited = 1 LIMIT $1)",
    "DELETE FROM user_changes WHERE (\"user\", kind, room) IN (SELECT c.user, c.kind, c.room
        FROM users u JOIN user_changes c ON c.user = u.id WHERE u.unlimited = 1
            AND NOT EXISTS (SELECT 1 FROM members m WHERE m.room = c.room AND m.user = c.user)
        LIMIT $1)",
    "DELETE FROM sessions WHERE id IN (SELECT s.id
        FROM users u JOIN sessions s ON s.user = u.id WHERE u.unlimited = 1 LIMIT $1)",
    // Whoever is in a direct room with somebody stays, disabled: that room is the other one's, too.
    "DELETE FROM users WHERE id IN (SELECT u.id FROM users u WHERE u.unlimited = 1
        AND NOT EXISTS (SELECT 1 FROM members m WHERE m.user = u.id)
        AND NOT EXISTS (SELECT 1 FROM invites i WHERE i.maker = u.id)
        AND NOT EXISTS (SELECT 1 FROM invite_uses i WHERE i.user = u.id) LIMIT $1)",
];
