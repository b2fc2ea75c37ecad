-- What the console's first page counts.
CREATE INDEX files_by_time ON files (tenant_id, created_at_ms);
CREATE INDEX files_to_check ON files (tenant_id, id) WHERE state = 2 AND needs_review IS NOT NULL;
CREATE INDEX files_failed ON files (tenant_id, id) WHERE state = 3;
CREATE INDEX files_processing ON files (tenant_id, id) WHERE state = 1;
