-- document_to_index
-- What there is to index, and the fingerprint of what was.
SELECT id, assistant_id, workspace_id, title, text, fingerprint, revision
  FROM knowledge.documents
 WHERE id = $1;

-- record_outcome
-- How indexing the revision $2 ended. A count of NULL leaves the passages of before, and a failure
-- has no fingerprint, so that another try is made. No row when the document was deleted or changed
-- meanwhile, or when another worker has recorded the same.
UPDATE knowledge.documents
   SET status = $3, failure_reason = $4, passage_count = coalesce($5::int, passage_count),
       fingerprint = $6, index_time = $7
 WHERE id = $1
   AND revision = $2
   AND (status, failure_reason, fingerprint) IS DISTINCT FROM ($3::int, $4::text, $6::bytea)
RETURNING id, workspace_id, assistant_id, title, status, failure_reason, passage_count,
          length(text) AS length, octet_length(text) AS size_bytes, create_time,
          coalesce(update_time, create_time) AS update_time, index_time;

-- count_resend
-- How often the command has been sent again by now. No row unless the document still waits.
UPDATE knowledge.documents
   SET resends = resends + 1
 WHERE id = $1
   AND status = 1
RETURNING resends, revision;
