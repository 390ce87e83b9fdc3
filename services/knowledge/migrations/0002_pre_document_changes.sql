-- migrate:up
-- update_time is NULL while title and text are as they were created.
ALTER TABLE knowledge.documents
  ADD COLUMN update_time timestamptz,
  -- Grows with each change, so that indexing knows whether what it read is still what there is.
  ADD COLUMN revision int NOT NULL DEFAULT 1 CHECK (revision > 0);

-- migrate:down
ALTER TABLE knowledge.documents
  DROP COLUMN revision,
  DROP COLUMN update_time;
