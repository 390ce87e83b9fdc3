-- migrate:up
SELECT install_service('crm');

CREATE TABLE crm.tenants (
  tenant_id           uuid PRIMARY KEY DEFAULT current_tenant(),
  name                text NOT NULL CHECK (name <> ''),
  plan                text NOT NULL,
  status              int NOT NULL CHECK (status IN (1, 2)),
  webhooks_per_minute int NOT NULL CHECK (webhooks_per_minute > 0),
  create_time         timestamptz NOT NULL DEFAULT now()
);
SELECT isolate_by_tenant('crm.tenants');

-- Why a tenant's status was changed, and by whom.
CREATE TABLE crm.tenant_status_changes (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  id          uuid NOT NULL,
  status      int NOT NULL,
  reason      text NOT NULL,
  actor       text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id) REFERENCES crm.tenants (tenant_id) ON DELETE CASCADE
);
SELECT isolate_by_tenant('crm.tenant_status_changes');

CREATE TABLE crm.workspaces (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  id          uuid NOT NULL,
  name        text NOT NULL CHECK (name <> ''),
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id) REFERENCES crm.tenants (tenant_id) ON DELETE CASCADE
);
SELECT isolate_by_tenant('crm.workspaces');

CREATE TABLE crm.users (
  tenant_id     uuid NOT NULL DEFAULT current_tenant(),
  id            uuid NOT NULL,
  workspace_id  uuid NOT NULL,
  email         text NOT NULL CHECK (email = lower(email)),
  password_hash text NOT NULL,
  role          text NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'viewer')),
  create_time   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, email),
  FOREIGN KEY (tenant_id, workspace_id) REFERENCES crm.workspaces (tenant_id, id)
);
SELECT isolate_by_tenant('crm.users');

CREATE TABLE crm.api_keys (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  id           uuid NOT NULL,
  workspace_id uuid NOT NULL,
  name         text NOT NULL,
  secret_hash  bytea NOT NULL,
  scopes       text[] NOT NULL,
  create_time  timestamptz NOT NULL DEFAULT now(),
  expire_time  timestamptz,
  revoke_time  timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, workspace_id) REFERENCES crm.workspaces (tenant_id, id)
);
SELECT isolate_by_tenant('crm.api_keys');

-- How a tenant is found before it is known: ids and hashes only, no tenant's data.
CREATE TABLE crm.api_key_routes (
  key_id    uuid PRIMARY KEY,
  tenant_id uuid NOT NULL
);
SELECT share_with_service('crm.api_key_routes');

CREATE TABLE crm.email_routes (
  email_hash bytea PRIMARY KEY,
  tenant_id  uuid NOT NULL
);
SELECT share_with_service('crm.email_routes');

-- migrate:down
DROP TABLE crm.email_routes;
DROP TABLE crm.api_key_routes;
DROP TABLE crm.api_keys;
DROP TABLE crm.users;
DROP TABLE crm.workspaces;
DROP TABLE crm.tenant_status_changes;
DROP TABLE crm.tenants;
SELECT uninstall_service('crm');
