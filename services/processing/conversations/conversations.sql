-- receive
-- Stores a message once: finds or makes its person and conversation, and restarts the quiet time.
-- $1 id, $2 workspace, $3 connection, $4 channel, $5 the provider's id, $6 and $7 the person's
-- identifiers (kinds and values, the message's own first), $8 name, $9 assistant, $10 direction,
-- $11 author, $12 status, $13 content, $14 the provider's time, $15 correlation, $16 whether a turn
-- collects it, $17 whether it triggers one, $18 now, $19 quiet time, $20 longest wait.
-- Not `settled`: somebody else was storing one of the identifiers; unite, then receive again.
WITH known AS (
  SELECT i.kind, i.identifier, i.participant_id
    FROM unnest($6::text[], $7::text[]) AS said (kind, identifier)
    JOIN processing.identities i
      ON i.connection_id = $3::uuid AND i.kind = said.kind AND i.identifier = said.identifier
), person AS (
  SELECT coalesce((SELECT participant_id FROM known ORDER BY participant_id LIMIT 1), uuidv7()) AS id,
         (SELECT count(DISTINCT participant_id) FROM known) AS people
   WHERE NOT EXISTS (SELECT FROM processing.messages WHERE id = $1::uuid)
     AND NOT EXISTS (SELECT FROM processing.messages
                      WHERE connection_id = $3::uuid AND external_id = $5::text AND external_id <> '')
), named AS (
  INSERT INTO processing.identities (connection_id, kind, identifier, participant_id)
  SELECT $3::uuid, said.kind, said.identifier, person.id
    FROM person, unnest($6::text[], $7::text[]) AS said (kind, identifier)
   WHERE NOT EXISTS (SELECT FROM known
                      WHERE known.kind = said.kind AND known.identifier = said.identifier)
   ORDER BY said.kind, said.identifier
  ON CONFLICT DO NOTHING
  RETURNING kind
), made AS (
  INSERT INTO processing.participants
    (id, workspace_id, connection_id, display_name, identifier, kind)
  SELECT person.id, $2::uuid, $3::uuid, $8::text, ($7::text[])[1], ($6::text[])[1]
    FROM person WHERE person.people = 0 AND EXISTS (SELECT FROM named)
), settled AS (
  SELECT person.id FROM person
   WHERE person.people <= 1
     AND (SELECT count(*) FROM known) + (SELECT count(*) FROM named) = cardinality($6::text[])
), renamed AS (
  UPDATE processing.participants p
     SET display_name = coalesce(nullif($8::text, ''), p.display_name),
         identifier = ($7::text[])[1], kind = ($6::text[])[1]
    FROM settled
   WHERE p.id = settled.id
     AND (p.display_name, p.identifier, p.kind) IS DISTINCT FROM
         (coalesce(nullif($8::text, ''), p.display_name), ($7::text[])[1], ($6::text[])[1])
), conversation AS (
  INSERT INTO processing.conversations AS c
    (workspace_id, connection_id, channel, participant_id, assistant_id, handler,
     create_time, update_time, last_message_time)
  SELECT $2::uuid, $3::uuid, $4::text, settled.id, $9::uuid,
         (CASE WHEN $9::uuid IS NULL THEN 'person' ELSE 'assistant' END)::processing.handler,
         $18::timestamptz, $18::timestamptz, $14::timestamptz
    FROM settled
  ON CONFLICT (tenant_id, connection_id, participant_id) DO UPDATE
    SET status = 'open',
        last_message_time = greatest(c.last_message_time, excluded.last_message_time),
        assistant_id = CASE WHEN $10 = 'inbound'::processing.direction
                            THEN excluded.assistant_id ELSE c.assistant_id END,
        handler = CASE WHEN $10 = 'outbound'::processing.direction THEN c.handler
                       WHEN excluded.assistant_id IS NULL THEN 'person'
                       WHEN c.status = 'resolved' OR c.assistant_id IS NULL AND NOT c.taken_over
                       THEN 'assistant'
                       ELSE c.handler END,
        taken_over = c.taken_over
                     AND ($10 = 'outbound'::processing.direction OR c.status <> 'resolved'),
        update_time = CASE WHEN c.status = 'resolved' THEN $18::timestamptz
                           WHEN $10 = 'outbound'::processing.direction THEN c.update_time
                           WHEN excluded.assistant_id IS NULL AND c.handler = 'assistant'
                             OR excluded.assistant_id IS NOT NULL AND c.assistant_id IS NULL
                                AND c.handler = 'person' AND NOT c.taken_over
                           THEN $18::timestamptz
                           ELSE c.update_time END
  RETURNING c.id, c.handler, coalesce(old.status = 'resolved', true) AS opened,
            coalesce(old.handler <> c.handler, false) AS handed
), message AS (
  INSERT INTO processing.messages
    (id, conversation_id, connection_id, external_id, direction, author, status, content,
     message_time, correlation_id, waits, create_time, sent_time)
  SELECT $1::uuid, conversation.id, $3::uuid, $5::text, $10::processing.direction,
         $11::processing.author, $12::processing.message_status, $13::bytea, $14::timestamptz,
         $15::text, $16::boolean AND conversation.handler = 'assistant', $18::timestamptz,
         CASE WHEN $10 = 'outbound'::processing.direction THEN $14::timestamptz END
    FROM conversation
  ON CONFLICT DO NOTHING
  RETURNING id, waits
), buffer AS (
  INSERT INTO processing.buffers AS b (conversation_id, first_time, due_time, flush_reason)
  SELECT conversation.id, $18::timestamptz, $18::timestamptz + least($19::interval, $20::interval),
         CASE WHEN $19::interval > $20::interval THEN 'max_wait' ELSE 'quiet' END
    FROM conversation JOIN message ON message.waits
   WHERE $17::boolean
  ON CONFLICT (tenant_id, conversation_id) DO UPDATE
    SET due_time = least($18::timestamptz + $19::interval, b.first_time + $20::interval),
        flush_reason = CASE WHEN $18::timestamptz + $19::interval > b.first_time + $20::interval
                            THEN 'max_wait' ELSE 'quiet' END
  RETURNING due_time
)
SELECT EXISTS (SELECT FROM person) AS fresh, EXISTS (SELECT FROM settled) AS settled,
       message.id IS NOT NULL AS stored, conversation.id AS conversation_id,
       conversation.opened, conversation.handed, buffer.due_time
  FROM (VALUES (1)) AS always
  LEFT JOIN conversation ON true
  LEFT JOIN message ON true
  LEFT JOIN buffer ON true;

-- unite
-- Makes one person, the one known first, of all who have one of these identifiers on a connection.
-- $1 connection, $2 and $3 kinds and identifiers, $4 now. Returns the conversations that end by it.
WITH people AS (
  SELECT DISTINCT i.participant_id AS id
    FROM unnest($2::text[], $3::text[]) AS said (kind, identifier)
    JOIN processing.identities i
      ON i.connection_id = $1 AND i.kind = said.kind AND i.identifier = said.identifier
), survivor AS (
  SELECT id FROM people ORDER BY id LIMIT 1
), others AS (
  SELECT people.id FROM people, survivor WHERE people.id <> survivor.id
), moved AS (
  UPDATE processing.identities SET participant_id = survivor.id
    FROM survivor WHERE participant_id IN (SELECT id FROM others)
), merged AS (
  UPDATE processing.participants p SET merged_into = survivor.id
    FROM survivor WHERE p.id IN (SELECT id FROM others)
)
UPDATE processing.conversations SET status = 'resolved', update_time = $4
 WHERE participant_id IN (SELECT id FROM others)
RETURNING id;

-- adopt
-- Moves what still waits in conversations that ended ($2) to the one that goes on ($1), and returns
-- when it is due there; nothing when nothing there has asked for an answer.
WITH moved AS (
  UPDATE processing.messages SET conversation_id = $1
   WHERE conversation_id = ANY($2::uuid[]) AND waits
), gone AS (
  DELETE FROM processing.buffers WHERE conversation_id = ANY($2::uuid[])
  RETURNING first_time, due_time, flush_reason
)
INSERT INTO processing.buffers AS b (conversation_id, first_time, due_time, flush_reason)
SELECT $1, min(first_time), max(due_time), max(flush_reason) FROM gone HAVING count(*) > 0
ON CONFLICT (tenant_id, conversation_id) DO UPDATE
  SET first_time = least(b.first_time, excluded.first_time),
      due_time = greatest(b.due_time, excluded.due_time)
RETURNING due_time;

-- take_over
-- Hands a conversation to people at $2: what waits is theirs, and no answer leaves any more. $3 is
-- whether one of them did it, or there just is no assistant.
WITH conversation AS (
  UPDATE processing.conversations
     SET handler = 'person', taken_over = taken_over OR $3::boolean,
         update_time = CASE WHEN handler = 'person' THEN update_time ELSE $2::timestamptz END
   WHERE id = $1
  RETURNING id, old.handler <> handler AS changed
), turn AS (
  UPDATE processing.turns SET status = 'cancelled', failure_reason = 'PERSON_TOOK_OVER',
         end_time = $2::timestamptz
    FROM conversation
   WHERE conversation_id = conversation.id AND status IN ('generating', 'ready')
  RETURNING reply_message_id
), buffer AS (
  DELETE FROM processing.buffers USING conversation WHERE conversation_id = conversation.id
), left_to_the_person AS (
  UPDATE processing.messages SET waits = false
    FROM conversation WHERE conversation_id = conversation.id AND waits
), reply AS (
  UPDATE processing.messages m SET status = 'cancelled', failure_reason = 'PERSON_TOOK_OVER'
    FROM turn WHERE m.id = turn.reply_message_id AND m.status = 'pending'
  RETURNING m.id
)
SELECT changed, (SELECT id FROM reply) AS cancelled_id FROM conversation;

-- unanswered
-- What was said in conversation $1 at $2 or later, since a person or partner last wrote, and is in
-- no turn; a turn that was cancelled never answered.
SELECT m.id, m.content
  FROM processing.messages m
  LEFT JOIN processing.turns t ON t.tenant_id = m.tenant_id AND t.id = m.turn_id
 WHERE m.conversation_id = $1 AND m.direction = 'inbound' AND m.message_time >= $2
   AND (m.turn_id IS NULL OR t.status = 'cancelled')
   AND m.id > coalesce((SELECT id FROM processing.messages
                         WHERE conversation_id = $1 AND author IN ('person', 'api')
                           AND status NOT IN ('cancelled', 'failed')
                         ORDER BY id DESC LIMIT 1),
                       '00000000-0000-0000-0000-000000000000')
 ORDER BY m.id;

-- hand_back
-- Hands conversation $1 to assistant $5 at $2: messages $3 wait again, due at once if $4.
WITH conversation AS (
  UPDATE processing.conversations
     SET handler = 'assistant', taken_over = false, assistant_id = $5,
         update_time = CASE WHEN handler = 'assistant' THEN update_time ELSE $2::timestamptz END
   WHERE id = $1
  RETURNING id
), waiting AS (
  UPDATE processing.messages SET waits = true, turn_id = NULL WHERE id = ANY($3::uuid[])
)
INSERT INTO processing.buffers AS b (conversation_id, first_time, due_time, flush_reason)
SELECT id, $2::timestamptz, $2::timestamptz, 'quiet' FROM conversation WHERE $4::boolean
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_time = excluded.due_time;

-- set_status
-- Settles a conversation or opens it again, at $3.
UPDATE processing.conversations SET status = $2, update_time = $3 WHERE id = $1;

-- send
-- Stores a message of the business once for a request id: $1 id, $2 conversation, $3 request,
-- $4 author, $5 content, $6 now, $7 correlation.
WITH conversation AS (
  UPDATE processing.conversations SET last_message_time = greatest(last_message_time, $6)
   WHERE id = $2
  RETURNING id, connection_id
)
INSERT INTO processing.messages
  (id, conversation_id, connection_id, request_id, direction, author, status, content,
   message_time, correlation_id, create_time)
SELECT $1, id, connection_id, $3, 'outbound', $4::processing.author, 'pending', $5, $6, $7, $6
  FROM conversation
ON CONFLICT (tenant_id, request_id) WHERE request_id IS NOT NULL DO NOTHING
RETURNING *;

-- sent_before
-- The message that a request id sent to conversation $2.
SELECT * FROM processing.messages WHERE request_id = $1 AND conversation_id = $2;

-- outbound_waiting
-- A message of the business that nobody has reported on yet.
SELECT * FROM processing.messages WHERE id = $1 AND status = 'pending' AND turn_id IS NULL;

-- conversation
-- One conversation of workspace $2 ('' for any) with its participant.
SELECT c.id, c.workspace_id, c.connection_id, c.channel, c.assistant_id, c.status, c.handler,
       c.create_time, c.last_message_time, c.update_time, c.participant_id,
       p.display_name, p.identifier, p.kind
  FROM processing.conversations c
  JOIN processing.participants p ON p.tenant_id = c.tenant_id AND p.id = c.participant_id
 WHERE c.id = $1 AND ($2 = '' OR c.workspace_id = nullif($2, '')::uuid);

-- lock_conversation
-- The same, and nobody else changes it, what waits in it or its turn until this commits.
SELECT c.id, c.workspace_id, c.connection_id, c.channel, c.assistant_id, c.status, c.handler,
       c.create_time, c.last_message_time, c.update_time, c.participant_id,
       p.display_name, p.identifier, p.kind
  FROM processing.conversations c
  JOIN processing.participants p ON p.tenant_id = c.tenant_id AND p.id = c.participant_id
 WHERE c.id = $1 AND ($2 = '' OR c.workspace_id = nullif($2, '')::uuid)
   FOR NO KEY UPDATE OF c;

-- list_conversations
-- One page by activity. $1 workspace ('' for any), $2 lanes, $3 connection, $4 assistant,
-- $5 participant (NULL for any), $6 and $7 the activity and id already shown, $8 the page's size.
-- `true /*led*/` gives way to the filter whose index leads.
SELECT c.*, p.display_name, p.identifier, p.kind
  FROM unnest($2::smallint[]) AS among (lane)
 CROSS JOIN LATERAL (
   SELECT id, workspace_id, connection_id, channel, assistant_id, status, handler,
          create_time, last_message_time, update_time, participant_id
     FROM processing.conversations c
    WHERE c.lane = among.lane AND true /*led*/
      AND ($1 = '' OR c.workspace_id = nullif($1, '')::uuid)
      AND ($3::uuid IS NULL OR c.connection_id = $3)
      AND ($4::uuid IS NULL OR c.assistant_id = $4)
      AND ($5::uuid IS NULL OR c.participant_id = $5)
      AND (c.last_message_time, c.id) /*dir*/ < ($6::timestamptz, $7::uuid)
    ORDER BY c.last_message_time /*dir*/ DESC, c.id /*dir*/ DESC
    LIMIT $8
 ) c
 CROSS JOIN LATERAL (
   SELECT display_name, identifier, kind
     FROM processing.participants WHERE id = c.participant_id LIMIT 1
 ) p
 ORDER BY c.last_message_time /*dir*/ DESC, c.id /*dir*/ DESC
 LIMIT $8;

-- list_messages
-- One page of conversation $1 of workspace $2 ('' for any), in the order of receipt; one row without
-- an id when the page is empty. $3 direction, $4 and $5 the times it was stored from and before
-- (NULL for any), $6 the id already shown, $7 the page's size.
SELECT m.*
  FROM processing.conversations c
  LEFT JOIN LATERAL (
    SELECT * FROM processing.messages
     WHERE conversation_id = c.id AND id /*dir*/ < $6::uuid
       AND ($3::processing.direction IS NULL OR direction = $3)
       AND ($4::timestamptz IS NULL OR create_time >= $4)
       AND ($5::timestamptz IS NULL OR create_time < $5)
     ORDER BY id /*dir*/ DESC
     LIMIT $7
  ) m ON true
 WHERE c.id = $1 AND ($2 = '' OR c.workspace_id = nullif($2, '')::uuid)
 ORDER BY m.id /*dir*/ DESC;

-- message
-- Message $2 of conversation $1 of workspace $3 ('' for any).
SELECT m.*
  FROM processing.messages m
  JOIN processing.conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
 WHERE m.conversation_id = $1 AND m.id = $2
   AND ($3 = '' OR c.workspace_id = nullif($3, '')::uuid);

-- timeline_turns
-- The turns that collected or answered with a message of this correlation, of workspace $2.
SELECT t.id, t.conversation_id, t.status, t.correlation_id, t.flush_reason, t.model, t.supersedes,
       t.failure_reason, t.create_time, t.ready_time, t.end_time,
       (SELECT count(*) FROM processing.messages
         WHERE turn_id = t.id AND direction = 'inbound') AS messages
  FROM processing.turns t
  JOIN processing.conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
 WHERE t.id IN (SELECT turn_id FROM processing.messages WHERE correlation_id = $1)
   AND ($2 = '' OR c.workspace_id = nullif($2, '')::uuid)
 ORDER BY t.id;

-- timeline_messages
-- The messages of this correlation and the answers of these turns ($2), of workspace $3.
SELECT m.id, m.conversation_id, m.direction, m.author, m.status, m.failure_reason, m.turn_id,
       m.correlation_id, m.create_time, m.sent_time, m.delivered_time, m.read_time, m.failed_time
  FROM processing.messages m
  JOIN processing.conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
 WHERE (m.correlation_id = $1 OR (m.turn_id = ANY($2::uuid[]) AND m.direction = 'outbound'))
   AND ($3 = '' OR c.workspace_id = nullif($3, '')::uuid)
 ORDER BY m.id;

-- stored_messages
-- Which of these messages are stored.
SELECT id FROM processing.messages WHERE id = ANY($1::uuid[]);
