DROP INDEX deliveries_in_batches;
ALTER TABLE deliveries DROP COLUMN batch_id;
ALTER TABLE subscriptions DROP COLUMN batch_wait_ms;
ALTER TABLE subscriptions DROP COLUMN batch_events_max;
