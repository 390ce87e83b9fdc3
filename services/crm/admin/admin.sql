-- list_tenant_ids
-- One page of every tenant's id, newest first. $1 is the last one shown.
SELECT tenant_id AS id
  FROM crm.tenant_routes
 WHERE ($1::uuid IS NULL OR tenant_id < $1)
 ORDER BY tenant_id DESC
 LIMIT $2;

-- get_tenant
-- The transaction's tenant.
SELECT tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone, create_time,
       update_time, delete_time, purge_time
  FROM crm.tenants;

-- list_changes
-- One page of what was done to the tenant, newest first. $1 is the last one shown.
SELECT id, action, value, reason, actor, create_time
  FROM crm.tenant_changes
 WHERE ($1::uuid IS NULL OR id < $1)
 ORDER BY id DESC
 LIMIT $2;

-- insert_tenant
-- The tenant the transaction is for, and how operators find it.
WITH route AS (
  INSERT INTO crm.tenant_routes (tenant_id) VALUES (current_tenant())
)
INSERT INTO crm.tenants (name, plan, status, webhooks_per_minute)
VALUES ($1, $2, 1, $3)
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone,
          create_time, update_time, delete_time, purge_time;

-- insert_workspace
-- A workspace with the given id.
INSERT INTO crm.workspaces (id, name) VALUES ($1, $2);

-- insert_owner
-- The tenant's first person.
INSERT INTO crm.users (id, workspace_id, email, password_hash, role)
VALUES ($1, $2, $3, $4, $5);

-- set_status
-- The tenant, active or suspended from now on.
UPDATE crm.tenants
   SET status = $1, prior_status = NULL, delete_time = NULL, purge_time = NULL,
       update_time = now()
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone,
          create_time, update_time, delete_time, purge_time;

-- set_plan
-- The tenant on plan $1, with the plan's webhooks a minute.
UPDATE crm.tenants
   SET plan = $1, webhooks_per_minute = $2, update_time = now()
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone,
          create_time, update_time, delete_time, purge_time;
