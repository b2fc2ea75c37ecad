CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    ulid BLOB NOT NULL UNIQUE CHECK (length(ulid) = 16),
    tenant_id INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    timestamp_ms INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
