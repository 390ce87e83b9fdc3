-- get_tenant
-- The caller's own tenant.
SELECT tenant_id AS id, name, plan, status, webhooks_per_minute, create_time
  FROM crm.tenants;

-- insert_tenant
-- The tenant the transaction is for.
INSERT INTO crm.tenants (name, plan, status, webhooks_per_minute)
VALUES ($1, $2, 1, $3)
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, create_time;

-- insert_workspace
-- A workspace with the given id.
INSERT INTO crm.workspaces (id, name) VALUES ($1, $2);

-- claim_email
-- One tenant per e-mail address; no row when it is taken.
INSERT INTO crm.email_routes (email_hash, tenant_id) VALUES ($1, current_tenant())
ON CONFLICT DO NOTHING
RETURNING tenant_id;

-- insert_user
-- A person of the tenant.
INSERT INTO crm.users (id, workspace_id, email, password_hash, role)
VALUES ($1, $2, $3, $4, $5);

-- insert_api_key
-- A key, as a hash, and the way to find it.
WITH key AS (
  INSERT INTO crm.api_keys (id, workspace_id, name, secret_hash, scopes)
  VALUES ($1, $2, $3, $4, $5)
  RETURNING id, tenant_id
)
INSERT INTO crm.api_key_routes (key_id, tenant_id) SELECT id, tenant_id FROM key;

-- set_status
-- The tenant with its new status.
UPDATE crm.tenants SET status = $1
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, create_time;

-- insert_status_change
-- The audit of a change of status.
INSERT INTO crm.tenant_status_changes (id, status, reason, actor) VALUES ($1, $2, $3, $4);
