-- Files as they came in: their bytes stored once, what is known of them, and the work still owed to them.
-- Times are Unix milliseconds, UTC. Row keys rise with time.

CREATE TABLE blobs (
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    -- A new generation begins when a blob is uploaded again while its old bytes are being removed.
    generation BIGINT NOT NULL CHECK (generation > 0),
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    -- 1 live, 2 deleting, 3 removed. The last removed generation stays, so that its number is never used again.
    state SMALLINT NOT NULL CHECK (state IN (1, 2, 3)),
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (sha256, generation)
);
CREATE INDEX blobs_deleting ON blobs (created_at_ms) WHERE state = 2;

CREATE TABLE files (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    -- The original name, made harmless.
    clean_name TEXT NOT NULL,
    stored_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    mode TEXT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    generation BIGINT NOT NULL,
    duplicate_of BIGINT,
    -- 1 processing, 2 completed, 3 failed, 4 deleted
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 4),
    -- What it was before it was deleted.
    state_before_delete SMALLINT CHECK ((state = 4) = (state_before_delete IS NOT NULL)),
    -- Deleted with its bytes, if no other record used them.
    hard_deleted SMALLINT NOT NULL DEFAULT 0 CHECK (hard_deleted IN (0, 1)),
    -- SHA-256 over the bytes' hash, the name and the caller's facts: two uploads are the same only if these are.
    identity BYTEA NOT NULL CHECK (length(identity) = 32),
    -- The caller's facts and later corrections, as canonical JSON.
    caller_facts TEXT NOT NULL,
    corrections TEXT,
    -- Who said when that it is right, for which reasons to look and with which facts, as JSON.
    accepted TEXT,
    client_code TEXT,
    project_code TEXT,
    part_name TEXT,
    material TEXT,
    thickness_mm DOUBLE PRECISION CHECK (thickness_mm > 0),
    quantity BIGINT CHECK (quantity > 0),
    confidence_score DOUBLE PRECISION,
    -- JSON array of reasons; NULL when nobody needs to look.
    needs_review TEXT,
    -- Name under which versions of one part are counted, and the version among them.
    base_name TEXT NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    -- The names in lower case, to search in.
    search TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    error_stage TEXT,
    -- Work owed: who does it, under which claim, after how many tries that were given up.
    owner BIGINT CHECK (owner IS NULL OR state = 1),
    claim BIGINT NOT NULL DEFAULT 0,
    tries BIGINT NOT NULL DEFAULT 0,
    -- 1 first extraction, 2 asked for again
    task SMALLINT NOT NULL CHECK (task IN (1, 2)),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    processed_at_ms BIGINT,
    CHECK ((error_code IS NULL) = (error_message IS NULL))
);
CREATE UNIQUE INDEX files_version ON files (tenant_id, coalesce(project_code, ''), base_name, version)
    WHERE state <> 4;
CREATE UNIQUE INDEX files_same ON files (tenant_id, identity) WHERE state <> 4;
CREATE INDEX files_by_hash ON files (tenant_id, sha256);
CREATE INDEX files_waiting ON files (id) WHERE state = 1 AND owner IS NULL;
CREATE INDEX files_owned ON files (owner) WHERE owner IS NOT NULL;

-- The latest extraction of each file, as JSON.
CREATE TABLE extractions (
    file_id BIGINT NOT NULL PRIMARY KEY REFERENCES files (id),
    extraction TEXT NOT NULL,
    extracted_at_ms BIGINT NOT NULL
);
