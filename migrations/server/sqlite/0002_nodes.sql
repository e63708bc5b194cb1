-- What the nodes of a cluster say of themselves while Redis is away: who lives is read from it.

CREATE TABLE nodes (
    -- The node's number, 64 bits read as a signed number.
    number INTEGER NOT NULL CONSTRAINT nodes_pk PRIMARY KEY,
    -- Sealed under the cluster's secret; the server looks into it, the database does not.
    record BLOB NOT NULL CONSTRAINT nodes_record_size CHECK (length(record) <= 2048),
    -- When it was said, by the node's own clock.
    beat_at INTEGER NOT NULL
) STRICT;
CREATE INDEX nodes_by_beat ON nodes (beat_at);
