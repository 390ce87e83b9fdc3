-- migrate:up
SELECT install_service('ingestion');

CREATE TYPE ingestion.connection_status AS ENUM ('active', 'paused');

CREATE TABLE ingestion.connections (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  id           uuid NOT NULL,
  workspace_id uuid NOT NULL,
  channel      text NOT NULL CHECK (channel <> ''),
  display_name text NOT NULL,
  status       ingestion.connection_status NOT NULL DEFAULT 'active',
  external_id  text NOT NULL CHECK (external_id <> ''),
  account_id   text NOT NULL,
  assistant_id uuid,
  -- The channel's configuration with its secrets, as JSON, sealed for this tenant and this row.
  config       bytea NOT NULL,
  create_time  timestamptz NOT NULL,
  update_time  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
SELECT isolate_by_tenant('ingestion.connections');

-- Whose a connection is, asked before the tenant is known. Ids only.
CREATE TABLE ingestion.connection_routes (
  connection_id uuid PRIMARY KEY,
  tenant_id     uuid NOT NULL,
  channel       text NOT NULL,
  external_id   text NOT NULL,
  -- One account is connected once, whoever owns it.
  UNIQUE (channel, external_id)
);
SELECT share_with_service('ingestion.connection_routes');

-- migrate:down
DROP TABLE ingestion.connection_routes;
DROP TABLE ingestion.connections;
DROP TYPE ingestion.connection_status;
SELECT uninstall_service('ingestion');
