-- migrate:up
-- People, what is said with them, what waits for an answer, and the answers being made.
SELECT install_service('processing');

CREATE TYPE processing.conversation_status AS ENUM ('open', 'resolved');
CREATE TYPE processing.handler AS ENUM ('assistant', 'person');
CREATE TYPE processing.direction AS ENUM ('inbound', 'outbound');
CREATE TYPE processing.author AS ENUM ('customer', 'assistant', 'person', 'api');
-- In the order of model.py's lattice: greatest() is how a status moves, and it never moves back.
CREATE TYPE processing.message_status AS ENUM
  ('received', 'pending', 'cancelled', 'unknown', 'sent', 'failed', 'delivered', 'read');
CREATE TYPE processing.turn_status AS ENUM
  ('generating', 'ready', 'sending', 'done', 'failed', 'cancelled');

CREATE TABLE processing.participants (
  tenant_id     uuid NOT NULL DEFAULT current_tenant(),
  id            uuid NOT NULL,
  workspace_id  uuid NOT NULL,
  connection_id uuid NOT NULL,
  display_name  text NOT NULL,
  -- The identifier heard last, which is where answers go.
  identifier    text NOT NULL,
  kind          text NOT NULL,
  -- Who this turned out to be.
  merged_into   uuid,
  create_time   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, merged_into) REFERENCES processing.participants (tenant_id, id)
);
SELECT isolate_by_tenant('processing.participants');

-- Every identifier a person was seen with: a phone number, a scoped user id, a visitor id.
CREATE TABLE processing.identities (
  tenant_id      uuid NOT NULL DEFAULT current_tenant(),
  connection_id  uuid NOT NULL,
  kind           text NOT NULL,
  identifier     text NOT NULL,
  participant_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, kind, identifier),
  FOREIGN KEY (tenant_id, participant_id) REFERENCES processing.participants (tenant_id, id)
);
CREATE INDEX identities_of_participant ON processing.identities (tenant_id, participant_id);
SELECT isolate_by_tenant('processing.identities');

-- One for each person and connection, for ever: a message after RESOLVED opens it again.
CREATE TABLE processing.conversations (
  tenant_id         uuid NOT NULL DEFAULT current_tenant(),
  id                uuid NOT NULL DEFAULT uuidv7(),
  workspace_id      uuid NOT NULL,
  connection_id     uuid NOT NULL,
  channel           text NOT NULL,
  participant_id    uuid NOT NULL,
  assistant_id      uuid,
  status            processing.conversation_status NOT NULL DEFAULT 'open',
  handler           processing.handler NOT NULL,
  create_time       timestamptz NOT NULL,
  last_message_time timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, connection_id, participant_id),
  FOREIGN KEY (tenant_id, participant_id) REFERENCES processing.participants (tenant_id, id)
);
CREATE INDEX conversations_by_activity
  ON processing.conversations (tenant_id, last_message_time DESC, id DESC);
SELECT isolate_by_tenant('processing.conversations');

-- One answer being made. Once its reply is claimed (sending) it is open no more.
CREATE TABLE processing.turns (
  tenant_id        uuid NOT NULL DEFAULT current_tenant(),
  id               uuid NOT NULL,
  conversation_id  uuid NOT NULL,
  assistant_id     uuid NOT NULL,
  status           processing.turn_status NOT NULL DEFAULT 'generating',
  attempt          integer NOT NULL DEFAULT 1,
  supersedes       integer NOT NULL DEFAULT 0,
  flush_reason     text NOT NULL,
  correlation_id   text NOT NULL,
  reply_message_id uuid,
  model            text NOT NULL DEFAULT '',
  failure_reason   text NOT NULL DEFAULT '',
  -- False when the reply only says that there is no answer.
  answered         boolean NOT NULL DEFAULT true,
  create_time      timestamptz NOT NULL,
  -- When this attempt began.
  attempt_time     timestamptz NOT NULL,
  -- When somebody was last asked to carry it on: the model, or the delivery.
  asked_time       timestamptz NOT NULL,
  ready_time       timestamptz,
  end_time         timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES processing.conversations (tenant_id, id),
  CHECK (status <> 'generating' OR reply_message_id IS NULL),
  CHECK (status NOT IN ('ready', 'sending', 'done') OR reply_message_id IS NOT NULL)
);
CREATE UNIQUE INDEX one_open_turn ON processing.turns (tenant_id, conversation_id)
  WHERE status IN ('generating', 'ready');
CREATE INDEX turns_sending ON processing.turns (tenant_id, conversation_id)
  WHERE status = 'sending';
SELECT isolate_by_tenant('processing.turns');

CREATE TABLE processing.messages (
  tenant_id       uuid NOT NULL DEFAULT current_tenant(),
  id              uuid NOT NULL,
  conversation_id uuid NOT NULL,
  connection_id   uuid NOT NULL,
  -- The provider's id; '' until it gave one.
  external_id     text NOT NULL DEFAULT '',
  request_id      uuid,
  direction       processing.direction NOT NULL,
  author          processing.author NOT NULL,
  status          processing.message_status NOT NULL,
  failure_reason  text NOT NULL DEFAULT '',
  -- Waits to be collected by a turn.
  waits           boolean NOT NULL DEFAULT false,
  -- The turn that collected it, or that it answers.
  turn_id         uuid,
  correlation_id  text NOT NULL,
  sources         text[] NOT NULL DEFAULT '{}',
  -- malha.message.v1.Message, without conversation_id and external_id, which are columns.
  content         bytea NOT NULL,
  -- By the provider's clock.
  message_time    timestamptz NOT NULL,
  create_time     timestamptz NOT NULL,
  sent_time       timestamptz,
  delivered_time  timestamptz,
  read_time       timestamptz,
  failed_time     timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES processing.conversations (tenant_id, id),
  FOREIGN KEY (tenant_id, turn_id) REFERENCES processing.turns (tenant_id, id),
  CHECK (NOT (waits AND turn_id IS NOT NULL)),
  CHECK ((direction = 'inbound') = (status = 'received'))
);
CREATE UNIQUE INDEX messages_by_external_id
  ON processing.messages (tenant_id, connection_id, external_id) WHERE external_id <> '';
CREATE UNIQUE INDEX messages_by_request ON processing.messages (tenant_id, request_id)
  WHERE request_id IS NOT NULL;
CREATE UNIQUE INDEX one_live_reply_per_turn ON processing.messages (tenant_id, turn_id)
  WHERE direction = 'outbound' AND status <> 'cancelled' AND turn_id IS NOT NULL;
CREATE INDEX messages_of_conversation ON processing.messages (tenant_id, conversation_id, id DESC);
CREATE INDEX messages_waiting ON processing.messages (tenant_id, conversation_id) WHERE waits;
CREATE INDEX messages_of_turn ON processing.messages (tenant_id, turn_id)
  WHERE turn_id IS NOT NULL;
CREATE INDEX messages_by_correlation ON processing.messages (tenant_id, correlation_id);
SELECT isolate_by_tenant('processing.messages');

-- What waits for its quiet time. The waiting messages themselves are those with `waits`.
CREATE TABLE processing.buffers (
  tenant_id       uuid NOT NULL DEFAULT current_tenant(),
  conversation_id uuid NOT NULL,
  first_time      timestamptz NOT NULL,
  due_time        timestamptz NOT NULL,
  flush_reason    text NOT NULL,
  PRIMARY KEY (tenant_id, conversation_id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES processing.conversations (tenant_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
SELECT isolate_by_tenant('processing.buffers');

-- migrate:down
DROP TABLE processing.buffers, processing.messages, processing.turns, processing.conversations,
           processing.identities, processing.participants;
DROP TYPE processing.conversation_status, processing.handler, processing.direction,
          processing.author, processing.message_status, processing.turn_status;
SELECT uninstall_service('processing');
