-- The first schema: the tables, columns and constraints of SQLite's, by the same names. What every
-- column means is said there (migrations/server/sqlite/0001_start.sql); here stands what differs.
--
-- Numbers and flags are bigint, bytes are bytea. Names for comparison sort by their bytes,
-- whatever the database's locale. Two things are added: `user_revs`, the lock and the count of a
-- person's own rev, and two columns of `meta` that tell one life of a database from another.
--
-- Several nodes write, so nothing is known without a lock. They are taken in one order: the room's
-- row, its people's rows in `user_revs` by id, long texts by hash. Rows that change at every post
-- leave room on their page, so that no index learns of the change.

CREATE TABLE meta (
    one bigint NOT NULL CONSTRAINT meta_pk PRIMARY KEY CONSTRAINT meta_one_row CHECK (one = 1),
    epoch bigint NOT NULL,
    installation bytea NOT NULL CONSTRAINT meta_installation_size CHECK (length(installation) = 16),
    made_at bigint NOT NULL,
    checked_at bigint NOT NULL,
    -- Of the server that the epoch belongs to: its system identifier, and its timeline, which a
    -- promoted replica and a restored backup begin anew.
    cluster bigint NOT NULL,
    timeline bigint NOT NULL
);

CREATE TABLE users (
    id bytea NOT NULL CONSTRAINT users_pk PRIMARY KEY
        CONSTRAINT users_id_size CHECK (length(id) = 16),
    name text NOT NULL,
    folded text COLLATE "C" NOT NULL CONSTRAINT users_folded_once UNIQUE,
    display_name text NOT NULL,
    password_hash text NOT NULL,
    administrator bigint NOT NULL CONSTRAINT users_administrator_flag CHECK (administrator IN (0, 1)),
    disabled bigint NOT NULL DEFAULT 0 CONSTRAINT users_disabled_flag CHECK (disabled IN (0, 1)),
    unlimited bigint NOT NULL CONSTRAINT users_unlimited_flag CHECK (unlimited IN (0, 1)),
    made_at bigint NOT NULL
);

-- A person's own rev. Whoever changes what is the person's own locks this row first.
CREATE TABLE user_revs (
    "user" bytea NOT NULL CONSTRAINT user_revs_pk PRIMARY KEY
        CONSTRAINT user_revs_user_fk REFERENCES users (id) ON DELETE CASCADE,
    rev bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE sessions (
    id bytea NOT NULL CONSTRAINT sessions_pk PRIMARY KEY
        CONSTRAINT sessions_id_size CHECK (length(id) = 16),
    "user" bytea NOT NULL CONSTRAINT sessions_user_fk REFERENCES users (id),
    token bytea NOT NULL CONSTRAINT sessions_token_once UNIQUE,
    next_token bytea CONSTRAINT sessions_next_token_once UNIQUE,
    token_at bigint NOT NULL,
    device text NOT NULL,
    address text NOT NULL,
    made_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX sessions_of_user ON sessions ("user");
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- The next room's number.
CREATE SEQUENCE room_numbers;

CREATE TABLE rooms (
    id bigint NOT NULL CONSTRAINT rooms_pk PRIMARY KEY,
    room bytea NOT NULL CONSTRAINT rooms_room_once UNIQUE
        CONSTRAINT rooms_room_size CHECK (length(room) = 16),
    kind bigint NOT NULL,
    name text NOT NULL,
    folded text COLLATE "C" NOT NULL,
    topic text NOT NULL,
    rev bigint NOT NULL,
    head bigint NOT NULL,
    floor bigint NOT NULL,
    last_at bigint NOT NULL,
    members bigint NOT NULL,
    owners bigint NOT NULL,
    made_at bigint NOT NULL,
    CONSTRAINT rooms_floor_reached CHECK (floor <= head + 1),
    CONSTRAINT rooms_owners_are_members CHECK (0 <= owners AND owners <= members)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX rooms_public_name_once ON rooms (folded) WHERE kind = 0;

CREATE TABLE timelines (
    room bigint NOT NULL CONSTRAINT timelines_room_fk REFERENCES rooms (id),
    root bigint NOT NULL CONSTRAINT timelines_root_positive CHECK (root > 0),
    head bigint NOT NULL,
    floor bigint NOT NULL,
    last_at bigint NOT NULL,
    CONSTRAINT timelines_pk PRIMARY KEY (room, root)
) WITH (fillfactor = 80);

CREATE TABLE members (
    room bigint NOT NULL CONSTRAINT members_room_fk REFERENCES rooms (id),
    "user" bytea NOT NULL CONSTRAINT members_user_fk REFERENCES users (id),
    role bigint NOT NULL CONSTRAINT members_role_positive CHECK (role > 0),
    visible_from bigint NOT NULL,
    CONSTRAINT members_pk PRIMARY KEY (room, "user")
);
CREATE INDEX members_by_user ON members ("user", room);

CREATE TABLE markers (
    "user" bytea NOT NULL,
    room bigint NOT NULL,
    timeline bigint NOT NULL,
    seq bigint NOT NULL,
    rev bigint NOT NULL,
    CONSTRAINT markers_pk PRIMARY KEY ("user", room, timeline)
) WITH (fillfactor = 70);

CREATE TABLE user_changes (
    "user" bytea NOT NULL,
    kind bigint NOT NULL,
    room bigint NOT NULL,
    rev bigint NOT NULL,
    CONSTRAINT user_changes_pk PRIMARY KEY ("user", kind, room)
);

CREATE TABLE messages (
    room bigint NOT NULL,
    timeline bigint NOT NULL,
    seq bigint NOT NULL,
    author bytea NOT NULL,
    at bigint NOT NULL,
    send_key bytea NOT NULL,
    rev bigint NOT NULL,
    state bigint NOT NULL,
    text text NOT NULL,
    long_bytes bigint,
    long_hash bytea,
    CONSTRAINT messages_pk PRIMARY KEY (room, timeline, seq)
);
CREATE INDEX messages_gone ON messages (room, timeline, seq) WHERE state = 2;

CREATE TABLE room_changes (
    room bigint NOT NULL,
    rev bigint NOT NULL,
    kind bigint NOT NULL,
    -- A person's id, or a number as int8send writes it.
    ref_a bytea NOT NULL,
    ref_b bigint NOT NULL,
    CONSTRAINT room_changes_pk PRIMARY KEY (room, rev),
    CONSTRAINT room_changes_once UNIQUE (room, kind, ref_a, ref_b)
);

CREATE TABLE send_keys (
    key bytea NOT NULL,
    sender bytea NOT NULL,
    what bigint NOT NULL,
    room bigint NOT NULL,
    seq bigint NOT NULL,
    rev bigint NOT NULL,
    at bigint NOT NULL,
    CONSTRAINT send_keys_pk PRIMARY KEY (key, sender)
);

CREATE TABLE long_texts (
    hash bytea NOT NULL CONSTRAINT long_texts_pk PRIMARY KEY
        CONSTRAINT long_texts_hash_size CHECK (length(hash) = 32),
    text bytea NOT NULL,
    refs bigint NOT NULL CONSTRAINT long_texts_refs_counted CHECK (refs >= 0),
    made_at bigint NOT NULL
);
CREATE INDEX long_texts_unused ON long_texts (made_at) WHERE refs = 0;

CREATE TABLE invites (
    code bytea NOT NULL CONSTRAINT invites_pk PRIMARY KEY
        CONSTRAINT invites_code_size CHECK (length(code) = 32),
    maker bytea CONSTRAINT invites_maker_fk REFERENCES users (id),
    uses bigint NOT NULL,
    used bigint NOT NULL DEFAULT 0,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    owner bigint NOT NULL CONSTRAINT invites_owner_flag CHECK (owner IN (0, 1)),
    CONSTRAINT invites_not_overused CHECK (uses = 0 OR used <= uses)
);
CREATE INDEX invites_by_end ON invites (expires_at);

CREATE TABLE invite_rooms (
    code bytea NOT NULL CONSTRAINT invite_rooms_code_fk REFERENCES invites (code) ON DELETE CASCADE,
    place bigint NOT NULL,
    room bytea NOT NULL CONSTRAINT invite_rooms_room_size CHECK (length(room) = 16),
    CONSTRAINT invite_rooms_pk PRIMARY KEY (code, place)
);

CREATE TABLE invite_uses (
    code bytea NOT NULL CONSTRAINT invite_uses_code_fk REFERENCES invites (code) ON DELETE CASCADE,
    "user" bytea NOT NULL CONSTRAINT invite_uses_user_fk REFERENCES users (id),
    used_at bigint NOT NULL,
    CONSTRAINT invite_uses_pk PRIMARY KEY (code, "user")
);

-- Moves a read marker forward; no row where it does not move. One call, so one visit and one
-- transaction: it locks the person's own rev, and only then looks.
CREATE FUNCTION move_marker(who bytea, in_room bytea, in_timeline bigint, wanted bigint)
RETURNS TABLE (moved_seq bigint, moved_rev bigint, moved_gone bigint)
LANGUAGE plpgsql AS $$
DECLARE
    place record;
BEGIN
    SELECT v.rev + 1 INTO moved_rev FROM user_revs v WHERE v."user" = who FOR NO KEY UPDATE;
    SELECT r.id, CASE WHEN in_timeline = 0 THEN r.head ELSE coalesce(t.head, 0) END AS head,
        coalesce(k.seq, 0) AS seq
    INTO place
    FROM rooms r
    JOIN members m ON m.room = r.id AND m."user" = who
    LEFT JOIN timelines t ON t.room = r.id AND t.root = in_timeline
    LEFT JOIN markers k ON k."user" = who AND k.room = r.id AND k.timeline = in_timeline
    WHERE r.room = in_room AND (in_timeline = 0 OR in_timeline >= m.visible_from);
    moved_seq := least(wanted, place.head);
    IF moved_rev IS NULL OR place.id IS NULL OR moved_seq <= place.seq THEN
        RETURN;
    END IF;
    INSERT INTO markers ("user", room, timeline, seq, rev)
    VALUES (who, place.id, in_timeline, moved_seq, moved_rev)
    ON CONFLICT ("user", room, timeline) DO UPDATE SET seq = excluded.seq, rev = excluded.rev;
    UPDATE user_revs SET rev = moved_rev WHERE "user" = who;
    SELECT count(*) INTO moved_gone FROM messages m
    WHERE m.room = place.id AND m.timeline = in_timeline AND m.seq > moved_seq AND m.state = 2;
    RETURN NEXT;
END
$$;

-- Appends posts to a room's own timeline where nothing about them is unusual: the room is there,
-- every sender is a member with an account in use, no send key was used before, and each named
-- predecessor was. Otherwise it writes nothing and gives no row: then the caller decides one by one.
-- One call, so one visit and one transaction: it locks the room, then the senders by their ids, and
-- only then looks. Gives what all stood at before.
CREATE FUNCTION append_posts(
    in_room bytea, in_now bigint, in_keys bytea[], in_senders bytea[], in_afters bytea[],
    in_whats bigint[], in_texts text[]
)
RETURNS TABLE (
    was_rev bigint, was_head bigint, is_kind bigint, posted_at bigint, people bytea[], was_revs bigint[]
)
LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    SELECT r.id, r.rev, r.head, r.kind, greatest(r.last_at, in_now)
    INTO number, was_rev, was_head, is_kind, posted_at
    FROM rooms r WHERE r.room = in_room FOR NO KEY UPDATE;
    IF number IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(l."user"), array_agg(l.rev) INTO people, was_revs
    FROM (SELECT v."user", v.rev FROM user_revs v WHERE v."user" = ANY (in_senders)
        ORDER BY v."user" FOR NO KEY UPDATE) l;
    IF EXISTS (
        SELECT 1 FROM UNNEST(in_senders) AS s(sender)
        LEFT JOIN members m ON m.room = number AND m."user" = s.sender
        LEFT JOIN users u ON u.id = m."user" AND u.disabled = 0
        WHERE u.id IS NULL
    ) OR EXISTS (
        SELECT 1 FROM UNNEST(in_keys, in_senders) AS n(key, sender)
        JOIN send_keys k ON k.key = n.key AND k.sender = n.sender
    ) OR EXISTS (
        SELECT 1 FROM UNNEST(in_afters, in_senders) AS n(key, sender)
        WHERE n.key IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM send_keys k WHERE k.key = n.key AND k.sender = n.sender)
    ) THEN
        RETURN;
    END IF;
    WITH posted AS (
        SELECT n.* FROM UNNEST(in_keys, in_senders, in_whats, in_texts)
            WITH ORDINALITY AS n(key, sender, what, text, place)
    ),
    wrote AS (
        INSERT INTO messages (room, timeline, seq, author, at, send_key, rev, state, text)
        SELECT number, 0, was_head + p.place, p.sender, posted_at, p.key, was_rev + p.place, 0, p.text
        FROM posted p
    ),
    noted AS (
        INSERT INTO send_keys (key, sender, what, room, seq, rev, at)
        SELECT p.key, p.sender, p.what, number, was_head + p.place, was_rev + p.place, posted_at
        FROM posted p
    ),
    settled AS (
        UPDATE rooms r SET rev = was_rev + cardinality(in_keys), head = was_head + cardinality(in_keys),
            last_at = posted_at
        WHERE r.id = number
    ),
    counted AS (
        SELECT p.sender, count(*) AS posts, max(p.place) AS last FROM posted p GROUP BY p.sender
    ),
    moved AS (
        UPDATE user_revs v SET rev = v.rev + c.posts FROM counted c WHERE v."user" = c.sender
        RETURNING v."user", v.rev, c.last
    )
    -- Sending moves the sender's own marker.
    INSERT INTO markers ("user", room, timeline, seq, rev)
    SELECT m."user", number, 0, was_head + m.last, m.rev FROM moved m
    ON CONFLICT ("user", room, timeline) DO UPDATE SET seq = excluded.seq, rev = excluded.rev;
    RETURN NEXT;
END
$$;
