-- The archive that a file came in, and its path in there; both or neither.
ALTER TABLE files ADD COLUMN archive_name TEXT;
ALTER TABLE files ADD COLUMN archive_path TEXT
    CHECK ((archive_path IS NULL) = (archive_name IS NULL));
