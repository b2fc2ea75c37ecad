-- The webhook platform: what happened, who wants to know, what is owed to whom, what was tried.
-- Row keys of events and deliveries are time-ordered (milliseconds in the high bits): they are the keys
-- by which these tables can be partitioned. Times are Unix milliseconds, UTC.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE tenants (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO tenants (id, name) VALUES (1, 'default');

-- One row per process incarnation; its lease says how long others must leave its rows alone.
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    number INTEGER NOT NULL UNIQUE CHECK (number BETWEEN 0 AND 1023),
    started_at_ms INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE subject_sequences (
    tenant_id INTEGER NOT NULL,
    subject TEXT NOT NULL,
    last_sequence INTEGER NOT NULL CHECK (last_sequence > 0),
    PRIMARY KEY (tenant_id, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    ulid BLOB NOT NULL UNIQUE CHECK (length(ulid) = 16),
    tenant_id INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    timestamp_ms INTEGER NOT NULL,
    -- The publisher's own bytes, never serialised again.
    data BLOB NOT NULL,
    metadata BLOB,
    render_version INTEGER NOT NULL CHECK (render_version > 0)
) STRICT;
CREATE INDEX events_by_tenant ON events (tenant_id, id);

-- Raised by every change of a subscription or its secrets, so that caches know when to look again.
CREATE TABLE subscriptions_version (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO subscriptions_version (id, version) VALUES (1, 1);

CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    -- Set for subscriptions that come from the configuration.
    config_name TEXT,
    url TEXT NOT NULL,
    -- JSON array of type patterns.
    event_types TEXT NOT NULL,
    profile INTEGER NOT NULL CHECK (profile BETWEEN 1 AND 5),
    -- 1 active, 2 paused, 3 disabled, 4 deleted
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    timeout_ms INTEGER NOT NULL CHECK (timeout_ms BETWEEN 1000 AND 300000),
    -- JSON array of waits in milliseconds after each failed attempt.
    retry_waits_ms TEXT NOT NULL,
    retry_client_errors INTEGER NOT NULL CHECK (retry_client_errors IN (0, 1)),
    in_flight_max INTEGER NOT NULL CHECK (in_flight_max > 0),
    -- JSON object of custom headers.
    headers TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX subscriptions_by_config_name ON subscriptions (tenant_id, config_name)
    WHERE config_name IS NOT NULL AND state <> 4;

CREATE TABLE secrets (
    id INTEGER PRIMARY KEY,
    subscription_id INTEGER NOT NULL REFERENCES subscriptions (id),
    -- 1 HMAC, 2 ed25519
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    -- AES-256-GCM: nonce, ciphertext, tag.
    sealed BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
) STRICT;
CREATE INDEX secrets_by_subscription ON secrets (subscription_id);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    event_id INTEGER NOT NULL,
    subscription_id INTEGER NOT NULL,
    tenant_id INTEGER NOT NULL,
    profile INTEGER NOT NULL CHECK (profile BETWEEN 1 AND 5),
    -- 1 pending, 2 delivered, 3 dead
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    due_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- The incarnation that holds it in memory; only a pending delivery has one.
    owner INTEGER CHECK (owner IS NULL OR state = 1),
    claim INTEGER NOT NULL DEFAULT 0 CHECK (claim >= 0),
    finished_at_ms INTEGER,
    CHECK ((state = 1) = (finished_at_ms IS NULL))
) STRICT;
-- What waits in the table for somebody to take it; rows handed over in memory never enter it.
CREATE INDEX deliveries_waiting ON deliveries (subscription_id, due_at_ms)
    WHERE state = 1 AND owner IS NULL;
CREATE INDEX deliveries_owned ON deliveries (owner) WHERE owner IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (tenant_id, id) WHERE state = 3;
CREATE INDEX deliveries_by_event ON deliveries (event_id);

CREATE TABLE attempts (
    delivery_id INTEGER NOT NULL,
    claim INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    -- 1 delivered, 2 status, 3 timeout, 4 connection, 5 refused address, 6 broken response, 7 unsendable
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 7),
    status_code INTEGER,
    error TEXT,
    response BLOB,
    PRIMARY KEY (delivery_id, claim)
) STRICT, WITHOUT ROWID;
