-- get_tenant
-- The caller's own tenant.
SELECT tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone, create_time,
       update_time, delete_time, purge_time
  FROM crm.tenants;

-- lock_tenant
-- The same, and nobody else changes it meanwhile.
SELECT tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone, create_time,
       update_time, delete_time, purge_time
  FROM crm.tenants
   FOR UPDATE;

-- is_overdue
-- Whether the time of grace of a deleted tenant is over, as the lock's holder sees the clock.
SELECT status = 3 AND purge_time <= clock_timestamp() FROM crm.tenants;

-- update_tenant
-- The tenant with what is not NULL: $1 name, $2 language, $3 time zone.
UPDATE crm.tenants
   SET name = coalesce($1, name),
       language = coalesce($2, language),
       time_zone = coalesce($3, time_zone),
       update_time = now()
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone,
          create_time, update_time, delete_time, purge_time;

-- set_deleted
-- The tenant, to be erased after $1 unless it is restored.
UPDATE crm.tenants
   SET prior_status = status, status = 3, delete_time = now(), purge_time = now() + $1,
       update_time = now()
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone,
          create_time, update_time, delete_time, purge_time;

-- restore
-- The tenant as it was before its deletion.
UPDATE crm.tenants
   SET status = prior_status, prior_status = NULL, delete_time = NULL, purge_time = NULL,
       update_time = now()
RETURNING tenant_id AS id, name, plan, status, webhooks_per_minute, language, time_zone,
          create_time, update_time, delete_time, purge_time;

-- insert_change
-- What was done to the tenant: $2 action, $3 value, $4 reason, $5 actor.
INSERT INTO crm.tenant_changes (id, action, value, reason, actor) VALUES ($1, $2, $3, $4, $5);

-- count_usage
-- The tenant's limits, and what of crm's own it uses.
SELECT plan, webhooks_per_minute,
       (SELECT count(*) FROM crm.users)
         + (SELECT count(*) FROM crm.invitations WHERE expire_time > now()) AS seats,
       (SELECT count(*) FROM crm.api_keys
         WHERE revoke_time IS NULL AND replacement_id IS NULL) AS api_keys,
       (SELECT count(*) FROM crm.workspaces) AS workspaces
  FROM crm.tenants;

-- keep_purged
-- That the tenant existed: all that is kept of it.
INSERT INTO crm.purged_tenants (id, purge_time) VALUES (current_tenant(), $1)
ON CONFLICT DO NOTHING;
