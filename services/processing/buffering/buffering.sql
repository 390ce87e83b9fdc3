-- lock_conversation
-- Whoever changes what waits or what is open holds this lock; every such function takes it first.
SELECT id, workspace_id, assistant_id, handler
  FROM processing.conversations WHERE id = $1 FOR NO KEY UPDATE;

-- state
-- What waits, what is open, and the oldest claimed reply nobody has reported on, read under the
-- lock. The open turn is locked too: a claim waits for us.
WITH turn AS (
  SELECT id, status, attempt, supersedes, attempt_time, asked_time, reply_message_id,
         correlation_id
    FROM processing.turns
   WHERE conversation_id = $1 AND status IN ('generating', 'ready')
     FOR NO KEY UPDATE
), claimed AS (
  SELECT t.id, t.asked_time, t.reply_message_id
    FROM processing.turns t
    JOIN processing.messages m ON m.tenant_id = t.tenant_id AND m.id = t.reply_message_id
   WHERE t.conversation_id = $1 AND t.status = 'sending' AND m.status = 'pending'
   ORDER BY t.asked_time, t.id LIMIT 1
)
SELECT b.first_time, b.due_time, b.flush_reason, turn.id AS turn_id, turn.status, turn.attempt,
       turn.supersedes, turn.attempt_time, turn.asked_time, turn.reply_message_id,
       turn.correlation_id, claimed.id AS claimed_id, claimed.asked_time AS claimed_asked_time,
       claimed.reply_message_id AS claimed_reply_id
  FROM (VALUES ($1::uuid)) AS c (id)
  LEFT JOIN processing.buffers b ON b.conversation_id = c.id
  LEFT JOIN turn ON true
  LEFT JOIN claimed ON true;

-- open_turn
-- Opens turn $2 for everything that waits; nothing when nothing does. $3 assistant, $4 now.
WITH buffer AS (
  DELETE FROM processing.buffers WHERE conversation_id = $1 RETURNING flush_reason
), collected AS (
  UPDATE processing.messages SET turn_id = $2, waits = false
   WHERE conversation_id = $1 AND waits
  RETURNING id, correlation_id, message_time
), turn AS (
  INSERT INTO processing.turns
    (id, conversation_id, assistant_id, flush_reason, correlation_id,
     create_time, attempt_time, asked_time)
  SELECT $2, $1, $3, buffer.flush_reason,
         (SELECT correlation_id FROM collected ORDER BY message_time DESC, id DESC LIMIT 1),
         $4, $4, $4
    FROM buffer WHERE EXISTS (SELECT FROM collected)
  RETURNING *
)
SELECT turn.*, (SELECT array_agg(id ORDER BY message_time, id) FROM collected) AS message_ids,
       (SELECT array_agg(id) FROM collected) AS collected_ids, NULL::uuid AS cancelled_id
  FROM turn;

-- supersede_turn
-- Adds everything that waits to open turn $2, begins its next attempt, and holds back the reply it
-- had ready. $3 now.
WITH buffer AS (
  DELETE FROM processing.buffers WHERE conversation_id = $1 RETURNING flush_reason
), collected AS (
  UPDATE processing.messages SET turn_id = $2, waits = false
   WHERE conversation_id = $1 AND waits
  RETURNING id, correlation_id, message_time
), cancelled AS (
  UPDATE processing.messages m SET status = 'cancelled', failure_reason = 'SUPERSEDED'
    FROM processing.turns t
   WHERE t.id = $2 AND m.id = t.reply_message_id AND m.status = 'pending'
  RETURNING m.id
), turn AS (
  UPDATE processing.turns
     SET status = 'generating', attempt = attempt + 1, supersedes = supersedes + 1,
         reply_message_id = NULL, ready_time = NULL, model = '', failure_reason = '',
         answered = true,
         flush_reason = buffer.flush_reason, attempt_time = $3, asked_time = $3,
         correlation_id = (SELECT correlation_id FROM collected
                            ORDER BY message_time DESC, id DESC LIMIT 1)
    FROM buffer
   WHERE id = $2 AND status IN ('generating', 'ready') AND EXISTS (SELECT FROM collected)
  RETURNING turns.*
)
SELECT turn.*,
       (SELECT array_agg(id ORDER BY message_time, id)
          FROM (SELECT id, message_time FROM collected
                 UNION SELECT id, message_time FROM processing.messages
                        WHERE turn_id = $2 AND direction = 'inbound') AS covered) AS message_ids,
       (SELECT array_agg(id) FROM collected) AS collected_ids,
       (SELECT id FROM cancelled) AS cancelled_id
  FROM turn;

-- leave_unanswered
-- Lets what waits in conversation $1 wait no more.
WITH buffer AS (
  DELETE FROM processing.buffers WHERE conversation_id = $1
)
UPDATE processing.messages SET waits = false WHERE conversation_id = $1 AND waits;

-- ask_again
-- Notes that somebody was asked again, at $2, to carry a turn on.
UPDATE processing.turns SET asked_time = $2 WHERE id = $1;
