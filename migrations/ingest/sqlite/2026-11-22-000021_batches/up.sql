-- Several events in one request, for endpoints that want that: most events of it, and the longest wait for more
-- after the first; both or neither.
ALTER TABLE subscriptions ADD COLUMN batch_events_max INTEGER CHECK (batch_events_max BETWEEN 2 AND 100);
ALTER TABLE subscriptions ADD COLUMN batch_wait_ms INTEGER
    CHECK (batch_wait_ms BETWEEN 0 AND 60000 AND (batch_wait_ms IS NULL) = (batch_events_max IS NULL));

-- The batch that a delivery goes in, written before it is sent: later attempts have the same members.
ALTER TABLE deliveries ADD COLUMN batch_id BLOB CHECK (length(batch_id) = 16);
CREATE INDEX deliveries_in_batches ON deliveries (batch_id, id) WHERE state = 1 AND batch_id IS NOT NULL;
