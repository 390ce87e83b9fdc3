-- migrate:up
-- A connection that is deleted keeps its row, which what was received by it names, and loses its
-- secrets.
ALTER TABLE ingestion.connections
  ADD COLUMN delete_time timestamptz,
  ALTER COLUMN config DROP NOT NULL,
  ADD CHECK ((config IS NULL) = (delete_time IS NOT NULL));

-- migrate:down
DELETE FROM ingestion.connections WHERE delete_time IS NOT NULL;
ALTER TABLE ingestion.connections
  DROP COLUMN delete_time,
  ALTER COLUMN config SET NOT NULL;
