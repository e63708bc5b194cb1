//! The statements that write what one transaction decided.

use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Executor, SqliteConnection};

use super::value::int;
use super::write::{PostRow, Write};
use crate::room::rules::Thing;

/// Posts that one statement carries, by prepared size: padded up, since each size is a statement
/// that stays compiled. The greatest is what the committer collects at most.
const POSTING_SIZES: [usize; 5] = [1, 4, 16, 64, 256];

static POSTING: LazyLock<[&'static str; POSTING_SIZES.len()]> = LazyLock::new(|| {
    POSTING_SIZES.map(|rows| {
        let values = vec!["(?,?,?,?,?,?,?,?,?,?,?,?)"; rows].join(",");
        // Five strings for the life of the process.
        &*Box::leak(format!("INSERT INTO posting VALUES {values}").into_boxed_str())
    })
});

/// Writes all of it or nothing. Only after this returned `Ok` is any of it durable.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    writes: Vec<Write>,
) -> sqlx::Result<()> {
    let most = POSTING_SIZES[POSTING_SIZES.len() - 1];
    if writes.len() <= most && writes.iter().all(|write| matches!(write, Write::Post(_))) {
        // One statement is a transaction of its own.
        return posting(connection, writes).await;
    }
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await?;
    let done = match write_all(connection, writes).await {
        Ok(()) => sqlx::query("COMMIT")
            .execute(&mut *connection)
            .await
            .map(drop),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // SQLite may have rolled back by itself: then this says so, and that is as well.
        let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
    }
    done
}

async fn write_all(connection: &mut SqliteConnection, writes: Vec<Write>) -> sqlx::Result<()> {
    let mut posts = Vec::new();
    for write in writes {
        let full = posts.len() == POSTING_SIZES[POSTING_SIZES.len() - 1];
        if !posts.is_empty() && (full || !matches!(write, Write::Post(_))) {
            posting(connection, std::mem::take(&mut posts)).await?;
        }
        match write {
            Write::Post(_) => posts.push(write),
            other => statement(connection, other).await?,
        }
    }
    if posts.is_empty() {
        return Ok(());
    }
    posting(connection, posts).await
}

async fn posting(connection: &mut SqliteConnection, posts: Vec<Write>) -> sqlx::Result<()> {
    let size = POSTING_SIZES
        .iter()
        .position(|size| posts.len() <= *size)
        .unwrap_or(POSTING_SIZES.len() - 1);
    let mut arguments = SqliteArguments::default();
    arguments.reserve(posts.len() * 12, 0);
    for write in posts {
        let Write::Post(row) = write else { continue };
        bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
    }
    // What is left unbound is NULL: padding. The statement's one result comes when it is done, and
    // committed where it stands alone; waiting for the stream's end would cost another wake-up.
    let mut results = connection.fetch_many(sqlx::query_with(POSTING[size], arguments));
    results.try_next().await.map(drop)
}

fn bind(arguments: &mut SqliteArguments, row: PostRow) -> Result<(), sqlx::error::BoxDynError> {
    let PostRow {
        room,
        rev,
        timeline,
        seq,
        author,
        author_rev,
        at_ms,
        send_key,
        what,
        text,
        long,
    } = row;
    arguments.add(room)?;
    arguments.add(int(rev))?;
    arguments.add(int(timeline.0))?;
    arguments.add(int(seq))?;
    arguments.add(&author.0[..])?;
    arguments.add(int(author_rev))?;
    arguments.add(int(at_ms))?;
    arguments.add(&send_key.0[..])?;
    arguments.add(what)?;
    arguments.add(text)?;
    arguments.add(long.map(|long| i64::from(long.bytes)))?;
    arguments.add(long.map(|long| long.hash.to_vec()))
}

async fn statement(connection: &mut SqliteConnection, write: Write) -> sqlx::Result<()> {
    let query = match write {
        Write::Post(_) => return posting(connection, vec![write]).await,
        Write::NewRoom { number, state, made_at_ms } => sqlx::query(
            "INSERT INTO rooms (id, room, kind, name, folded, topic, rev, head, floor, last_at, members, owners, made_at)
             VALUES (?, ?, ?, ?, ?, ?, 0, 0, 1, 0, 0, 0, ?)",
        )
        .bind(number)
        .bind(state.room.0.to_vec())
        .bind(state.kind.0)
        .bind(state.name.shown)
        .bind(state.name.folded)
        .bind(state.topic)
        .bind(int(made_at_ms)),
        Write::Room { number, rev, topic, members, owners } => {
            sqlx::query("UPDATE rooms SET rev = ?, topic = ?, members = ?, owners = ? WHERE id = ?")
                .bind(int(rev))
                .bind(topic)
                .bind(members)
                .bind(owners)
                .bind(number)
        }
        Write::Change { room, rev, thing } => {
            let query = sqlx::query(
                "INSERT INTO room_changes (room, rev, kind, ref_a, ref_b) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (room, kind, ref_a, ref_b) DO UPDATE SET rev = excluded.rev",
            )
            .bind(room)
            .bind(int(rev));
            match thing {
                Thing::Message { timeline, seq } => query.bind(1).bind(int(timeline.0)).bind(int(seq)),
                Thing::Member(user) => query.bind(2).bind(user.0.to_vec()).bind(0),
                Thing::Details => query.bind(3).bind(0).bind(0),
            }
        }
        Write::Member { room, user, role, visible_from } => sqlx::query(
            "INSERT INTO members (room, user, role, visible_from) VALUES (?, ?, ?, ?)
             ON CONFLICT (room, user) DO UPDATE SET role = excluded.role",
        )
        .bind(room)
        .bind(user.0.to_vec())
        .bind(role.0)
        .bind(int(visible_from)),
        Write::MemberGone { room, user } => sqlx::query("DELETE FROM members WHERE room = ? AND user = ?")
            .bind(room)
            .bind(user.0.to_vec()),
        Write::Membership { user, room, rev } => sqlx::query(
            "INSERT INTO user_changes (user, kind, room, rev) VALUES (?, 1, ?, ?)
             ON CONFLICT (user, kind, room) DO UPDATE SET rev = excluded.rev",
        )
        .bind(user.0.to_vec())
        .bind(room)
        .bind(int(rev)),
        Write::Marker { user, room, seq, rev } => sqlx::query(
            "INSERT INTO markers (user, room, timeline, seq, rev) VALUES (?, ?, 0, ?, ?)
             ON CONFLICT (user, room, timeline) DO UPDATE SET seq = excluded.seq, rev = excluded.rev",
        )
        .bind(user.0.to_vec())
        .bind(room)
        .bind(int(seq))
        .bind(int(rev)),
        Write::Key { key, sender, room, first } => sqlx::query(
            "INSERT INTO send_keys (key, sender, what, room, seq, rev, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(key.0.to_vec())
        .bind(sender.0.to_vec())
        .bind(first.what)
        .bind(room)
        .bind(int(first.committed.seq))
        .bind(int(first.committed.rev))
        .bind(int(first.committed.at_ms)),
    };
    query.execute(connection).await.map(drop)
}
