-- migrate:up
CREATE TYPE ingestion.webhook_status AS ENUM ('queued', 'accepted', 'rejected');

-- The ledger: one row for each item of each webhook ever received. A webhook comes as one row; when it
-- is judged, it becomes as many as it holds items.
CREATE TABLE ingestion.webhook_events (
  tenant_id      uuid NOT NULL DEFAULT current_tenant(),
  id             uuid NOT NULL,
  batch_id       uuid NOT NULL,
  request_id     uuid NOT NULL,
  -- Its place among the items of the request.
  item           int NOT NULL CHECK (item >= 0),
  workspace_id   uuid NOT NULL,
  connection_id  uuid NOT NULL,
  source         text NOT NULL,
  status         ingestion.webhook_status NOT NULL,
  reason         text NOT NULL CHECK ((reason <> '') = (status = 'rejected')),
  -- Known once it is judged.
  kind           text NOT NULL,
  external_id    text NOT NULL,
  -- The item in the provider's envelope: the body itself when it held nothing else. What could not
  -- be read is kept as it came; what was not proven to be the provider's only by its beginning.
  payload        bytea NOT NULL,
  -- The whole body, beside the first of several items.
  body           bytea,
  -- Of the whole body, where only its beginning is kept.
  body_length    int,
  body_sha256    bytea,
  signature      text NOT NULL,
  -- NULL for the event's own id, which is what nearly all have.
  correlation_id text,
  receive_time   timestamptz NOT NULL,
  process_time   timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON ingestion.webhook_events (tenant_id, batch_id) WHERE status = 'queued';
CREATE INDEX ON ingestion.webhook_events (tenant_id, id) WHERE status = 'rejected';
CREATE INDEX ON ingestion.webhook_events (tenant_id, correlation_id) WHERE correlation_id IS NOT NULL;
SELECT isolate_by_tenant('ingestion.webhook_events');

-- What was accepted, by the provider's ids: the second of its kind is a duplicate. Providers repeat
-- themselves for a week, so this is no cache.
CREATE TABLE ingestion.accepted_items (
  tenant_id     uuid NOT NULL DEFAULT current_tenant(),
  connection_id uuid NOT NULL,
  kind          text NOT NULL,
  external_id   text NOT NULL,
  event_id      uuid NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, kind, external_id)
);
SELECT isolate_by_tenant('ingestion.accepted_items');

-- Webhooks to connections that do not exist: nobody's, so without a tenant. A sample, for operators.
CREATE TABLE ingestion.unrouted_webhooks (
  id            uuid PRIMARY KEY,
  source        text NOT NULL,
  connection_id text NOT NULL,
  payload       bytea NOT NULL,
  body_length   int NOT NULL,
  body_sha256   bytea NOT NULL,
  receive_time  timestamptz NOT NULL
);
SELECT share_with_service('ingestion.unrouted_webhooks');

-- migrate:down
DROP TABLE ingestion.unrouted_webhooks;
DROP TABLE ingestion.accepted_items;
DROP TABLE ingestion.webhook_events;
DROP TYPE ingestion.webhook_status;
