-- Who may call: keys by their hash, each of one tenant. A revoked key stays, so that its number is never used again.

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    -- SHA-256 of the key's text.
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- The key's last characters, to tell keys apart.
    hint TEXT NOT NULL,
    -- Words apart by spaces.
    scopes TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER
) STRICT;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);
