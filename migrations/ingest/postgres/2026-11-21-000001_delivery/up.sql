-- The webhook platform: what happened, who wants to know, what is owed to whom, what was tried.
-- Row keys of events and deliveries are time-ordered (milliseconds in the high bits): they are the keys
-- by which these tables can be partitioned. Times are Unix milliseconds, UTC.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tenants (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
INSERT INTO tenants (id, name) VALUES (1, 'default');

-- One row per process incarnation; its lease says how long others must leave its rows alone.
CREATE TABLE nodes (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    number SMALLINT NOT NULL UNIQUE CHECK (number BETWEEN 0 AND 1023),
    started_at_ms BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL
);

CREATE TABLE subject_sequences (
    tenant_id BIGINT NOT NULL,
    subject TEXT NOT NULL,
    last_sequence BIGINT NOT NULL CHECK (last_sequence > 0),
    PRIMARY KEY (tenant_id, subject)
);

CREATE TABLE events (
    id BIGINT PRIMARY KEY,
    ulid BYTEA NOT NULL UNIQUE CHECK (length(ulid) = 16),
    tenant_id BIGINT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    timestamp_ms BIGINT NOT NULL,
    -- The publisher's own bytes, never serialised again.
    data BYTEA NOT NULL,
    metadata BYTEA,
    render_version SMALLINT NOT NULL CHECK (render_version > 0)
);
CREATE INDEX events_by_tenant ON events (tenant_id, id);

-- Raised by every change of a subscription or its secrets, so that caches know when to look again.
CREATE TABLE subscriptions_version (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO subscriptions_version (id, version) VALUES (1, 1);

CREATE TABLE subscriptions (
    id BIGINT PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    -- Set for subscriptions that come from the configuration.
    config_name TEXT,
    url TEXT NOT NULL,
    -- JSON array of type patterns.
    event_types TEXT NOT NULL,
    profile SMALLINT NOT NULL CHECK (profile BETWEEN 1 AND 5),
    -- 1 active, 2 paused, 3 disabled, 4 deleted
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 4),
    timeout_ms BIGINT NOT NULL CHECK (timeout_ms BETWEEN 1000 AND 300000),
    -- JSON array of waits in milliseconds after each failed attempt.
    retry_waits_ms TEXT NOT NULL,
    retry_client_errors SMALLINT NOT NULL CHECK (retry_client_errors IN (0, 1)),
    in_flight_max BIGINT NOT NULL CHECK (in_flight_max > 0),
    -- JSON object of custom headers.
    headers TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX subscriptions_by_config_name ON subscriptions (tenant_id, config_name)
    WHERE config_name IS NOT NULL AND state <> 4;

CREATE TABLE secrets (
    id BIGINT PRIMARY KEY,
    subscription_id BIGINT NOT NULL REFERENCES subscriptions (id),
    -- 1 HMAC, 2 ed25519
    kind SMALLINT NOT NULL CHECK (kind IN (1, 2)),
    -- AES-256-GCM: nonce, ciphertext, tag.
    sealed BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT
);
CREATE INDEX secrets_by_subscription ON secrets (subscription_id);

CREATE TABLE deliveries (
    id BIGINT PRIMARY KEY,
    event_id BIGINT NOT NULL,
    subscription_id BIGINT NOT NULL,
    tenant_id BIGINT NOT NULL,
    profile SMALLINT NOT NULL CHECK (profile BETWEEN 1 AND 5),
    -- 1 pending, 2 delivered, 3 dead
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 3),
    due_at_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- The incarnation that holds it in memory; only a pending delivery has one.
    owner BIGINT CHECK (owner IS NULL OR state = 1),
    claim BIGINT NOT NULL DEFAULT 0 CHECK (claim >= 0),
    finished_at_ms BIGINT,
    CHECK ((state = 1) = (finished_at_ms IS NULL))
);
-- What waits in the table for somebody to take it; rows handed over in memory never enter it.
CREATE INDEX deliveries_waiting ON deliveries (subscription_id, due_at_ms)
    WHERE state = 1 AND owner IS NULL;
CREATE INDEX deliveries_owned ON deliveries (owner) WHERE owner IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (tenant_id, id) WHERE state = 3;
CREATE INDEX deliveries_by_event ON deliveries (event_id);

CREATE TABLE attempts (
    delivery_id BIGINT NOT NULL,
    claim BIGINT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    -- 1 delivered, 2 status, 3 timeout, 4 connection, 5 refused address, 6 broken response, 7 unsendable
    outcome SMALLINT NOT NULL CHECK (outcome BETWEEN 1 AND 7),
    status_code SMALLINT,
    error TEXT,
    response BYTEA,
    PRIMARY KEY (delivery_id, claim)
);
