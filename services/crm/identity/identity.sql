-- tenant_of_key
-- The tenant a key belongs to, found before the tenant is known.
SELECT tenant_id FROM crm.api_key_routes WHERE key_id = $1;

-- get_key
-- A key that works, with its tenant's status and plan; `noted` when its use was noted just now.
SELECT k.id, k.tenant_id, k.workspace_id, k.secret_hash, k.scopes, k.allowed_networks,
       k.expire_time, t.status, t.plan, t.webhooks_per_minute,
       coalesce(k.last_use_time > now() - interval '1 minute', false) AS noted
  FROM crm.api_keys k
  JOIN crm.tenants t USING (tenant_id)
 WHERE k.id = $1 AND k.revoke_time IS NULL
   AND (k.expire_time IS NULL OR k.expire_time > now());

-- note_use
-- That a key was used, unless that was noted within a minute or somebody is changing the key.
UPDATE crm.api_keys SET last_use_time = now()
 WHERE id = (SELECT id FROM crm.api_keys
              WHERE id = $1
                AND (last_use_time IS NULL OR last_use_time <= now() - interval '1 minute')
                FOR NO KEY UPDATE SKIP LOCKED);

-- get_session
-- A session that has not ended, with its person's role and its tenant's status and plan.
SELECT u.id, s.tenant_id, s.workspace_id, u.role, s.expire_time, t.status, t.plan,
       t.webhooks_per_minute
  FROM crm.sessions s
  JOIN crm.users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
  JOIN crm.tenants t ON t.tenant_id = s.tenant_id
 WHERE s.id = $1 AND s.end_time IS NULL AND s.expire_time > now();
