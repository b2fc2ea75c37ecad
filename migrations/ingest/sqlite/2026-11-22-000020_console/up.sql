-- Every list, filter, order and count of files by an index of its own or by the one that holds all that is filtered by:
-- no page reads rows that it does not show.
CREATE INDEX files_listed ON files (tenant_id, id, state, kind, material, thickness_mm, client_code, project_code, search);
CREATE INDEX files_by_state ON files (tenant_id, state, id);
CREATE INDEX files_by_client ON files (tenant_id, client_code, id, state) WHERE state <> 4;
CREATE INDEX files_by_project ON files (tenant_id, coalesce(project_code, ''), id, state) WHERE state <> 4;
CREATE INDEX files_by_name ON files (tenant_id, lower(clean_name), id DESC, state) WHERE state <> 4;
CREATE INDEX files_by_size ON files (tenant_id, size_bytes, id, state) WHERE state <> 4;
-- What every page tells of: troubles since a moment.
CREATE INDEX files_by_time ON files (tenant_id, created_at_ms, state);
CREATE INDEX files_to_check ON files (tenant_id, state, id)
    WHERE state = 2 AND needs_review IS NOT NULL;
CREATE INDEX files_to_check_since ON files (tenant_id, state, processed_at_ms, needs_review)
    WHERE state = 2 AND needs_review IS NOT NULL;
CREATE INDEX files_failed_since ON files (tenant_id, state, updated_at_ms) WHERE state = 3;
