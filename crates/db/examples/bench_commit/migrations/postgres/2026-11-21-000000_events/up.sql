CREATE TABLE events (
    id BIGINT PRIMARY KEY,
    ulid BYTEA NOT NULL UNIQUE CHECK (length(ulid) = 16),
    tenant_id BIGINT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    timestamp_ms BIGINT NOT NULL,
    data BYTEA NOT NULL
);
