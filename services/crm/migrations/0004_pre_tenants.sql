-- migrate:up
-- What is copied below belongs to every tenant: the owner reads past the policies meanwhile.
ALTER TABLE crm.tenants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE crm.tenant_status_changes NO FORCE ROW LEVEL SECURITY;

ALTER TABLE crm.tenants
  ADD COLUMN language text NOT NULL DEFAULT 'pt-BR',
  ADD COLUMN time_zone text NOT NULL DEFAULT 'America/Sao_Paulo',
  ADD COLUMN delete_time timestamptz,
  ADD COLUMN purge_time timestamptz,
  -- What a restoration goes back to: a suspended tenant stays suspended.
  ADD COLUMN prior_status int CHECK (prior_status IN (1, 2)),
  ADD COLUMN update_time timestamptz NOT NULL DEFAULT now(),
  DROP CONSTRAINT tenants_status_check,
  ADD CONSTRAINT tenants_status_check CHECK (status IN (1, 2, 3)),
  ADD CONSTRAINT tenants_deletion_check
    CHECK ((delete_time IS NOT NULL, purge_time IS NOT NULL, prior_status IS NOT NULL)
           = (status = 3, status = 3, status = 3));
UPDATE crm.tenants SET update_time = create_time;

-- What was done to a tenant, by whom and why.
CREATE TABLE crm.tenant_changes (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  id          uuid NOT NULL,
  action      text NOT NULL
    CHECK (action IN ('created', 'status', 'plan', 'deletion', 'restoration')),
  value       text NOT NULL,
  reason      text NOT NULL,
  actor       text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id) REFERENCES crm.tenants (tenant_id) ON DELETE CASCADE
);
INSERT INTO crm.tenant_changes (tenant_id, id, action, value, reason, actor, create_time)
SELECT tenant_id, id, 'status', CASE status WHEN 1 THEN 'active' ELSE 'suspended' END, reason,
       'service:' || actor, create_time
  FROM crm.tenant_status_changes;
SELECT isolate_by_tenant('crm.tenant_changes');

-- Every tenant's id, for operators: row level security shows one tenant at a time.
CREATE TABLE crm.tenant_routes (
  tenant_id uuid PRIMARY KEY
);
INSERT INTO crm.tenant_routes (tenant_id) SELECT tenant_id FROM crm.tenants;
SELECT share_with_service('crm.tenant_routes');

-- That a tenant existed and when it was erased: all that is left of it.
CREATE TABLE crm.purged_tenants (
  id         uuid PRIMARY KEY,
  purge_time timestamptz NOT NULL
);
SELECT share_with_service('crm.purged_tenants');

ALTER TABLE crm.tenants FORCE ROW LEVEL SECURITY;
ALTER TABLE crm.tenant_status_changes FORCE ROW LEVEL SECURITY;

ALTER TABLE crm.workspaces
  ADD COLUMN update_time timestamptz NOT NULL DEFAULT now();

ALTER TABLE crm.api_keys
  ADD COLUMN allowed_networks text[] NOT NULL DEFAULT '{}',
  ADD COLUMN last_four text NOT NULL DEFAULT '',
  ADD COLUMN creator text NOT NULL DEFAULT '',
  -- The key that took its place: it ends soon, and is not counted any more.
  ADD COLUMN replacement_id uuid,
  ADD COLUMN last_use_time timestamptz,
  ADD COLUMN update_time timestamptz NOT NULL DEFAULT now();

-- migrate:down
ALTER TABLE crm.api_keys
  DROP COLUMN update_time,
  DROP COLUMN last_use_time,
  DROP COLUMN replacement_id,
  DROP COLUMN creator,
  DROP COLUMN last_four,
  DROP COLUMN allowed_networks;
ALTER TABLE crm.workspaces DROP COLUMN update_time;
DROP TABLE crm.purged_tenants;
DROP TABLE crm.tenant_routes;
DROP TABLE crm.tenant_changes;
ALTER TABLE crm.tenants NO FORCE ROW LEVEL SECURITY;
-- A tenant that is being deleted is not served: as near as the older schema comes.
UPDATE crm.tenants SET status = 2, delete_time = NULL, purge_time = NULL,
       prior_status = NULL
 WHERE status = 3;
ALTER TABLE crm.tenants
  DROP CONSTRAINT tenants_deletion_check,
  DROP CONSTRAINT tenants_status_check,
  ADD CONSTRAINT tenants_status_check CHECK (status IN (1, 2)),
  DROP COLUMN update_time,
  DROP COLUMN prior_status,
  DROP COLUMN purge_time,
  DROP COLUMN delete_time,
  DROP COLUMN time_zone,
  DROP COLUMN language;
ALTER TABLE crm.tenants FORCE ROW LEVEL SECURITY;
