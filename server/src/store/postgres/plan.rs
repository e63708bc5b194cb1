//! The statements that write what a batch decided: as many as there are kinds of rows, however many
//! rows there are.

mod fold;

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::value::{int, plain};
use crate::store::shared::write::{PostRow, Write};
use fold::{Fold, Settled};

/// Writes all of one room's batch; the caller commits.
pub(super) async fn write(connection: &mut PgConnection, writes: Vec<Write>) -> sqlx::Result<()> {
    let mut fold = Fold::default();
    for write in writes {
        fold.add(write);
    }
    if let Some((number, state, made_at_ms)) = fold.new_room.take() {
        sqlx::query(
            "INSERT INTO rooms (id, room, kind, name, folded, topic, rev, head, floor, last_at, members, owners, made_at)
             VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 1, 0, 0, 0, $7)",
        )
        .bind(number)
        .bind(state.room.0)
        .bind(i64::from(state.kind.0))
        .bind(plain(state.name.shown))
        .bind(plain(state.name.folded))
        .bind(plain(state.topic))
        .bind(int(made_at_ms))
        .execute(&mut *connection)
        .await?;
    }
    let room = fold.room;
    messages(connection, room, std::mem::take(&mut fold.posts)).await?;
    keys(connection, room, &fold).await?;
    threads(connection, room, &fold.threads).await?;
    changes(connection, room, &fold).await?;
    members(connection, room, &fold).await?;
    settle(connection, room, fold).await
}

async fn messages(
    connection: &mut PgConnection,
    room: i64,
    posts: Vec<PostRow>,
) -> sqlx::Result<()> {
    if posts.is_empty() {
        return Ok(());
    }
    let mut long_refs: BTreeMap<[u8; 32], i64> = BTreeMap::new();
    for long in posts.iter().filter_map(|row| row.long) {
        *long_refs.entry(long.hash).or_default() += 1;
    }
    let column =
        |of: fn(&PostRow) -> u64| -> Vec<i64> { posts.iter().map(|row| int(of(row))).collect() };
    let query = sqlx::query(
        "INSERT INTO messages (room, timeline, seq, author, at, send_key, rev, state, text, long_bytes, long_hash)
         SELECT $1, n.timeline, n.seq, n.author, n.at, n.send_key, n.rev, 0, n.text, n.long_bytes, n.long_hash
         FROM UNNEST($2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bigint[], $8::text[],
            $9::bigint[], $10::bytea[])
            AS n(timeline, seq, author, at, send_key, rev, text, long_bytes, long_hash)",
    )
    .bind(room)
    .bind(column(|row| row.timeline.0))
    .bind(column(|row| row.seq))
    .bind(Vec::from_iter(posts.iter().map(|row| row.author.0)))
    .bind(column(|row| row.at_ms))
    .bind(Vec::from_iter(posts.iter().map(|row| row.send_key.0)))
    .bind(column(|row| row.rev))
    .bind(Vec::from_iter(posts.iter().map(|row| row.text.as_str())))
    .bind(Vec::from_iter(posts.iter().map(|row| {
        row.long.map(|long| i64::from(long.bytes))
    })))
    .bind(Vec::from_iter(posts.iter().map(|row| row.long.map(|long| long.hash))));
    query.execute(&mut *connection).await?;
    if long_refs.is_empty() {
        return Ok(());
    }
    let (hashes, times): (Vec<_>, Vec<_>) = long_refs.into_iter().unzip();
    sqlx::query(
        "UPDATE long_texts SET refs = refs + n.times
         FROM UNNEST($1::bytea[], $2::bigint[]) AS n(hash, times) WHERE long_texts.hash = n.hash",
    )
    .bind(hashes)
    .bind(times)
    .execute(connection)
    .await
    .map(drop)
}

async fn keys(connection: &mut PgConnection, room: i64, fold: &Fold) -> sqlx::Result<()> {
    if fold.keys.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&fold::KeyRow) -> i64| -> Vec<i64> { fold.keys.iter().map(of).collect() };
    sqlx::query(
        "INSERT INTO send_keys (key, sender, what, room, seq, rev, at)
         SELECT n.key, n.sender, n.what, $1, n.seq, n.rev, n.at
         FROM UNNEST($2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
            AS n(key, sender, what, seq, rev, at)",
    )
    .bind(room)
    .bind(Vec::from_iter(fold.keys.iter().map(|row| row.key.0)))
    .bind(Vec::from_iter(fold.keys.iter().map(|row| row.sender.0)))
    .bind(column(|row| row.what))
    .bind(column(|row| int(row.seq)))
    .bind(column(|row| int(row.rev)))
    .bind(column(|row| int(row.at_ms)))
    .execute(connection)
    .await
    .map(drop)
}

async fn threads(
    connection: &mut PgConnection,
    room: i64,
    threads: &BTreeMap<u64, (u64, u64)>,
) -> sqlx::Result<()> {
    if threads.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO timelines (room, root, head, floor, last_at)
         SELECT $1, n.root, n.head, 1, n.at
         FROM UNNEST($2::bigint[], $3::bigint[], $4::bigint[]) AS n(root, head, at)
         ON CONFLICT (room, root) DO UPDATE SET head = excluded.head, last_at = excluded.last_at",
    )
    .bind(room)
    .bind(Vec::from_iter(threads.keys().map(|root| int(*root))))
    .bind(Vec::from_iter(threads.values().map(|(head, _)| int(*head))))
    .bind(Vec::from_iter(threads.values().map(|(_, at)| int(*at))))
    .execute(connection)
    .await
    .map(drop)
}

async fn changes(connection: &mut PgConnection, room: i64, fold: &Fold) -> sqlx::Result<()> {
    if fold.changes.is_empty() {
        return Ok(());
    }
    let keys = || fold.changes.keys();
    sqlx::query(
        "INSERT INTO room_changes (room, rev, kind, ref_a, ref_b)
         SELECT $1, n.rev, n.kind, n.ref_a, n.ref_b
         FROM UNNEST($2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[]) AS n(rev, kind, ref_a, ref_b)
         ON CONFLICT (room, kind, ref_a, ref_b) DO UPDATE SET rev = excluded.rev",
    )
    .bind(room)
    .bind(Vec::from_iter(fold.changes.values().map(|rev| int(*rev))))
    .bind(Vec::from_iter(keys().map(|change| change.kind)))
    .bind(Vec::from_iter(keys().map(|change| change.ref_a.as_slice())))
    .bind(Vec::from_iter(keys().map(|change| change.ref_b)))
    .execute(connection)
    .await
    .map(drop)
}

async fn members(connection: &mut PgConnection, room: i64, fold: &Fold) -> sqlx::Result<()> {
    let stay = fold
        .members
        .iter()
        .filter_map(|(user, member)| member.map(|(role, from)| (user.0, role, from)));
    let stay: Vec<([u8; 16], i64, i64)> = stay.collect();
    let gone: Vec<[u8; 16]> = fold
        .members
        .iter()
        .filter(|(_, member)| member.is_none())
        .map(|(user, _)| user.0)
        .collect();
    if !stay.is_empty() {
        sqlx::query(
            "INSERT INTO members (room, \"user\", role, visible_from)
             SELECT $1, n.id, n.role, n.visible_from
             FROM UNNEST($2::bytea[], $3::bigint[], $4::bigint[]) AS n(id, role, visible_from)
             ON CONFLICT (room, \"user\") DO UPDATE SET role = excluded.role,
                visible_from = excluded.visible_from",
        )
        .bind(room)
        .bind(Vec::from_iter(stay.iter().map(|(user, _, _)| *user)))
        .bind(Vec::from_iter(stay.iter().map(|(_, role, _)| *role)))
        .bind(Vec::from_iter(stay.iter().map(|(_, _, from)| *from)))
        .execute(&mut *connection)
        .await?;
    }
    if !gone.is_empty() {
        sqlx::query("DELETE FROM members WHERE room = $1 AND \"user\" = ANY($2)")
            .bind(room)
            .bind(gone)
            .execute(&mut *connection)
            .await?;
    }
    if fold.memberships.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO user_changes (\"user\", kind, room, rev)
         SELECT n.id, 1, $1, n.rev FROM UNNEST($2::bytea[], $3::bigint[]) AS n(id, rev)
         ON CONFLICT (\"user\", kind, room) DO UPDATE SET rev = excluded.rev",
    )
    .bind(room)
    .bind(Vec::from_iter(fold.memberships.keys().map(|user| user.0)))
    .bind(Vec::from_iter(
        fold.memberships.values().map(|rev| int(*rev)),
    ))
    .execute(connection)
    .await
    .map(drop)
}

/// The room's counters, the people's revs and their markers: every batch moves these, so they are
/// one statement.
async fn settle(connection: &mut PgConnection, room: i64, fold: Fold) -> sqlx::Result<()> {
    let Settled {
        rev,
        posted,
        details,
    } = fold.settled;
    let (topic, members, owners) = match details {
        Some((topic, members, owners)) => (
            Some(plain(topic)),
            Some(i64::from(members)),
            Some(i64::from(owners)),
        ),
        None => (None, None, None),
    };
    sqlx::query(
        "WITH moved AS (
            UPDATE rooms SET rev = greatest(rev, $2), head = coalesce($3, head),
                last_at = coalesce($4, last_at), topic = coalesce($5, topic),
                members = coalesce($6, members), owners = coalesce($7, owners)
            WHERE id = $1),
         counted AS (
            UPDATE user_revs SET rev = n.rev FROM UNNEST($8::bytea[], $9::bigint[]) AS n(id, rev)
            WHERE user_revs.user = n.id)
         INSERT INTO markers (\"user\", room, timeline, seq, rev)
         SELECT n.id, $1, n.timeline, n.seq, n.rev
         FROM UNNEST($10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[]) AS n(id, timeline, seq, rev)
         ON CONFLICT (\"user\", room, timeline) DO UPDATE SET seq = excluded.seq, rev = excluded.rev",
    )
    .bind(room)
    .bind(int(rev))
    .bind(posted.map(|(head, _)| int(head)))
    .bind(posted.map(|(_, at)| int(at)))
    .bind(topic)
    .bind(members)
    .bind(owners)
    .bind(Vec::from_iter(fold.revs.keys().map(|user| user.0)))
    .bind(Vec::from_iter(fold.revs.values().map(|rev| int(*rev))))
    .bind(Vec::from_iter(fold.markers.keys().map(|(user, _)| user.0)))
    .bind(Vec::from_iter(fold.markers.keys().map(|(_, timeline)| int(*timeline))))
    .bind(Vec::from_iter(fold.markers.values().map(|(seq, _)| int(*seq))))
    .bind(Vec::from_iter(fold.markers.values().map(|(_, rev)| int(*rev))))
    .execute(connection)
    .await
    .map(drop)
}
