-- What only this machine has: unsent messages, drafts, the person's choices. Never disposable.
--
-- Instants are ms since the Unix epoch; ids are 16 bytes.

CREATE TABLE outbox (
    -- Rises in the order written, over all rooms and processes; never used again.
    place INTEGER NOT NULL CONSTRAINT outbox_pk PRIMARY KEY AUTOINCREMENT,
    send_key BLOB NOT NULL CONSTRAINT outbox_send_key_once UNIQUE
        CONSTRAINT outbox_send_key_size CHECK (length(send_key) = 16),
    -- Whose it is: another person who uses the profile does not send it.
    author BLOB NOT NULL CONSTRAINT outbox_author_size CHECK (length(author) = 16),
    room BLOB NOT NULL CONSTRAINT outbox_room_size CHECK (length(room) = 16),
    text TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    -- When it was first handed to a link; NULL: never. From then on it may have arrived.
    sent_at INTEGER,
    -- Why it was refused for good; NULL: it was not.
    failed_code INTEGER,
    failed_text TEXT
) STRICT;

-- What became of messages lately, for the process that wrote them when another has sent them.
CREATE TABLE acknowledged (
    send_key BLOB NOT NULL CONSTRAINT acknowledged_pk PRIMARY KEY
        CONSTRAINT acknowledged_send_key_size CHECK (length(send_key) = 16),
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    noted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX acknowledged_by_age ON acknowledged (noted_at);

-- Which process sends the messages of a room, so that two never do.
CREATE TABLE leases (
    room BLOB NOT NULL CONSTRAINT leases_pk PRIMARY KEY,
    -- A random number of the process.
    owner INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE drafts (
    room BLOB NOT NULL CONSTRAINT drafts_pk PRIMARY KEY,
    text TEXT NOT NULL,
    written_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The person's choices for a room on this machine.
CREATE TABLE choices (
    room BLOB NOT NULL CONSTRAINT choices_pk PRIMARY KEY,
    muted INTEGER NOT NULL CONSTRAINT choices_muted_flag CHECK (muted IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Read markers that the server does not have yet.
CREATE TABLE markers (
    room BLOB NOT NULL CONSTRAINT markers_pk PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
