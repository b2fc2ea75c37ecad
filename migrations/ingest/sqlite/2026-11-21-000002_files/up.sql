-- Files as they came in: their bytes stored once, what is known of them, and the work still owed to them.
-- Times are Unix milliseconds, UTC. Row keys rise with time.

CREATE TABLE blobs (
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    -- A new generation begins when a blob is uploaded again while its old bytes are being removed.
    generation INTEGER NOT NULL CHECK (generation > 0),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    -- 1 live, 2 deleting, 3 removed. The last removed generation stays, so that its number is never used again.
    state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (sha256, generation)
) STRICT;
CREATE INDEX blobs_deleting ON blobs (created_at_ms) WHERE state = 2;

CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    -- The original name, made harmless.
    clean_name TEXT NOT NULL,
    stored_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    mode TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    generation INTEGER NOT NULL,
    duplicate_of INTEGER,
    -- 1 processing, 2 completed, 3 failed, 4 deleted
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    -- What it was before it was deleted.
    state_before_delete INTEGER CHECK ((state = 4) = (state_before_delete IS NOT NULL)),
    -- Deleted with its bytes, if no other record used them.
    hard_deleted INTEGER NOT NULL DEFAULT 0 CHECK (hard_deleted IN (0, 1)),
    -- SHA-256 over the bytes' hash, the name and the caller's facts: two uploads are the same only if these are.
    identity BLOB NOT NULL CHECK (length(identity) = 32),
    -- The caller's facts and later corrections, as canonical JSON.
    caller_facts TEXT NOT NULL,
    corrections TEXT,
    -- Who said when that it is right, for which reasons to look and with which facts, as JSON.
    accepted TEXT,
    client_code TEXT,
    project_code TEXT,
    part_name TEXT,
    material TEXT,
    thickness_mm REAL CHECK (thickness_mm > 0),
    quantity INTEGER CHECK (quantity > 0),
    confidence_score REAL,
    -- JSON array of reasons; NULL when nobody needs to look.
    needs_review TEXT,
    -- Name under which versions of one part are counted, and the version among them.
    base_name TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    -- The names in lower case, to search in.
    search TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    error_stage TEXT,
    -- Work owed: who does it, under which claim, after how many tries that were given up.
    owner INTEGER CHECK (owner IS NULL OR state = 1),
    claim INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    -- 1 first extraction, 2 asked for again
    task INTEGER NOT NULL CHECK (task IN (1, 2)),
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    processed_at_ms INTEGER,
    CHECK ((error_code IS NULL) = (error_message IS NULL))
) STRICT;
CREATE UNIQUE INDEX files_version ON files (tenant_id, coalesce(project_code, ''), base_name, version)
    WHERE state <> 4;
CREATE UNIQUE INDEX files_same ON files (tenant_id, identity) WHERE state <> 4;
CREATE INDEX files_by_hash ON files (tenant_id, sha256);
CREATE INDEX files_waiting ON files (id) WHERE state = 1 AND owner IS NULL;
CREATE INDEX files_owned ON files (owner) WHERE owner IS NOT NULL;

-- The latest extraction of each file, as JSON.
CREATE TABLE extractions (
    file_id INTEGER NOT NULL PRIMARY KEY REFERENCES files (id),
    extraction TEXT NOT NULL,
    extracted_at_ms INTEGER NOT NULL
) STRICT;
