-- migrate:up
-- When a conversation's status or handler last changed, and indexes that keep its lists cheap.
ALTER TABLE processing.conversations
  ADD COLUMN update_time timestamptz NOT NULL DEFAULT now(),
  -- Status and handler in one number: open or resolved (+2), by the assistant or a person (+1).
  -- Equality of enums is not leakproof, so under row level security no index serves it.
  ADD COLUMN lane smallint NOT NULL GENERATED ALWAYS AS
    ((CASE status WHEN 'resolved' THEN 2 ELSE 0 END
      + CASE handler WHEN 'person' THEN 1 ELSE 0 END)::smallint) STORED;

-- Within one workspace, connection or assistant, each lane lies in the order of activity: a list
-- goes along at most four of them, and never passes over what its filters leave out.
CREATE INDEX conversations_of_workspace ON processing.conversations
  (tenant_id, workspace_id, lane, last_message_time DESC, id DESC);
CREATE INDEX conversations_of_connection ON processing.conversations
  (tenant_id, connection_id, lane, last_message_time DESC, id DESC);
CREATE INDEX conversations_of_assistant ON processing.conversations
  (tenant_id, assistant_id, lane, last_message_time DESC, id DESC)
  WHERE assistant_id IS NOT NULL;
DROP INDEX processing.conversations_by_activity;

-- The newest turn of each conversation.
CREATE INDEX turns_of_conversation ON processing.turns (tenant_id, conversation_id, id DESC);

-- migrate:down
DROP INDEX processing.turns_of_conversation;
CREATE INDEX conversations_by_activity
  ON processing.conversations (tenant_id, last_message_time DESC, id DESC);
DROP INDEX processing.conversations_of_assistant, processing.conversations_of_connection,
           processing.conversations_of_workspace;
ALTER TABLE processing.conversations DROP COLUMN lane, DROP COLUMN update_time;
