-- What a client holds of the server's: disposable, made anew when damaged.
--
-- Numbers: an instant is ms since the Unix epoch; a seq counts messages of a timeline from 1
-- without a gap; a rev counts durable changes of a room, or of what is one person's own. Ids are
-- 16 bytes. Several processes write here: a row keeps the newest rev that it was written at, and
-- an older one changes nothing.

CREATE TABLE meta (
    one INTEGER NOT NULL CONSTRAINT meta_pk PRIMARY KEY CONSTRAINT meta_one_row CHECK (one = 1),
    -- Whose content it is; another person's is dropped.
    user BLOB CONSTRAINT meta_user_size CHECK (length(user) = 16),
    -- 64 random bits of the installation's data, read as a signed number.
    epoch INTEGER,
    -- The rev of the person's own that is held; NULL: nothing.
    user_rev INTEGER
) STRICT;

CREATE TABLE rooms (
    room BLOB NOT NULL CONSTRAINT rooms_pk PRIMARY KEY
        CONSTRAINT rooms_room_size CHECK (length(room) = 16),
    -- 0 public, 1 private, 2 direct.
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    -- The other person of a direct room.
    direct_with BLOB CONSTRAINT rooms_direct_with_size CHECK (length(direct_with) = 16),
    role INTEGER NOT NULL,
    members INTEGER NOT NULL,
    head INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    -- First seq that the person may see.
    visible_from INTEGER NOT NULL,
    -- The rev that name, topic and the rest were written at.
    rev INTEGER NOT NULL,
    -- The rev up to which held messages are current; NULL: nothing is held.
    held INTEGER,
    -- The read marker, and tombstones between it and the head.
    read INTEGER NOT NULL,
    unread_gone INTEGER NOT NULL,
    -- Newest seq held that names the person.
    mention INTEGER NOT NULL DEFAULT 0,
    -- When the newest message held was committed.
    active_at INTEGER NOT NULL DEFAULT 0,
    -- When the room was last on screen.
    opened_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    room BLOB NOT NULL,
    -- 0: the room's own timeline.
    timeline INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    author BLOB NOT NULL CONSTRAINT messages_author_size CHECK (length(author) = 16),
    at INTEGER NOT NULL,
    send_key BLOB NOT NULL CONSTRAINT messages_send_key_size CHECK (length(send_key) = 16),
    -- 0 plain, 1 edited, 2 a tombstone.
    state INTEGER NOT NULL,
    text TEXT NOT NULL,
    -- Bytes and SHA-256 of a long text, whose preview `text` then is.
    long_bytes INTEGER,
    long_hash BLOB CONSTRAINT messages_long_hash_size CHECK (length(long_hash) = 32),
    CONSTRAINT messages_pk PRIMARY KEY (room, timeline, seq)
) STRICT, WITHOUT ROWID;

-- Runs of seqs of which every message is held, as current as `rooms.held`.
CREATE TABLE ranges (
    room BLOB NOT NULL,
    timeline INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT ranges_pk PRIMARY KEY (room, timeline, first),
    CONSTRAINT ranges_not_empty CHECK (first <= last)
) STRICT, WITHOUT ROWID;

-- Long texts that were loaded, by their hash.
CREATE TABLE texts (
    hash BLOB NOT NULL CONSTRAINT texts_hash_size CHECK (length(hash) = 32),
    text TEXT NOT NULL,
    CONSTRAINT texts_once UNIQUE (hash)
) STRICT;

CREATE TABLE people (
    user BLOB NOT NULL CONSTRAINT people_pk PRIMARY KEY
        CONSTRAINT people_user_size CHECK (length(user) = 16),
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    -- When the server said so.
    learned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
