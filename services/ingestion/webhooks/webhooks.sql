-- insert_received
-- One tenant's webhooks of a batch, to be judged.
INSERT INTO ingestion.webhook_events
  (id, batch_id, request_id, item, workspace_id, connection_id, source, status, reason, kind,
   external_id, payload, signature, receive_time)
SELECT id::uuid, $1::text::uuid, request_id::uuid, 0, workspace_id::uuid, connection_id::uuid, source,
       'queued', '', '', '', payload, signature, to_timestamp(receive_time)
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::text[],
              $9::float8[])
    AS e (id, request_id, workspace_id, connection_id, source, payload, signature, receive_time);

-- insert_refused
-- Webhooks that were refused as a whole, with what is kept of them.
INSERT INTO ingestion.webhook_events
  (id, batch_id, request_id, item, workspace_id, connection_id, source, status, reason, kind,
   external_id, payload, body_length, body_sha256, signature, receive_time, process_time)
SELECT id::uuid, $1::text::uuid, request_id::uuid, 0, workspace_id::uuid, connection_id::uuid, source,
       'rejected', reason, '', '', payload, body_length, body_sha256, signature,
       to_timestamp(receive_time), $2
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[],
              $10::int[], $11::bytea[], $12::text[], $13::float8[])
    AS e (id, request_id, workspace_id, connection_id, source, reason, payload, body_length,
          body_sha256, signature, receive_time);

-- insert_unrouted
-- Webhooks to connections that do not exist.
INSERT INTO ingestion.unrouted_webhooks
  (id, source, connection_id, payload, body_length, body_sha256, receive_time)
SELECT id::uuid, source, connection_id, payload, body_length, body_sha256, to_timestamp(receive_time)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::int[], $6::bytea[], $7::float8[])
    AS e (id, source, connection_id, payload, body_length, body_sha256, receive_time);

-- queued_events
-- The next of a batch's webhooks that have no verdict yet, in order of receipt.
SELECT id, connection_id, workspace_id, source, payload
  FROM ingestion.webhook_events
 WHERE batch_id = $1
   AND status = 'queued'
 ORDER BY id
 LIMIT $2;

-- lock_events
-- Those that still have no verdict, for nobody else to judge until the commit.
SELECT id
  FROM ingestion.webhook_events
 WHERE id = ANY ($1::uuid[])
   AND status = 'queued'
 ORDER BY id
   FOR UPDATE;

-- split_events
-- Webhooks that hold several items become as many events. The first keeps its row, and the whole body
-- beside its own part. $1 is the row it came in, $2 the event's own id, $3 its place.
WITH part AS MATERIALIZED (
  SELECT *
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bytea[]) AS p (whole_id, id, item, payload)
), added AS (
  INSERT INTO ingestion.webhook_events
    (id, batch_id, request_id, item, workspace_id, connection_id, source, status, reason, kind,
     external_id, payload, signature, receive_time)
  SELECT p.id, e.batch_id, e.request_id, p.item, e.workspace_id, e.connection_id, e.source, 'queued', '',
         '', '', p.payload, e.signature, e.receive_time
    FROM part p
    JOIN ingestion.webhook_events e ON e.id = p.whole_id
   WHERE p.item > 0
)
UPDATE ingestion.webhook_events e
   SET body = e.payload, payload = p.payload
  FROM part p
 WHERE e.id = p.whole_id
   AND p.item = 0;

-- settle_events
-- Gives queued events their verdict: $4 is the reason to reject each, or ''. One without takes its
-- provider's id; whoever finds that taken is a duplicate. Keys are taken in one order, since batches
-- may overlap; an event that another worker settled meanwhile is left alone and not returned.
WITH verdict AS MATERIALIZED (
  SELECT *
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
           WITH ORDINALITY
      AS v (id, connection_id, workspace_id, reason, kind, external_id, correlation_id, place)
), taken AS (
  INSERT INTO ingestion.accepted_items (connection_id, kind, external_id, event_id)
  SELECT v.connection_id, v.kind, v.external_id, v.id
    FROM verdict v
    JOIN ingestion.webhook_events e ON e.id = v.id
   WHERE v.reason = ''
     AND e.status = 'queued'
   ORDER BY v.connection_id, v.kind, v.external_id, v.place
  ON CONFLICT DO NOTHING
  RETURNING event_id
), settled AS (
  SELECT v.id, v.connection_id, v.workspace_id, v.kind, v.external_id, v.correlation_id,
         CASE WHEN v.reason <> '' THEN v.reason WHEN t.event_id IS NULL THEN 'DUPLICATE' ELSE '' END AS reason
    FROM verdict v
    LEFT JOIN taken t ON t.event_id = v.id
)
UPDATE ingestion.webhook_events e
   SET status = (CASE s.reason WHEN '' THEN 'accepted' ELSE 'rejected' END)::ingestion.webhook_status,
       reason = s.reason,
       kind = s.kind,
       external_id = s.external_id,
       connection_id = s.connection_id,
       workspace_id = s.workspace_id,
       correlation_id = s.correlation_id,
       process_time = $8
  FROM settled s
 WHERE e.id = s.id
   AND e.status = 'queued'
RETURNING e.id, e.reason;

-- insert_handover
-- Remembers messages that are handed on.
INSERT INTO ingestion.handovers (id, command, create_time) VALUES ($1, $2, $3);

-- handover
-- Messages that were handed on, and may not have arrived.
SELECT command, create_time FROM ingestion.handovers WHERE id = $1;

-- delete_handover
-- Forgets messages that have arrived.
DELETE FROM ingestion.handovers WHERE id = $1;

-- list_webhook_events
-- One page, newest first, without payloads: received from $3 on and before $4, behind the last one
-- shown, ($5, $6). A workspace of '' sees all; NULL filters do not apply. Each connection gives the
-- next of its judged events, straight from the index; those without a verdict, which are few, join
-- them, and the first of all are the page.
SELECT e.id, e.workspace_id, e.connection_id, e.source,
       'WEBHOOK_STATUS_' || upper(e.status::text) AS status, e.reason, e.kind, e.external_id,
       e.signature, e.request_id, coalesce(e.correlation_id, e.id::text) AS correlation_id,
       e.receive_time, e.process_time
  FROM (
    SELECT judged.*
      FROM ingestion.connections c
     CROSS JOIN LATERAL (
      SELECT id, workspace_id, connection_id, source, status, reason, kind, external_id, signature,
             request_id, correlation_id, receive_time, process_time
        FROM ingestion.webhook_events
       WHERE connection_id = c.id
         AND status <> 'queued'
         AND ($8::text IS NULL OR status = $8::text::ingestion.webhook_status)
         AND receive_time >= $3
         AND receive_time < $4
         AND (receive_time, id) /*dir*/ < ($5::timestamptz, $6::uuid)
       ORDER BY receive_time /*dir*/ DESC, id /*dir*/ DESC
       LIMIT $7) AS judged
     WHERE ($1::text = '' OR c.workspace_id = nullif($1::text, '')::uuid)
       AND ($2::uuid IS NULL OR c.id = $2)
    UNION ALL
    SELECT queued.*
      FROM (
      SELECT id, workspace_id, connection_id, source, status, reason, kind, external_id, signature,
             request_id, correlation_id, receive_time, process_time
        FROM ingestion.webhook_events
       WHERE status = 'queued'
         AND $8::text IS NULL
         AND ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
         AND ($2::uuid IS NULL OR connection_id = $2)
         AND receive_time >= $3
         AND receive_time < $4
         AND (receive_time, id) /*dir*/ < ($5::timestamptz, $6::uuid)
       ORDER BY receive_time /*dir*/ DESC, id /*dir*/ DESC
       LIMIT $7) AS queued) AS e
 ORDER BY e.receive_time /*dir*/ DESC, e.id /*dir*/ DESC
 LIMIT $7;

-- list_rejected_events
-- As list_webhook_events, of the few that were rejected: they have an index of their own.
SELECT e.id, e.workspace_id, e.connection_id, e.source,
       'WEBHOOK_STATUS_' || upper(e.status::text) AS status, e.reason, e.kind, e.external_id,
       e.signature, e.request_id, coalesce(e.correlation_id, e.id::text) AS correlation_id,
       e.receive_time, e.process_time
  FROM ingestion.connections c
 CROSS JOIN LATERAL (
  SELECT id, workspace_id, connection_id, source, status, reason, kind, external_id, signature, request_id,
         correlation_id, receive_time, process_time
    FROM ingestion.webhook_events
   WHERE connection_id = c.id
     AND status = 'rejected'
     AND receive_time >= $3
     AND receive_time < $4
     AND (receive_time, id) /*dir*/ < ($5::timestamptz, $6::uuid)
   ORDER BY receive_time /*dir*/ DESC, id /*dir*/ DESC
   LIMIT $7) AS e
 WHERE ($1::text = '' OR c.workspace_id = nullif($1::text, '')::uuid)
   AND ($2::uuid IS NULL OR c.id = $2)
 ORDER BY e.receive_time /*dir*/ DESC, e.id /*dir*/ DESC
 LIMIT $7;

-- list_queued_events
-- As list_webhook_events, of the few that have no verdict yet.
SELECT id, workspace_id, connection_id, source, 'WEBHOOK_STATUS_' || upper(status::text) AS status, reason,
       kind, external_id, signature, request_id, coalesce(correlation_id, id::text) AS correlation_id,
       receive_time, process_time
  FROM ingestion.webhook_events
 WHERE status = 'queued'
   AND ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
   AND ($2::uuid IS NULL OR connection_id = $2)
   AND receive_time >= $3
   AND receive_time < $4
   AND (receive_time, id) /*dir*/ < ($5::timestamptz, $6::uuid)
 ORDER BY receive_time /*dir*/ DESC, id /*dir*/ DESC
 LIMIT $7;

-- list_correlated_events
-- As list_webhook_events, of one correlation. $10 is the correlation as an id: an event's own id is
-- its correlation unless it took another's.
SELECT id, workspace_id, connection_id, source, 'WEBHOOK_STATUS_' || upper(status::text) AS status, reason,
       kind, external_id, signature, request_id, coalesce(correlation_id, id::text) AS correlation_id,
       receive_time, process_time
  FROM ingestion.webhook_events
 WHERE (correlation_id = $9 OR (correlation_id IS NULL AND id = $10::uuid))
   AND ($8::text IS NULL OR status = $8::text::ingestion.webhook_status)
   AND ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
   AND ($2::uuid IS NULL OR connection_id = $2)
   AND receive_time >= $3
   AND receive_time < $4
   AND (receive_time, id) /*dir*/ < ($5::timestamptz, $6::uuid)
 ORDER BY receive_time /*dir*/ DESC, id /*dir*/ DESC
 LIMIT $7;

-- webhook_event
-- One webhook event with its payload. A workspace of '' sees all.
SELECT id, workspace_id, connection_id, source, 'WEBHOOK_STATUS_' || upper(status::text) AS status, reason,
       kind, external_id, payload, signature, request_id,
       coalesce(correlation_id, id::text) AS correlation_id, receive_time, process_time
  FROM ingestion.webhook_events
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid);
