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
    render_version SMALLINT NOT NULL CHECK (render_version > 0),
    -- The transaction that made it: the order in which readers may rely on having seen everything.
    xact BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
CREATE INDEX events_by_tenant ON events (tenant_id, id);
CREATE INDEX events_by_subject ON events (tenant_id, subject, id);
CREATE INDEX events_committed ON events (tenant_id, xact, id);

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
    -- Raised by every change of the row or of its secrets.
    version BIGINT NOT NULL CHECK (version > 0),
    -- Set for subscriptions that come from the configuration.
    config_name TEXT,
    description TEXT NOT NULL,
    url TEXT NOT NULL,
    -- JSON array of type patterns, sorted.
    event_types TEXT NOT NULL,
    -- CEL over `event`.
    filter TEXT,
    profile SMALLINT NOT NULL CHECK (profile BETWEEN 1 AND 5),
    -- 1 HMAC, 2 ed25519, 3 both
    signing SMALLINT NOT NULL CHECK (signing BETWEEN 1 AND 3),
    -- 1 active, 2 paused, 3 disabled, 4 deleted
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 4),
    disabled_reason TEXT CHECK (state <> 3 OR disabled_reason IS NOT NULL),
    -- Where these are null the defaults of the configuration hold.
    timeout_ms BIGINT CHECK (timeout_ms BETWEEN 1000 AND 300000),
    retry_enabled SMALLINT NOT NULL CHECK (retry_enabled IN (0, 1)),
    -- A preset's name, or waits in seconds.
    retry_schedule TEXT,
    retries_max SMALLINT CHECK (retries_max BETWEEN 0 AND 20),
    retry_client_errors SMALLINT CHECK (retry_client_errors IN (0, 1)),
    in_flight_max BIGINT CHECK (in_flight_max > 0),
    -- Attempts in 1,000 seconds.
    rate_limit BIGINT CHECK (rate_limit > 0),
    -- 1 none, 2 one at a time for each subject
    ordering SMALLINT NOT NULL CHECK (ordering IN (1, 2)),
    -- JSON object of custom headers, sealed like a secret.
    headers BYTEA,
    -- JSON object of its owner's.
    metadata TEXT,
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
    -- Attempts made before it was redelivered by hand; the schedule counts from there.
    attempts_before BIGINT NOT NULL DEFAULT 0,
    -- For endpoints that want order: the subject's hash, and the event's place.
    order_key BIGINT,
    order_sequence BIGINT,
    -- The transaction that made it: the order in which readers may rely on having seen everything.
    xact BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK ((state = 1) = (finished_at_ms IS NULL))
);
-- What waits in the table for somebody to take it; rows handed over in memory never enter it.
CREATE INDEX deliveries_waiting ON deliveries (subscription_id, due_at_ms)
    WHERE state = 1 AND owner IS NULL;
CREATE INDEX deliveries_owned ON deliveries (owner) WHERE owner IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (tenant_id, id) WHERE state = 3;
CREATE INDEX deliveries_by_event ON deliveries (event_id);
CREATE INDEX deliveries_by_subscription ON deliveries (subscription_id, xact, id);
-- Heads of subjects, and what waits behind them.
CREATE INDEX deliveries_in_order ON deliveries (subscription_id, order_key, order_sequence)
    WHERE state = 1 AND order_key IS NOT NULL;

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

-- What the attempts say of an endpoint; no row while all is well.
CREATE TABLE endpoint_health (
    subscription_id BIGINT NOT NULL PRIMARY KEY,
    -- Since when every attempt has failed.
    failing_since_ms BIGINT NOT NULL,
    -- Whether endpoint.failing has been published.
    told SMALLINT NOT NULL CHECK (told IN (0, 1)),
    -- Until when nothing is sent, and how often in a row that was so.
    open_until_ms BIGINT,
    opened BIGINT NOT NULL CHECK (opened >= 0)
);

-- Ends of deliveries in all. A shard is one writing connection's, so that none waits for another.
CREATE TABLE delivery_totals (
    subscription_id BIGINT NOT NULL,
    shard SMALLINT NOT NULL,
    tenant_id BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    dead BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    last_success_at_ms BIGINT,
    last_failure_at_ms BIGINT,
    PRIMARY KEY (subscription_id, shard)
);

-- Attempts by the hour.
CREATE TABLE delivery_hours (
    tenant_id BIGINT NOT NULL,
    hour_ms BIGINT NOT NULL,
    subscription_id BIGINT NOT NULL,
    event_type TEXT NOT NULL,
    -- The HTTP status, or minus the outcome where there was none.
    status SMALLINT NOT NULL,
    shard SMALLINT NOT NULL,
    attempts BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    dead BIGINT NOT NULL,
    -- Attempts that the deliveries ended here have taken.
    ended_attempts BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, hour_ms, subscription_id, event_type, status, shard)
);

-- Types that tenants registered themselves, or shipped ones they want checked.
CREATE TABLE event_types (
    tenant_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    json_schema TEXT,
    example TEXT,
    -- 1 off, 2 warn, 3 block
    validation SMALLINT NOT NULL CHECK (validation BETWEEN 1 AND 3),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- Which event a publisher's request became, for one that may ask again.
CREATE TABLE idempotency_keys (
    tenant_id BIGINT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    event_ulid BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, idempotency_key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at_ms);

-- Events owed to more endpoints than one transaction writes down.
CREATE TABLE fan_outs (
    event_id BIGINT NOT NULL PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    -- Endpoints up to this one have their deliveries.
    after_subscription_id BIGINT NOT NULL
);

CREATE TABLE replays (
    id BIGINT PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    -- What is to be sent again, as JSON.
    wanted TEXT NOT NULL,
    rate_per_second BIGINT NOT NULL CHECK (rate_per_second > 0),
    -- 1 running, 2 completed, 3 cancelled
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 3),
    expected BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    -- Events and, within one, endpoints up to here are done.
    after_event_id BIGINT NOT NULL,
    after_subscription_id BIGINT NOT NULL,
    until_event_id BIGINT NOT NULL,
    next_at_ms BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT,
    CHECK ((state = 1) = (finished_at_ms IS NULL))
);
CREATE INDEX replays_running ON replays (next_at_ms) WHERE state = 1;
