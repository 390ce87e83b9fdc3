-- lock_lane
-- Whoever moves a conversation's deliveries does it alone until the commit, and sees what was before.
SELECT pg_advisory_xact_lock(hashtextextended('ingestion.lane/' || $1::text, 0));

-- lock_lanes
-- As lock_lane, for several: in one order, for two that do so not to wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('ingestion.lane/' || lane, 0))
  FROM (SELECT DISTINCT unnest($1::text[]) AS lane ORDER BY 1) AS lanes;

-- lock_external_ids
-- Whoever links a provider's id to its delivery, or parks what is said about it, does it alone.
SELECT pg_advisory_xact_lock(hashtextextended('ingestion.external/' || external_id, 0))
  FROM (SELECT unnest($1::text[]) AS external_id ORDER BY 1) AS ids;

-- queue_delivery
-- Queues a message once: $2 parts, due at once.
INSERT INTO ingestion.deliveries
  (message_id, part, parts, connection_id, lane, correlation_id, status, command, due_time, create_time)
SELECT $1::uuid, part, $2::int, $3::uuid, $4::text, $5::text, 'queued', $6::bytea, $7::timestamptz,
       $7::timestamptz
  FROM generate_series(0, $2::int - 1) AS part
ON CONFLICT (tenant_id, message_id, part) DO NOTHING;

-- claim_part
-- Takes the part that is next in the lane, if it is due and belongs to the message.
WITH head AS (
  SELECT message_id, part, status, due_time
    FROM ingestion.deliveries
   WHERE lane = $1
     AND status IN ('queued', 'sending')
   -- One that is under way comes first: an older message may be asked for after it.
   ORDER BY status DESC, message_id, part
   LIMIT 1
)
UPDATE ingestion.deliveries d
   SET status = 'sending', attempts = d.attempts + 1, attempt_time = $3
  FROM head
 WHERE d.message_id = head.message_id
   AND d.part = head.part
   AND head.message_id = $2
   AND head.status = 'queued'
   AND head.due_time <= $3
RETURNING d.part, d.attempts, d.correlation_id;

-- end_unsent
-- Ends what was not sent and never will be: $7 is cancelled or failed. What is under way is left.
-- A message that was queued has as many parts as then; $2 where it was not.
INSERT INTO ingestion.deliveries
  (message_id, part, parts, connection_id, lane, correlation_id, status, reason, due_time, create_time,
   failed_time)
SELECT $1::uuid, part, parts, $3::uuid, $4::text, $5::text, $7::text::ingestion.delivery_status,
       $8::text, $6::timestamptz, $6::timestamptz, CASE WHEN $7::text = 'failed' THEN $6::timestamptz END
  FROM (SELECT coalesce(max(parts), $2::int) AS parts
          FROM ingestion.deliveries WHERE message_id = $1) AS message,
       generate_series(0, parts - 1) AS part
ON CONFLICT (tenant_id, message_id, part) DO UPDATE
   SET status = excluded.status, reason = excluded.reason, failed_time = excluded.failed_time,
       command = NULL
 WHERE deliveries.status = 'queued'
RETURNING part;

-- waiting_for_connection
-- The next messages that wait to be sent by a connection, and their lanes.
SELECT DISTINCT lane, message_id
  FROM ingestion.deliveries
 WHERE connection_id = $1
   AND status = 'queued'
 ORDER BY lane, message_id
 LIMIT $2;

-- fail_waiting
-- Ends what waits of these messages. What is under way is left. Rows are locked in one order, as
-- reports lock them.
WITH waiting AS (
  SELECT message_id, part
    FROM ingestion.deliveries
   WHERE message_id = ANY ($1::uuid[])
     AND status = 'queued'
   ORDER BY message_id, part
     FOR UPDATE
), ended AS (
  UPDATE ingestion.deliveries d
     SET status = 'failed', reason = $2, failed_time = $3, command = NULL
    FROM waiting w
   WHERE d.message_id = w.message_id
     AND d.part = w.part
  RETURNING d.message_id, d.correlation_id
)
SELECT DISTINCT message_id, correlation_id
  FROM ended;

-- record_sent
-- The provider took it. A status callback may have said so before, or even more.
UPDATE ingestion.deliveries d
   SET status = greatest(d.status, 'sent'),
       external_id = coalesce(d.external_id, $3),
       sent_time = least(d.sent_time, $4),
       reason = CASE WHEN d.status < 'sent' THEN '' ELSE d.reason END,
       command = NULL
  FROM (SELECT message_id, part, status
          FROM ingestion.deliveries
         WHERE message_id = $1 AND part = $2
           FOR UPDATE) AS before
 WHERE d.message_id = before.message_id
   AND d.part = before.part
RETURNING d.part + 1 = d.parts AS last, before.status < 'sent' AS moved;

-- record_retry
-- It was certainly not sent: queue it again for $4. $3 is the attempt this is about.
UPDATE ingestion.deliveries
   SET status = 'queued', due_time = $4, reason = $5
 WHERE message_id = $1
   AND part = $2
   AND attempts = $3
   AND status = 'sending'
RETURNING part;

-- record_failed
-- It was refused for good, and what was to follow it is not sent either.
UPDATE ingestion.deliveries
   SET status = 'failed', reason = $4, failed_time = $5, command = NULL
 WHERE message_id = $1
   AND ((part = $2 AND attempts = $3 AND status IN ('sending', 'unknown'))
        OR (part > $2 AND status = 'queued'))
RETURNING part;

-- record_unknown
-- Nobody knows whether it was sent: only a status callback settles it.
UPDATE ingestion.deliveries
   SET status = 'unknown', reason = $4, command = NULL
 WHERE message_id = $1
   AND part = $2
   AND attempts = $3
   AND status = 'sending'
RETURNING part;

-- after_send
-- What was parked about the provider's id, and the command that is next in the lane.
WITH parked AS (
  DELETE FROM ingestion.pending_statuses
   WHERE external_id = $1
  RETURNING status, reason, sent_time, delivered_time, read_time, failed_time
), next AS (
  SELECT command, correlation_id
    FROM (SELECT command, correlation_id, status, due_time
            FROM ingestion.deliveries
           WHERE lane = $2
             AND status IN ('queued', 'sending')
           ORDER BY status DESC, message_id, part
           LIMIT 1) AS head
   WHERE status = 'queued'
     AND due_time <= $3
)
SELECT parked.status, parked.reason, parked.sent_time, parked.delivered_time, parked.read_time,
       parked.failed_time, next.command, next.correlation_id
  FROM (SELECT 1) AS always
  LEFT JOIN parked ON true
  LEFT JOIN next ON true;

-- lane_of
-- The lane of a message; none when it was never queued.
SELECT lane
  FROM ingestion.deliveries
 WHERE message_id = $1
 LIMIT 1;

-- expire_sending
-- Gives up on an answer: whoever waited for it since before $2 is gone.
UPDATE ingestion.deliveries
   SET status = 'unknown', reason = 'NO_ANSWER', command = NULL
 WHERE message_id = $1
   AND status = 'sending'
   AND attempt_time <= $2
RETURNING part, correlation_id;

-- unfinished_part
-- The first part of a message that is still to be sent, or whose answer is still awaited.
SELECT status = 'sending' AS sending, due_time, attempt_time, command, correlation_id
  FROM ingestion.deliveries
 WHERE message_id = $1
   AND status IN ('queued', 'sending')
 ORDER BY part
 LIMIT 1;

-- standing
-- Where a message ended so far: by its last part, or by one that failed. None while it is to be sent.
SELECT status::text AS status, external_id, reason, correlation_id,
       CASE status WHEN 'read' THEN read_time WHEN 'delivered' THEN delivered_time
                   WHEN 'failed' THEN failed_time WHEN 'sent' THEN sent_time END AS update_time
  FROM ingestion.deliveries
 WHERE message_id = $1
   AND NOT EXISTS (SELECT 1
                     FROM ingestion.deliveries
                    WHERE message_id = $1 AND status IN ('queued', 'sending'))
 ORDER BY status = 'failed' DESC, part DESC
 LIMIT 1;

-- apply_reports
-- Moves deliveries forward by what providers report. A report finds its delivery by what we gave
-- along with the send, or by the provider's id. Rows are locked in one order: batches may overlap.
WITH report AS (
  SELECT external_id, message_id, part, status::ingestion.delivery_status AS status, reason, sent_time,
         delivered_time, read_time, failed_time
    FROM unnest($1::text[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::timestamptz[],
                $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
      AS r (external_id, message_id, part, status, reason, sent_time, delivered_time, read_time,
            failed_time)
), target AS (
  SELECT DISTINCT ON (message_id, part) message_id, part, external_id
    FROM (SELECT d.message_id, d.part, r.external_id
            FROM report r
            JOIN ingestion.deliveries d ON d.message_id = r.message_id AND d.part = r.part
           WHERE d.external_id IS NULL OR d.external_id = r.external_id
           UNION ALL
          SELECT d.message_id, d.part, r.external_id
            FROM report r
            JOIN ingestion.deliveries d ON d.external_id = r.external_id) AS found
   ORDER BY message_id, part, external_id
), locked AS (
  SELECT d.message_id, d.part, d.status AS before, t.external_id
    FROM ingestion.deliveries d
    JOIN target t ON t.message_id = d.message_id AND t.part = d.part
   ORDER BY d.message_id, d.part
     FOR UPDATE OF d
)
UPDATE ingestion.deliveries d
   SET status = greatest(d.status, r.status),
       external_id = coalesce(d.external_id, r.external_id),
       reason = CASE WHEN r.status > d.status THEN r.reason ELSE d.reason END,
       sent_time = least(d.sent_time, r.sent_time),
       delivered_time = least(d.delivered_time, r.delivered_time),
       read_time = least(d.read_time, r.read_time),
       failed_time = least(d.failed_time, r.failed_time),
       command = NULL
  FROM locked l
  JOIN report r ON r.external_id = l.external_id
 WHERE d.message_id = l.message_id
   AND d.part = l.part
RETURNING d.message_id, d.part + 1 = d.parts AS last, d.status > l.before AS moved,
          'DELIVERY_STATUS_' || upper(d.status::text) AS status, d.external_id, d.reason,
          d.correlation_id, r.external_id AS reported,
          CASE d.status WHEN 'read' THEN d.read_time WHEN 'delivered' THEN d.delivered_time
                        WHEN 'failed' THEN d.failed_time ELSE d.sent_time END AS update_time;

-- park_statuses
-- Keeps what was reported about sends we cannot name yet, and forgets what nobody came for.
WITH stale AS (
  DELETE FROM ingestion.pending_statuses
   WHERE update_time < $8::timestamptz - interval '8 days'
     AND external_id <> ALL ($1::text[])
)
INSERT INTO ingestion.pending_statuses AS p
  (external_id, status, reason, sent_time, delivered_time, read_time, failed_time, update_time)
SELECT external_id, status::ingestion.delivery_status, reason, sent_time, delivered_time, read_time,
       failed_time, $8::timestamptz
  FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
              $6::timestamptz[], $7::timestamptz[])
    AS r (external_id, status, reason, sent_time, delivered_time, read_time, failed_time)
ON CONFLICT (tenant_id, external_id) DO UPDATE
   SET status = greatest(p.status, excluded.status),
       reason = CASE WHEN excluded.status > p.status THEN excluded.reason ELSE p.reason END,
       sent_time = least(p.sent_time, excluded.sent_time),
       delivered_time = least(p.delivered_time, excluded.delivered_time),
       read_time = least(p.read_time, excluded.read_time),
       failed_time = least(p.failed_time, excluded.failed_time),
       update_time = excluded.update_time;

-- list_deliveries
-- What happened to the deliveries of a correlation, oldest first.
SELECT message_id, 'DELIVERY_STATUS_' || upper(status::text) AS status, external_id, reason, attempts,
       create_time, sent_time, delivered_time, read_time, failed_time
  FROM ingestion.deliveries
 WHERE correlation_id = $1
 ORDER BY create_time, message_id, part;
