-- last_messages_and_turns
-- What conversations $1 show beside themselves: the newest message and turn, what waits for an
-- answer, and when. One row for each.
SELECT asked.id AS asked_id, m.*, t.id AS newest_turn_id, b.due_time,
       coalesce(t.status IN ('generating', 'ready'), false) AS answering,
       (SELECT count(*) FROM processing.messages
         WHERE conversation_id = asked.id AND waits) AS waiting,
       (SELECT count(*) FROM processing.messages
         WHERE turn_id = t.id AND direction = 'inbound') AS collected
  FROM unnest($1::uuid[]) AS asked (id)
  LEFT JOIN LATERAL (
    SELECT * FROM processing.messages
     WHERE conversation_id = asked.id ORDER BY id DESC LIMIT 1
  ) m ON true
  LEFT JOIN LATERAL (
    SELECT id, status FROM processing.turns
     WHERE conversation_id = asked.id ORDER BY id DESC LIMIT 1
  ) t ON true
  LEFT JOIN LATERAL (
    SELECT due_time FROM processing.buffers WHERE conversation_id = asked.id LIMIT 1
  ) b ON true;
