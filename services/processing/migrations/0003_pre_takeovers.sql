-- migrate:up
-- That a person took over, which an assistant's coming and going does not end. Where a connection
-- has no assistant, people answer although nobody took over.
ALTER TABLE processing.conversations ADD COLUMN taken_over boolean NOT NULL DEFAULT false;
UPDATE processing.conversations SET taken_over = true
 WHERE handler = 'person' AND assistant_id IS NOT NULL;

-- migrate:down
ALTER TABLE processing.conversations DROP COLUMN taken_over;
