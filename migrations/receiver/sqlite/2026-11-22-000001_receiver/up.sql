-- The shop's side: who may send, what arrived, and what it made of clients, projects and design files.
-- Rows that events make meet clients and projects by code, in joins: so nothing depends on which came
-- first. Times are Unix milliseconds, UTC. Columns called *_order hold the place of an event among all
-- events of its design file, as bytes that compare like it; empty is before every event.

CREATE TABLE tenants (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO tenants (id, name) VALUES (1, 'default');

-- The name is part of a public address, so it is unique over all tenants.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE clients (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (tenant_id, code)
) STRICT;

CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    code TEXT NOT NULL,
    client_code TEXT,
    name TEXT,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (tenant_id, code)
) STRICT;

-- Every verified event, once. Ids are never used again: the activity keeps them.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    -- The event's id, or the SHA-256 of the body of a sender that gives none.
    event_key TEXT NOT NULL,
    profile INTEGER NOT NULL CHECK (profile BETWEEN 1 AND 5),
    event_type TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    -- 1 applied, 2 unknown event type, 3 failed
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    error_code TEXT,
    error TEXT,
    -- The bytes that were signed.
    body BLOB NOT NULL,
    received_at_ms INTEGER NOT NULL,
    last_seen_at_ms INTEGER NOT NULL,
    -- Arrivals after the first; those of a failed event are tries, not duplicates.
    duplicates INTEGER NOT NULL CHECK (duplicates >= 0),
    UNIQUE (source_id, event_key),
    CHECK ((state = 3) = (error_code IS NOT NULL) AND (state = 3) = (error IS NOT NULL))
) STRICT;
CREATE INDEX inbox_by_tenant ON inbox (tenant_id, id);
CREATE INDEX inbox_unapplied ON inbox (tenant_id, state, id) WHERE state <> 1;

-- One row per file of a sender. Three groups of columns; each holds what the latest event that speaks for
-- it said: the facts, whether it was ingested (again), whether it was deleted.
-- It is deleted while deleted_order > ingested_order.
CREATE TABLE design_files (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    origin TEXT NOT NULL,
    ingest_id INTEGER NOT NULL,

    facts_order BLOB NOT NULL,
    facts_at_ms INTEGER NOT NULL,
    -- 1 pending, 2 processing, 3 completed, 4 failed, 5 deleted
    status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5),
    original_filename TEXT,
    stored_filename TEXT,
    -- What the versions of a part have in common besides project and kind.
    base_name TEXT,
    file_path TEXT,
    file_type TEXT,
    file_size INTEGER,
    mime_type TEXT,
    sha256 TEXT,
    confidence_score REAL,
    client_code TEXT,
    project_code TEXT,
    part_name TEXT,
    material TEXT,
    thickness_mm REAL,
    quantity INTEGER,
    version INTEGER,
    created_at_ms INTEGER NOT NULL,
    processed_at_ms INTEGER,
    preview_url TEXT,
    download_url TEXT,
    duplicate_of INTEGER,
    -- JSON
    extraction TEXT,
    error TEXT,

    ingested_order BLOB NOT NULL,

    deleted_order BLOB NOT NULL,
    deleted_at_ms INTEGER,
    hard_delete INTEGER CHECK (hard_delete IN (0, 1)),

    UNIQUE (source_id, origin, ingest_id)
) STRICT;
CREATE INDEX design_files_by_time ON design_files (tenant_id, created_at_ms);
CREATE INDEX design_files_by_project ON design_files (tenant_id, project_code, base_name)
    WHERE project_code IS NOT NULL;

-- What happened to design files: one row for every applied event, in whatever order it arrived.
CREATE TABLE activity_log (
    inbox_id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    design_file_id INTEGER NOT NULL,
    -- 1 ingested, 2 processed, 3 failed, 4 re-extracted, 5 deleted
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    event_order BLOB NOT NULL,
    sequence INTEGER,
    timestamp_ms INTEGER NOT NULL,
    project_code TEXT,
    -- Whether newer events had left nothing of it to see when it was committed.
    stale INTEGER NOT NULL CHECK (stale IN (0, 1))
) STRICT;
CREATE INDEX activity_log_by_file ON activity_log (design_file_id, event_order);
CREATE INDEX activity_log_by_time ON activity_log (tenant_id, timestamp_ms);
CREATE INDEX activity_log_by_project ON activity_log (tenant_id, project_code, timestamp_ms)
    WHERE project_code IS NOT NULL;
