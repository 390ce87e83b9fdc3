-- tenant_of_key
-- The tenant a key belongs to, found before the tenant is known.
SELECT tenant_id FROM crm.api_key_routes WHERE key_id = $1;

-- get_key
-- A key that is not revoked, with its tenant's status.
SELECT k.id AS key_id, k.tenant_id, k.workspace_id, k.secret_hash, k.scopes, k.expire_time,
       t.status AS tenant_status
  FROM crm.api_keys k
  JOIN crm.tenants t USING (tenant_id)
 WHERE k.id = $1 AND k.revoke_time IS NULL;

-- tenant_of_email
-- The tenant a person belongs to, found before the tenant is known.
SELECT tenant_id FROM crm.email_routes WHERE email_hash = $1;

-- get_user
-- A person by e-mail address, with the tenant's status.
SELECT u.id, u.tenant_id, u.workspace_id, u.password_hash, u.role, t.status AS tenant_status
  FROM crm.users u
  JOIN crm.tenants t USING (tenant_id)
 WHERE u.email = $1;
