-- document_to_index
-- What there is to index, and the fingerprint of what was.
SELECT id, assistant_id, workspace_id, title, text, fingerprint
  FROM knowledge.documents
 WHERE id = $1;

-- mark_ready
-- Answers can use the document. No row when it was deleted, or indexed just so by another worker.
UPDATE knowledge.documents
   SET status = 2, failure_reason = '', passage_count = $2, fingerprint = $3, index_time = $4
 WHERE id = $1
   AND fingerprint IS DISTINCT FROM $3
RETURNING id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
          length(text) AS length, create_time, index_time;

-- mark_failed
-- Answers cannot use the document. No row when it was deleted, or failed for this reason before.
UPDATE knowledge.documents
   SET status = 3, failure_reason = $2, passage_count = 0, fingerprint = NULL, index_time = $3
 WHERE id = $1
   AND (status <> 3 OR failure_reason <> $2)
RETURNING id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
          length(text) AS length, create_time, index_time;

-- count_resend
-- How often the command has been sent again by now. NULL unless the document still waits.
UPDATE knowledge.documents
   SET resends = resends + 1
 WHERE id = $1
   AND status = 1
RETURNING resends;
