-- The table of SQLite's, by the same names (migrations/server/sqlite/0002_nodes.sql). A row changes
-- every two seconds while it is used, so pages keep room for that.

CREATE TABLE nodes (
    number bigint NOT NULL CONSTRAINT nodes_pk PRIMARY KEY,
    record bytea NOT NULL CONSTRAINT nodes_record_size CHECK (length(record) <= 2048),
    beat_at bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX nodes_by_beat ON nodes (beat_at);
