-- lock_document
-- Whether the document is still there as it was read; until this commits nobody else changes it or
-- replaces its passages.
SELECT true
  FROM knowledge.documents
 WHERE id = $1
   AND revision = $2
   FOR UPDATE;

-- delete_passages
-- What a document had, signatures included.
DELETE FROM knowledge.passages
 WHERE document_id = $1;

-- insert_passages
-- Passages with their vectors, and the signatures that they are searched by.
WITH passage AS (
  INSERT INTO knowledge.passages (id, document_id, position, text, embedding)
  SELECT new.id, $1, new.position, new.text, new.embedding::halfvec
    FROM unnest($6::uuid[], $7::int[], $8::text[], $9::text[]) AS new (id, position, text, embedding)
  RETURNING id, embedding
)
INSERT INTO knowledge.signatures (passage_id, assistant_id, workspace_id, model, dimensions, bits)
SELECT id, $2, $3, $4, $5, binary_quantize(embedding)
  FROM passage;

-- search
-- For each of the vectors $5 the $6 nearest passages of an assistant.
-- The 300 with the most equal bits are compared in full: of 10,000, 97 to 99 % of the best five come
-- from among them. A number, not a parameter, or the planner would expect a tenth of the table. A workspace of
-- '' sees all.
WITH query AS MATERIALIZED (
  SELECT number, vector, binary_quantize(vector) AS bits
    FROM unnest($5::text[]::halfvec[]) WITH ORDINALITY AS given (vector, number)
)
SELECT query.number, found.id, found.document_id, document.title, found.text, found.score
  FROM query
 CROSS JOIN LATERAL (
    SELECT near.id, near.document_id, near.text,
           least(1, 1 - (near.embedding <=> query.vector)) AS score
      FROM (SELECT passage.id, passage.document_id, passage.text, passage.embedding
              FROM (SELECT passage_id
                      FROM knowledge.signatures
                     WHERE assistant_id = $1
                       AND model = $3
                       AND dimensions = $4
                       AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
                     ORDER BY bits <~> query.bits
                     LIMIT 300) AS candidate
              JOIN knowledge.passages AS passage ON passage.id = candidate.passage_id
             -- Or the planner may compare every passage before it looks for the candidates; those
             -- of another model have another length, and that is an error.
            OFFSET 0) AS near
     ORDER BY score DESC, near.id
     LIMIT $6::int
  ) AS found
  JOIN knowledge.documents AS document ON document.id = found.document_id
 ORDER BY query.number, found.score DESC, found.id;
