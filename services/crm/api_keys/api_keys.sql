-- list_api_keys
-- One page, newest first unless it is turned round. $1 whether revoked ones too, $2 the last shown.
SELECT id, workspace_id, name, scopes, allowed_networks, last_four, creator, expire_time,
       last_use_time, revoke_time, create_time, update_time
  FROM crm.api_keys
 WHERE ($1 OR revoke_time IS NULL)
   AND ($2::uuid IS NULL OR id /*dir*/ < $2)
 ORDER BY id /*dir*/ DESC
 LIMIT $3;

-- get_api_key
-- One key's record.
SELECT id, workspace_id, name, scopes, allowed_networks, last_four, creator, expire_time,
       last_use_time, revoke_time, create_time, update_time
  FROM crm.api_keys
 WHERE id = $1;

-- lock_api_key
-- The same, and nobody else changes it meanwhile.
SELECT id, workspace_id, name, scopes, allowed_networks, last_four, creator, expire_time,
       last_use_time, revoke_time, create_time, update_time
  FROM crm.api_keys
 WHERE id = $1
   FOR UPDATE;

-- is_retired
-- Whether a key was revoked or replaced.
SELECT revoke_time IS NOT NULL OR replacement_id IS NOT NULL FROM crm.api_keys WHERE id = $1;

-- count_api_keys
-- How many there are, against the limit of the plan: one that was replaced ends by itself.
SELECT count(*) FROM crm.api_keys WHERE revoke_time IS NULL AND replacement_id IS NULL;

-- hold_workspace
-- The workspace, which cannot be deleted until the end of the transaction.
SELECT id FROM crm.workspaces WHERE id = $1 FOR KEY SHARE;

-- insert_api_key
-- A key, as a hash, and the way to find it.
WITH route AS (
  INSERT INTO crm.api_key_routes (key_id, tenant_id) VALUES ($1, current_tenant())
)
INSERT INTO crm.api_keys
  (id, workspace_id, name, secret_hash, scopes, allowed_networks, last_four, creator, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING id, workspace_id, name, scopes, allowed_networks, last_four, creator, expire_time,
          last_use_time, revoke_time, create_time, update_time;

-- update_api_key
-- The key with what is not NULL: $2 name, $3 scopes, $4 networks, $5 when it stops working.
UPDATE crm.api_keys
   SET name = coalesce($2, name),
       scopes = coalesce($3, scopes),
       allowed_networks = coalesce($4, allowed_networks),
       expire_time = coalesce($5, expire_time),
       update_time = now()
 WHERE id = $1
RETURNING id, workspace_id, name, scopes, allowed_networks, last_four, creator, expire_time,
          last_use_time, revoke_time, create_time, update_time;

-- replace_api_key
-- Ends a key after $3, unless it ends before that; at once when there is no overlap.
UPDATE crm.api_keys
   SET replacement_id = $2,
       expire_time = least(expire_time, now() + $3::interval),
       revoke_time = CASE WHEN $3 = interval '0' THEN now() END,
       update_time = now()
 WHERE id = $1;

-- revoke_api_key
-- The key, which does not work any more.
UPDATE crm.api_keys SET revoke_time = now(), update_time = now()
 WHERE id = $1
RETURNING id, workspace_id, name, scopes, allowed_networks, last_four, creator, expire_time,
          last_use_time, revoke_time, create_time, update_time;

-- delete_invitations
-- What the key $1 has offered is no more.
DELETE FROM crm.invitations WHERE creator = $1 RETURNING id, email;
