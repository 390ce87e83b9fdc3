-- migrate:up
-- In the order a delivery moves: it never goes back. A failure that is reported late does not take
-- back that the customer has the message.
CREATE TYPE ingestion.delivery_status AS ENUM (
  'queued', 'sending', 'unknown', 'cancelled', 'sent', 'failed', 'delivered', 'read'
);

-- One row for each send. A message too long for its channel is several parts.
CREATE TABLE ingestion.deliveries (
  tenant_id      uuid NOT NULL DEFAULT current_tenant(),
  message_id     uuid NOT NULL,
  part           int NOT NULL CHECK (part >= 0),
  parts          int NOT NULL CHECK (parts > part),
  connection_id  uuid NOT NULL,
  -- What leaves one after the other: the conversation.
  lane           text NOT NULL,
  correlation_id text NOT NULL,
  status         ingestion.delivery_status NOT NULL,
  external_id    text,
  reason         text NOT NULL DEFAULT '',
  attempts       int NOT NULL DEFAULT 0,
  -- The command, to send it again; emptied once there is nothing left to send.
  command        bytea,
  due_time       timestamptz NOT NULL,
  attempt_time   timestamptz,
  create_time    timestamptz NOT NULL,
  sent_time      timestamptz,
  delivered_time timestamptz,
  read_time      timestamptz,
  failed_time    timestamptz,
  PRIMARY KEY (tenant_id, message_id, part)
) WITH (fillfactor = 80);
CREATE INDEX ON ingestion.deliveries (tenant_id, lane, message_id, part)
  WHERE status IN ('queued', 'sending');
CREATE INDEX ON ingestion.deliveries (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX ON ingestion.deliveries (tenant_id, correlation_id);
SELECT isolate_by_tenant('ingestion.deliveries');

-- What a provider reported about sends whose id we do not know yet.
CREATE TABLE ingestion.pending_statuses (
  tenant_id      uuid NOT NULL DEFAULT current_tenant(),
  external_id    text NOT NULL,
  status         ingestion.delivery_status NOT NULL,
  reason         text NOT NULL,
  sent_time      timestamptz,
  delivered_time timestamptz,
  read_time      timestamptz,
  failed_time    timestamptz,
  update_time    timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, external_id)
);
CREATE INDEX ON ingestion.pending_statuses (tenant_id, update_time);
SELECT isolate_by_tenant('ingestion.pending_statuses');

-- migrate:down
DROP TABLE ingestion.pending_statuses;
DROP TABLE ingestion.deliveries;
DROP TYPE ingestion.delivery_status;
