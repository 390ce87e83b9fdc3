-- lock_document
-- Whether the document is still there; nobody else replaces its passages until this commits.
SELECT true
  FROM knowledge.documents
 WHERE id = $1
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
    FROM unnest($5::uuid[], $6::int[], $7::text[], $8::text[]) AS new (id, position, text, embedding)
  RETURNING id, embedding
)
INSERT INTO knowledge.signatures (passage_id, assistant_id, model, dimensions, bits)
SELECT id, $2, $3, $4, binary_quantize(embedding)
  FROM passage;

-- search
-- For each of the vectors $5 the best $7 passages of an assistant, of at least the similarity $6.
-- The 200 with the most equal bits are compared in full: 99 % of the best five of 10,000 are among
-- them. A number, not a parameter, or the planner would expect a tenth of the table. A workspace of
-- '' sees all.
WITH query AS MATERIALIZED (
  SELECT number, vector, binary_quantize(vector) AS bits
    FROM unnest($5::text[]::halfvec[]) WITH ORDINALITY AS given (vector, number)
)
SELECT query.number, found.*
  FROM query
 CROSS JOIN LATERAL (
    SELECT near.id, near.document_id, near.title, near.text,
           least(1, 1 - (near.embedding <=> query.vector)) AS score
      FROM (SELECT passage.id, passage.document_id, document.title, passage.text, passage.embedding
              FROM (SELECT passage_id
                      FROM knowledge.signatures
                     WHERE assistant_id = $1
                       AND model = $3
                       AND dimensions = $4
                     ORDER BY bits <~> query.bits
                     LIMIT 200) AS candidate
              JOIN knowledge.passages AS passage ON passage.id = candidate.passage_id
              JOIN knowledge.documents AS document ON document.id = passage.document_id
             WHERE $2::text = '' OR document.workspace_id = nullif($2::text, '')::uuid
             -- Or the planner may compare every passage before it looks for the candidates; those
             -- of another model have another length, and that is an error.
            OFFSET 0) AS near
     WHERE 1 - (near.embedding <=> query.vector) >= $6::float8
     ORDER BY score DESC, near.id
     LIMIT $7::int
  ) AS found
 ORDER BY query.number, found.score DESC, found.id;
