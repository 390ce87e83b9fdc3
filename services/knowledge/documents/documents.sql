-- list_documents
-- One page, newest first. $2 narrows to an assistant, $3 is the last id already shown. A workspace
-- of '' sees all.
SELECT id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
       length(text) AS length, create_time, index_time
  FROM knowledge.documents
 WHERE ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
   AND ($2::uuid IS NULL OR assistant_id = $2)
   AND ($3::uuid IS NULL OR id < $3)
 ORDER BY id DESC
 LIMIT $4;

-- get_document
-- One document. A workspace of '' sees all.
SELECT id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
       length(text) AS length, create_time, index_time
  FROM knowledge.documents
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid);

-- insert_document
-- A document that waits to be indexed.
INSERT INTO knowledge.documents (id, workspace_id, assistant_id, title, text, create_time)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
          length(text) AS length, create_time, index_time;

-- delete_document
-- Deletes a document; its passages go with it. A workspace of '' may delete all.
DELETE FROM knowledge.documents
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
RETURNING assistant_id;

-- delete_documents
-- Deletes what an assistant knew.
DELETE FROM knowledge.documents
 WHERE assistant_id = $1
RETURNING id;
