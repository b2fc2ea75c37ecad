-- The shop's side: who may send, what arrived, and what it made of clients, projects and design files.
-- Rows that events make meet clients and projects by code, in joins: so nothing depends on which came
-- first. Times are Unix milliseconds, UTC. Columns called *_order hold the place of an event among all
-- events of its design file, as bytes that compare like it; empty is before every event.
-- Columns called revision count the changes of a row that people may change.

CREATE TABLE tenants (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO tenants (id, name) VALUES (1, 'default');

-- The name is part of a public address, so it is unique over all tenants. A deleted source stays: its
-- events and files carry its number.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL UNIQUE,
    -- How it sends, as JSON; NULL while it stands in the settings or is deleted.
    options TEXT,
    created_at_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

-- What a source signs with. Secrets are sealed for their source.
CREATE TABLE source_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    -- 1 secret, 2 ed25519 public key
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    sealed BLOB NOT NULL,
    -- The last characters, to tell keys apart.
    hint TEXT NOT NULL,
    not_before_ms INTEGER,
    not_after_ms INTEGER,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX source_keys_by_source ON source_keys (source_id, id);

-- A revision begins at the time of its record, so that one that is made anew has none of the old one's.
CREATE TABLE clients (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    phone TEXT,
    notes TEXT,
    created_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    UNIQUE (tenant_id, code)
) STRICT;

CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    code TEXT NOT NULL,
    -- The number at the end of the code, which job numbers in file names repeat.
    number INTEGER NOT NULL,
    client_code TEXT,
    name TEXT,
    -- 1 Request, 2 Quote & Approval, 3 Approved, 4 Queued, 5 In Progress, 6 Completed, 7 Cancelled
    status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 7),
    -- YYYY-MM-DD
    due_date TEXT,
    material TEXT,
    thickness_mm REAL,
    notes TEXT,
    created_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    UNIQUE (tenant_id, code)
) STRICT;
CREATE INDEX projects_by_client ON projects (tenant_id, client_code, number);
CREATE INDEX projects_by_number ON projects (tenant_id, number);
CREATE INDEX projects_by_tenant ON projects (tenant_id, id);

-- Every verified event, once. Ids are never used again: the activity keeps them.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    -- The event's id, or the SHA-256 of the body of a sender that gives none.
    event_key TEXT NOT NULL,
    -- 1 to 5 the profiles of the contract, 6 GitHub, 7 Stripe
    profile INTEGER NOT NULL CHECK (profile BETWEEN 1 AND 7),
    event_type TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    -- 1 applied, 2 unknown event type, 3 failed
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    error_code TEXT,
    error TEXT,
    -- How it was verified: 1 id, time and body were signed, 2 the body alone, 3 nothing was signed
    verified INTEGER NOT NULL CHECK (verified BETWEEN 1 AND 3),
    -- The request's headers as JSON; signatures, keys and cookies are masked.
    headers TEXT NOT NULL,
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
-- It is deleted while deleted_order > ingested_order. No event touches what a person linked.
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
    -- What the file's name begins with: the number of a project of the client.
    job_number INTEGER,
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

    linked_project_code TEXT,
    linked_at_ms INTEGER,
    -- The project code that holds: the one given by hand, else the sender's.
    filed_under TEXT GENERATED ALWAYS AS (COALESCE(linked_project_code, project_code)) STORED,

    UNIQUE (source_id, origin, ingest_id)
) STRICT;
CREATE INDEX design_files_by_time ON design_files (tenant_id, created_at_ms);
CREATE INDEX design_files_by_project ON design_files (tenant_id, filed_under, base_name)
    WHERE filed_under IS NOT NULL;

-- What happened to design files and projects: one row for every applied event, in whatever order it
-- arrived, and one for everything that people did here. It outlives the inbox.
CREATE TABLE activity_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    -- 1 ingested, 2 processed, 3 failed, 4 re-extracted, 5 deleted;
    -- 11 project created, 12 changed, 13 deleted; 21 file linked, 22 unlinked;
    -- 31 client created, 32 changed, 33 deleted
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 33),
    inbox_id INTEGER,
    source_id INTEGER,
    event_key TEXT,
    design_file_id INTEGER,
    project_id INTEGER,
    -- Empty for what people did.
    event_order BLOB NOT NULL,
    sequence INTEGER,
    timestamp_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    project_code TEXT,
    -- The client that was itself created, changed or deleted.
    client_code TEXT,
    -- Who did it, when no sender did.
    actor TEXT,
    -- Whether newer events had left nothing of it to see when it was committed.
    stale INTEGER NOT NULL CHECK (stale IN (0, 1)),
    -- What was then so, as JSON; what it changed is found beside the row before it.
    facts TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX activity_log_of_events ON activity_log (design_file_id, event_order) WHERE kind < 10;
CREATE INDEX activity_log_of_people ON activity_log (tenant_id, project_id, design_file_id) WHERE kind > 10;
CREATE INDEX activity_log_of_clients ON activity_log (tenant_id, client_code, id) WHERE kind > 30;
CREATE INDEX activity_log_by_inbox ON activity_log (inbox_id) WHERE inbox_id IS NOT NULL;
CREATE INDEX activity_log_by_time ON activity_log (tenant_id, timestamp_ms);
CREATE INDEX activity_log_by_project ON activity_log (tenant_id, project_code, timestamp_ms)
    WHERE project_code IS NOT NULL;

-- How far a source has been compared with what its sender says it was owed.
CREATE TABLE reconciliations (
    source_id INTEGER PRIMARY KEY REFERENCES sources (id),
    cursor TEXT,
    -- The last run, as JSON.
    report TEXT,
    finished_at_ms INTEGER
) STRICT;
