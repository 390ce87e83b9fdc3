-- list_documents
-- One page, newest first unless turned round. $2 narrows to an assistant, $3 to a status unless it
-- is 0, $4 is a part of the title, $5 the last id already shown. A workspace of '' sees all.
SELECT id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
       length(text) AS length, octet_length(text) AS size_bytes, create_time,
       coalesce(update_time, create_time) AS update_time, index_time
  FROM knowledge.documents
 WHERE ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
   AND ($2::uuid IS NULL OR assistant_id = $2)
   AND ($3::int = 0 OR status = $3)
   -- Not LIKE: what is searched for is only text.
   AND strpos(casefold(title), casefold($4::text)) > 0
   AND ($5::uuid IS NULL OR id /*dir*/ < $5)
 ORDER BY id /*dir*/ DESC
 LIMIT $6;

-- get_document
-- One document. A workspace of '' sees all.
SELECT id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
       length(text) AS length, octet_length(text) AS size_bytes, create_time,
       coalesce(update_time, create_time) AS update_time, index_time
  FROM knowledge.documents
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid);

-- get_document_text
-- A document's text. A workspace of '' sees all.
SELECT id, text
  FROM knowledge.documents
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid);

-- lock_document
-- One document that is about to change, and its text. A workspace of '' sees all.
SELECT id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
       length(text) AS length, octet_length(text) AS size_bytes, create_time,
       coalesce(update_time, create_time) AS update_time, index_time, text
  FROM knowledge.documents
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
   FOR UPDATE;

-- measure
-- What all of the tenant's texts take, in bytes of UTF-8, and how many they are.
SELECT coalesce(sum(octet_length(text)), 0)::bigint AS size_bytes, count(*) AS count
  FROM knowledge.documents;

-- insert_document
-- A document that waits to be indexed.
INSERT INTO knowledge.documents (id, workspace_id, assistant_id, title, text, create_time)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
          length(text) AS length, octet_length(text) AS size_bytes, create_time,
          coalesce(update_time, create_time) AS update_time, index_time;

-- update_document
-- A document that waits to be indexed anew. Its passages stay until then, and so does their count.
UPDATE knowledge.documents
   SET title = $2, text = $3, update_time = $4, status = 1, failure_reason = '',
       fingerprint = NULL, revision = revision + 1, resends = 0
 WHERE id = $1
RETURNING id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
          length(text) AS length, octet_length(text) AS size_bytes, create_time,
          coalesce(update_time, create_time) AS update_time, index_time;

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
