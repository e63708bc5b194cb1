-- The first schema.
--
-- Numbers: an instant is ms since the Unix epoch; a seq counts messages of a timeline from 1
-- without a gap; a rev counts durable changes of a room, or of what is one person's own. Ids of
-- people, rooms, sessions and send keys are 16 bytes, UUIDv7 except for direct rooms.
--
-- Foreign keys stand on the tables that change seldom. The tables of the append path (messages,
-- room_changes, send_keys, markers) have none: their one writer has checked the room and the
-- person in the same transaction, and each key would cost a look-up a row.

CREATE TABLE meta (
    one INTEGER NOT NULL CONSTRAINT meta_pk PRIMARY KEY CONSTRAINT meta_one_row CHECK (one = 1),
    -- 64 random bits, read as a signed number; made anew by a restore.
    epoch INTEGER NOT NULL,
    -- Random, for ever.
    installation BLOB NOT NULL CONSTRAINT meta_installation_size CHECK (length(installation) = 16),
    made_at INTEGER NOT NULL,
    -- Last proof that writing works.
    checked_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id BLOB NOT NULL CONSTRAINT users_pk PRIMARY KEY
        CONSTRAINT users_id_size CHECK (length(id) = 16),
    name TEXT NOT NULL,
    -- The name for comparison: NFKC, without case, lookalikes mapped.
    folded TEXT NOT NULL CONSTRAINT users_folded_once UNIQUE,
    display_name TEXT NOT NULL,
    -- argon2id in PHC form.
    password_hash TEXT NOT NULL,
    administrator INTEGER NOT NULL CONSTRAINT users_administrator_flag CHECK (administrator IN (0, 1)),
    disabled INTEGER NOT NULL DEFAULT 0 CONSTRAINT users_disabled_flag CHECK (disabled IN (0, 1)),
    -- No rate limits: accounts of load tests.
    unlimited INTEGER NOT NULL CONSTRAINT users_unlimited_flag CHECK (unlimited IN (0, 1)),
    made_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id BLOB NOT NULL CONSTRAINT sessions_pk PRIMARY KEY
        CONSTRAINT sessions_id_size CHECK (length(id) = 16),
    user BLOB NOT NULL CONSTRAINT sessions_user_fk REFERENCES users (id),
    -- SHA-256 of the current token, and of the one offered beside it until it is used.
    token BLOB NOT NULL CONSTRAINT sessions_token_once UNIQUE,
    next_token BLOB CONSTRAINT sessions_next_token_once UNIQUE,
    token_at INTEGER NOT NULL,
    device TEXT NOT NULL,
    address TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE rooms (
    -- Stands for the room in every other table: a few bytes instead of 16.
    id INTEGER NOT NULL CONSTRAINT rooms_pk PRIMARY KEY,
    room BLOB NOT NULL CONSTRAINT rooms_room_once UNIQUE
        CONSTRAINT rooms_room_size CHECK (length(room) = 16),
    -- 0 public, 1 private, 2 direct.
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    topic TEXT NOT NULL,
    rev INTEGER NOT NULL,
    -- The room's own timeline: its newest seq, its oldest kept one, when the newest was committed.
    head INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    -- How many members and owners there are.
    members INTEGER NOT NULL,
    owners INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    CONSTRAINT rooms_floor_reached CHECK (floor <= head + 1),
    CONSTRAINT rooms_owners_are_members CHECK (0 <= owners AND owners <= members)
) STRICT;
-- Only public names are unique; the directory reads in this order.
CREATE UNIQUE INDEX rooms_public_name_once ON rooms (folded) WHERE kind = 0;

-- Threads: timelines that hang from a message of the room's own.
CREATE TABLE timelines (
    room INTEGER NOT NULL CONSTRAINT timelines_room_fk REFERENCES rooms (id),
    -- The seq of that message.
    root INTEGER NOT NULL CONSTRAINT timelines_root_positive CHECK (root > 0),
    head INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    CONSTRAINT timelines_pk PRIMARY KEY (room, root)
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    room INTEGER NOT NULL CONSTRAINT members_room_fk REFERENCES rooms (id),
    user BLOB NOT NULL CONSTRAINT members_user_fk REFERENCES users (id),
    -- 10 member, 20 moderator, 30 owner.
    role INTEGER NOT NULL CONSTRAINT members_role_positive CHECK (role > 0),
    -- First seq of the room's own timeline that the member may see.
    visible_from INTEGER NOT NULL,
    CONSTRAINT members_pk PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user, room);

-- How far a person has read a timeline (0: the room's own). `rev` is the person's own.
CREATE TABLE markers (
    user BLOB NOT NULL,
    room INTEGER NOT NULL,
    timeline INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    CONSTRAINT markers_pk PRIMARY KEY (user, room, timeline)
) STRICT, WITHOUT ROWID;

-- What else changed for one person alone, each thing once, at the person's rev that changed it
-- last. A person's rev is the greatest one here and in markers: rows move up and never go.
CREATE TABLE user_changes (
    user BLOB NOT NULL,
    -- 1: the person's membership of `room`.
    kind INTEGER NOT NULL,
    room INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    CONSTRAINT user_changes_pk PRIMARY KEY (user, kind, room)
) STRICT, WITHOUT ROWID;

-- Row = seq: a timeline's rows lie side by side, so a page is one range read.
CREATE TABLE messages (
    room INTEGER NOT NULL,
    timeline INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    author BLOB NOT NULL,
    at INTEGER NOT NULL,
    send_key BLOB NOT NULL,
    -- The room's rev that the post made.
    rev INTEGER NOT NULL,
    -- 0 plain, 1 edited, 2 deleted (a tombstone: text empty, seq kept).
    state INTEGER NOT NULL,
    -- The text, or the preview of a long one.
    text TEXT NOT NULL,
    long_bytes INTEGER,
    long_hash BLOB,
    CONSTRAINT messages_pk PRIMARY KEY (room, timeline, seq)
) STRICT, WITHOUT ROWID;
-- Tombstones, to be taken from unread counts.
CREATE INDEX messages_gone ON messages (room, timeline, seq) WHERE state = 2;

-- Every changed thing of a room once, at the rev that changed it last: "what did I miss?" is one
-- range read. Kinds and their refs: 1 message (timeline, seq), 2 member (user, 0), 3 name and
-- topic (0, 0). A ref that is no more means removed.
-- A post into the room's own timeline has no row here: its message's row says its rev, and since
-- each takes one rev at least, those after rev r lie among the last (rev - r) seqs. That spares each
-- of them two of five pages. A message that changes later gets its row here, which then counts.
CREATE TABLE room_changes (
    room INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    ref_a ANY NOT NULL,
    ref_b INTEGER NOT NULL,
    CONSTRAINT room_changes_pk PRIMARY KEY (room, rev),
    CONSTRAINT room_changes_once UNIQUE (room, kind, ref_a, ref_b)
) STRICT, WITHOUT ROWID;

-- The first result of each command, for retries. The key comes first: UUIDv7 grows with time, so
-- rows are added at the tree's end, and what expires lies at its beginning.
CREATE TABLE send_keys (
    key BLOB NOT NULL,
    sender BLOB NOT NULL,
    -- First 8 bytes of a SHA-256 of what was asked: another request under the key is refused.
    what INTEGER NOT NULL,
    room INTEGER NOT NULL,
    -- A post's seq, else 0.
    seq INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT send_keys_pk PRIMARY KEY (key, sender)
) STRICT, WITHOUT ROWID;

-- Texts above the inline size, by their hash.
CREATE TABLE long_texts (
    hash BLOB NOT NULL CONSTRAINT long_texts_pk PRIMARY KEY
        CONSTRAINT long_texts_hash_size CHECK (length(hash) = 32),
    text BLOB NOT NULL,
    -- Messages that name it; a text that none does goes after a day.
    refs INTEGER NOT NULL CONSTRAINT long_texts_refs_counted CHECK (refs >= 0),
    made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX long_texts_unused ON long_texts (made_at) WHERE refs = 0;

CREATE TABLE invites (
    -- SHA-256 of the code.
    code BLOB NOT NULL CONSTRAINT invites_pk PRIMARY KEY
        CONSTRAINT invites_code_size CHECK (length(code) = 32),
    -- NULL: the server itself.
    maker BLOB CONSTRAINT invites_maker_fk REFERENCES users (id),
    -- How many people may use it, 0 for any number, and how many did.
    uses INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- Makes the first account an administrator.
    owner INTEGER NOT NULL CONSTRAINT invites_owner_flag CHECK (owner IN (0, 1)),
    CONSTRAINT invites_not_overused CHECK (uses = 0 OR used <= uses)
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_end ON invites (expires_at);

-- The rooms that an invite opens, in the order they were named.
CREATE TABLE invite_rooms (
    code BLOB NOT NULL CONSTRAINT invite_rooms_code_fk REFERENCES invites (code) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    room BLOB NOT NULL CONSTRAINT invite_rooms_room_size CHECK (length(room) = 16),
    CONSTRAINT invite_rooms_pk PRIMARY KEY (code, place)
) STRICT, WITHOUT ROWID;

-- Who used an invite: using it again does not count again.
CREATE TABLE invite_uses (
    code BLOB NOT NULL CONSTRAINT invite_uses_code_fk REFERENCES invites (code) ON DELETE CASCADE,
    user BLOB NOT NULL CONSTRAINT invite_uses_user_fk REFERENCES users (id),
    used_at INTEGER NOT NULL,
    CONSTRAINT invite_uses_pk PRIMARY KEY (code, user)
) STRICT, WITHOUT ROWID;

-- A post is one INSERT into this view: one statement, so one transaction and one visit to the
-- database's thread for a whole batch, and each value crosses over once.
CREATE VIEW posting (
    room, rev, timeline, seq, author, user_rev, at, send_key, what, text, long_bytes, long_hash
) AS SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE 0;

-- Rows without a room are padding.
CREATE TRIGGER posting_insert INSTEAD OF INSERT ON posting WHEN NEW.room IS NOT NULL
BEGIN
    INSERT INTO messages (room, timeline, seq, author, at, send_key, rev, state, text, long_bytes,
        long_hash)
    VALUES (NEW.room, NEW.timeline, NEW.seq, NEW.author, NEW.at, NEW.send_key, NEW.rev, 0, NEW.text,
        NEW.long_bytes, NEW.long_hash);
    INSERT INTO send_keys (key, sender, what, room, seq, rev, at)
    SELECT NEW.send_key, NEW.author, NEW.what, NEW.room, NEW.seq, NEW.rev, NEW.at
    WHERE NEW.what IS NOT NULL;
    UPDATE rooms SET rev = NEW.rev, head = iif(NEW.timeline = 0, NEW.seq, head),
        last_at = iif(NEW.timeline = 0, NEW.at, last_at)
    WHERE id = NEW.room;
    -- Sending moves the sender's own marker.
    INSERT INTO markers (user, room, timeline, seq, rev)
    VALUES (NEW.author, NEW.room, NEW.timeline, NEW.seq, NEW.user_rev)
    ON CONFLICT (user, room, timeline) DO UPDATE SET seq = excluded.seq, rev = excluded.rev;
END;

CREATE TRIGGER posting_insert_thread INSTEAD OF INSERT ON posting WHEN NEW.timeline > 0
BEGIN
    INSERT INTO timelines (room, root, head, floor, last_at)
    VALUES (NEW.room, NEW.timeline, NEW.seq, 1, NEW.at)
    ON CONFLICT (room, root) DO UPDATE SET head = excluded.head, last_at = excluded.last_at;
    INSERT INTO room_changes (room, rev, kind, ref_a, ref_b)
    VALUES (NEW.room, NEW.rev, 1, NEW.timeline, NEW.seq);
END;

CREATE TRIGGER posting_insert_long INSTEAD OF INSERT ON posting WHEN NEW.long_hash IS NOT NULL
BEGIN
    UPDATE long_texts SET refs = refs + 1 WHERE hash = NEW.long_hash;
END;
