-- migrate:up
-- The ledger is read by connection and in the order of receipt, from either end. A webhook joins when
-- it is judged: storing it, which its provider waits for, costs no more than before.
CREATE INDEX webhook_events_judged
  ON ingestion.webhook_events (tenant_id, connection_id, receive_time, id) WHERE status <> 'queued';
CREATE INDEX webhook_events_rejected
  ON ingestion.webhook_events (tenant_id, connection_id, receive_time, id) WHERE status = 'rejected';
-- It ordered by id, and no query could use it.
DROP INDEX ingestion.webhook_events_tenant_id_id_idx;

-- migrate:down
CREATE INDEX webhook_events_tenant_id_id_idx
  ON ingestion.webhook_events (tenant_id, id) WHERE status = 'rejected';
DROP INDEX ingestion.webhook_events_rejected;
DROP INDEX ingestion.webhook_events_judged;
