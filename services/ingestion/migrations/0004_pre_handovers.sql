-- migrate:up
-- Messages handed on to processing, until it is known to hold them: the bus may forget them.
CREATE TABLE ingestion.handovers (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  id          uuid NOT NULL,
  -- malha.processing.v1.ReceiveMessages.
  command     bytea NOT NULL,
  create_time timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
SELECT isolate_by_tenant('ingestion.handovers');

-- migrate:down
DROP TABLE ingestion.handovers;
