-- Files of watched folders that have been taken in and still lie there.

CREATE TABLE watch_ledger (
    -- Nodes have disks of their own.
    node_name TEXT NOT NULL,
    folder TEXT NOT NULL,
    -- Below the folder, as the file system spells it.
    path BYTEA NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    -- Nanoseconds since 1970, of the file system's clock: only ever compared for being equal.
    modified_ns BIGINT NOT NULL,
    -- 1 taken in, to be put away when it has been read; 2 done with, 3 failed: both left where they are.
    state SMALLINT NOT NULL CHECK (state IN (1, 2, 3)),
    -- The records it became, as a JSON array.
    file_ids TEXT NOT NULL,
    -- What was not taken in of an archive, sentences in a JSON array.
    refused TEXT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (node_name, folder, path)
);
