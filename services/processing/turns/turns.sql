-- turn_to_answer
-- A turn with what an answer to it needs to know.
SELECT t.tenant_id, t.id, t.conversation_id, t.status, t.attempt, t.attempt_time, t.assistant_id,
       t.correlation_id, c.workspace_id, c.connection_id, c.channel, p.identifier, p.kind
  FROM processing.turns t
  JOIN processing.conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
  JOIN processing.participants p ON p.tenant_id = c.tenant_id AND p.id = c.participant_id
 WHERE t.id = $1;

-- said
-- What was said in conversation $1, the last $2 messages oldest first, with all of turn $3.
-- What waits belongs to a later turn, and what was held back or failed was never said.
SELECT id, author, turn_id, content, message_time
  FROM ((SELECT id, author, turn_id, content, message_time
           FROM processing.messages
          WHERE conversation_id = $1 AND NOT waits AND status NOT IN ('cancelled', 'failed')
          ORDER BY id DESC LIMIT $2)
        UNION
        (SELECT id, author, turn_id, content, message_time
           FROM processing.messages WHERE turn_id = $3 AND direction = 'inbound')) AS recent
 ORDER BY message_time, id;

-- store_reply
-- Makes a turn ready with its reply, unless its attempt $2 is no more what is asked for.
-- $1 turn, $3 conversation, $4 reply's id, $5 content, $6 sources, $7 model, $8 why there is no
-- better answer ('' when this is one), $9 now. The conversation is locked first, as everywhere.
WITH conversation AS MATERIALIZED (
  SELECT id, connection_id FROM processing.conversations WHERE id = $3 FOR NO KEY UPDATE
), turn AS (
  UPDATE processing.turns t
     SET status = 'ready', reply_message_id = $4, model = $7, failure_reason = $8,
         answered = $8 = '', ready_time = $9, asked_time = $9
    FROM conversation
   WHERE t.id = $1 AND t.attempt = $2 AND t.status = 'generating'
     AND t.conversation_id = conversation.id
  RETURNING t.*
), reply AS (
  INSERT INTO processing.messages
    (id, conversation_id, connection_id, direction, author, status, turn_id, correlation_id,
     sources, content, message_time, create_time)
  SELECT $4, conversation.id, conversation.connection_id, 'outbound', 'assistant', 'pending',
         turn.id, turn.correlation_id, $6::text[], $5, $9, $9
    FROM turn, conversation
  RETURNING *
), spoken AS (
  UPDATE processing.conversations c SET last_message_time = greatest(c.last_message_time, $9)
    FROM turn WHERE c.id = turn.conversation_id
)
SELECT turn.*,
       (SELECT due_time FROM processing.buffers WHERE conversation_id = $3) AS due_time,
       (SELECT array_agg(id ORDER BY message_time, id) FROM processing.messages
         WHERE turn_id = $1 AND direction = 'inbound') AS message_ids
  FROM turn;

-- fail_turn
-- Ends an attempt without any reply. $1 turn, $2 attempt, $3 reason, $4 now.
UPDATE processing.turns
   SET status = 'failed', failure_reason = $3, end_time = $4
 WHERE id = $1 AND attempt = $2 AND status = 'generating'
RETURNING *, (SELECT array_agg(id ORDER BY message_time, id) FROM processing.messages
               WHERE turn_id = $1 AND direction = 'inbound') AS message_ids;

-- lock_conversation_of
-- Locks the conversation of turn $1, which comes before every change of what waits or is open.
SELECT c.id, c.handler
  FROM processing.conversations c
 WHERE c.id = (SELECT conversation_id FROM processing.turns WHERE id = $1)
   FOR NO KEY UPDATE;

-- lock_conversations_of
-- Locks the conversations of messages $1, and tells who answers in them.
SELECT id, workspace_id, assistant_id, handler
  FROM processing.conversations
 WHERE id IN (SELECT conversation_id FROM processing.messages WHERE id = ANY($1::uuid[]))
 ORDER BY id FOR NO KEY UPDATE;

-- put_back
-- Ends turn $1, whose reply is $2 (NULL for any) and has not left, for reason $3 at $4: what it
-- collected waits again, and is due as long ago as the turn was opened.
WITH turn AS (
  UPDATE processing.turns t
     SET status = 'cancelled', failure_reason = $3, end_time = $4::timestamptz
   WHERE id = $1 AND status IN ('generating', 'ready', 'sending')
     AND ($2::uuid IS NULL OR reply_message_id = $2)
     AND NOT EXISTS (SELECT FROM processing.messages m
                      WHERE m.id = t.reply_message_id AND m.status <> 'pending')
  RETURNING id, conversation_id, reply_message_id, create_time
), reply AS (
  UPDATE processing.messages m SET status = 'cancelled', failure_reason = $3
    FROM turn WHERE m.id = turn.reply_message_id
  RETURNING m.id
), waiting AS (
  UPDATE processing.messages m SET waits = true, turn_id = NULL
    FROM turn WHERE m.turn_id = turn.id AND m.direction = 'inbound'
), buffer AS (
  INSERT INTO processing.buffers AS b (conversation_id, first_time, due_time, flush_reason)
  SELECT conversation_id, create_time, create_time, 'quiet' FROM turn
  ON CONFLICT (tenant_id, conversation_id) DO UPDATE
    SET first_time = least(b.first_time, excluded.first_time)
)
SELECT conversation_id, (SELECT id FROM reply) AS cancelled_id FROM turn;

-- claim_reply
-- The fence: grants turn $1's reply $2 to the one delivery, again while it is held up, unless a
-- person has taken over meanwhile. `due_time` when something waits for that.
UPDATE processing.turns t SET status = 'sending'
  FROM processing.conversations c
 WHERE t.id = $1 AND t.reply_message_id = $2 AND t.status IN ('ready', 'sending')
   AND c.tenant_id = t.tenant_id AND c.id = t.conversation_id AND c.handler = 'assistant'
RETURNING t.conversation_id,
          (SELECT b.due_time FROM processing.buffers b
            WHERE b.conversation_id = t.conversation_id) AS due_time;

-- withhold_reply
-- Marks a reply that may not leave, and tells why: $1 turn, $2 reply.
WITH turn AS (
  SELECT id, status, failure_reason, reply_message_id FROM processing.turns WHERE id = $1
), reply AS (
  UPDATE processing.messages SET status = 'cancelled', failure_reason = 'TURN_ENDED'
   WHERE id = $2 AND turn_id = $1 AND direction = 'outbound' AND status = 'pending'
     AND NOT EXISTS (SELECT FROM turn WHERE reply_message_id = $2
                                        AND status IN ('ready', 'sending'))
  RETURNING id, conversation_id
)
SELECT turn.status, turn.failure_reason, turn.reply_message_id,
       reply.id AS cancelled_id, reply.conversation_id
  FROM (VALUES (1)) AS always
  LEFT JOIN turn ON true
  LEFT JOIN reply ON true;

-- move_messages
-- Moves messages forward to what became of their deliveries: $1 ids, $2 statuses, $3 the provider's
-- ids, $4 reasons, $5 times. A status that is behind only leaves its time. Turns are locked before
-- their replies, as everywhere, and each in the order of ids.
WITH turn AS MATERIALIZED (
  SELECT t.id
    FROM processing.messages m
    JOIN processing.turns t ON t.tenant_id = m.tenant_id AND t.id = m.turn_id
   WHERE m.id = ANY($1::uuid[]) AND t.reply_message_id = m.id
   ORDER BY t.id FOR NO KEY UPDATE OF t
), held AS (
  SELECT m.id FROM processing.messages m
   WHERE m.id = ANY($1::uuid[]) AND m.direction = 'outbound' AND (SELECT count(*) FROM turn) >= 0
   ORDER BY m.id FOR NO KEY UPDATE
), news AS (
  SELECT n.id, max(n.status) AS status, max(n.external_id) AS external_id,
         (array_agg(n.reason ORDER BY n.status DESC))[1] AS reason,
         min(n.time) FILTER (WHERE n.status = 'sent') AS sent_time,
         min(n.time) FILTER (WHERE n.status = 'delivered') AS delivered_time,
         min(n.time) FILTER (WHERE n.status = 'read') AS read_time,
         min(n.time) FILTER (WHERE n.status = 'failed') AS failed_time
    FROM unnest($1::uuid[], $2::processing.message_status[], $3::text[], $4::text[],
                $5::timestamptz[]) AS n (id, status, external_id, reason, time)
   GROUP BY n.id
)
UPDATE processing.messages m
   SET status = greatest(m.status, news.status),
       -- An echo may have been stored under this id before we learned that it is our own message.
       external_id = CASE WHEN news.external_id = '' OR m.external_id <> '' OR EXISTS (
                            SELECT FROM processing.messages other
                             WHERE other.connection_id = m.connection_id
                               AND other.external_id = news.external_id AND other.external_id <> ''
                               AND other.id <> m.id)
                          THEN m.external_id ELSE news.external_id END,
       failure_reason = CASE WHEN news.status >= m.status THEN news.reason
                             ELSE m.failure_reason END,
       sent_time = least(m.sent_time, news.sent_time),
       delivered_time = least(m.delivered_time, news.delivered_time),
       read_time = least(m.read_time, news.read_time),
       failed_time = least(m.failed_time, news.failed_time)
  FROM news JOIN held ON held.id = news.id
 WHERE m.id = news.id
RETURNING m.id, m.conversation_id, m.turn_id, m.status, m.failure_reason, m.correlation_id,
          old.status AS was;

-- settle_turns
-- Ends the turns whose replies ($1) have come to an end, as the replies did; now is $2. A turn that
-- could only apologise has failed even when the apology was read.
UPDATE processing.turns t
   SET status = told.status, end_time = told.time,
       failure_reason = CASE WHEN NOT t.answered THEN t.failure_reason
                             WHEN told.status = 'done' THEN '' ELSE told.reason END
  FROM (SELECT u.id, m.failure_reason AS reason,
               coalesce(m.sent_time, m.delivered_time, m.failed_time, $2) AS time,
               (CASE WHEN NOT u.answered THEN 'failed'
                     WHEN m.status = 'cancelled' THEN 'cancelled'
                     WHEN m.status = 'failed' THEN 'failed'
                     ELSE 'done' END)::processing.turn_status AS status
          FROM processing.messages m
          JOIN processing.turns u ON u.tenant_id = m.tenant_id AND u.id = m.turn_id
         WHERE m.id = ANY($1::uuid[]) AND u.reply_message_id = m.id
           AND m.status IN ('cancelled', 'sent', 'failed', 'delivered', 'read')) AS told
 WHERE t.id = told.id AND t.status IN ('ready', 'sending', 'done', 'failed')
   AND t.status <> told.status
RETURNING t.*, old.status AS was,
          (SELECT b.due_time FROM processing.buffers b
            WHERE b.conversation_id = t.conversation_id) AS due_time,
          (SELECT array_agg(m.id ORDER BY m.message_time, m.id) FROM processing.messages m
            WHERE m.turn_id = t.id AND m.direction = 'inbound') AS message_ids;

-- reply
-- One reply.
SELECT * FROM processing.messages WHERE id = $1;
