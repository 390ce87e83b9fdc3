-- list_users
-- One page, newest first. $1 is a role, or ''; $2 is the last id already shown.
SELECT u.id, u.email, u.name, u.role, u.workspace_id, u.sign_in_time, u.create_time, u.update_time,
       EXISTS (SELECT FROM crm.second_factors f
                WHERE f.user_id = u.id AND f.confirm_time IS NOT NULL) AS second_factor
  FROM crm.users u
 WHERE ($1 = '' OR u.role = $1)
   AND ($2::uuid IS NULL OR u.id /*dir*/ < $2)
 ORDER BY u.id /*dir*/ DESC
 LIMIT $3;

-- get_user
-- One person.
SELECT u.id, u.email, u.name, u.role, u.workspace_id, u.sign_in_time, u.create_time, u.update_time,
       EXISTS (SELECT FROM crm.second_factors f
                WHERE f.user_id = u.id AND f.confirm_time IS NOT NULL) AS second_factor
  FROM crm.users u
 WHERE u.id = $1;

-- lock_people
-- A person, the caller ($2, unless it is nobody) and every owner, locked in the order of their ids.
SELECT id, role FROM crm.users
 WHERE role = 'owner' OR id = $1 OR id = $2::uuid
 ORDER BY id
   FOR UPDATE;

-- keep_workspace
-- A workspace that cannot be deleted until this commits.
SELECT id FROM crm.workspaces WHERE id = $1 FOR KEY SHARE;

-- update_user
-- A person with what was changed.
UPDATE crm.users SET name = $2, role = $3, workspace_id = $4, update_time = now() WHERE id = $1;

-- delete_user
-- The person, with sessions, second factor and password resets.
DELETE FROM crm.users WHERE id = $1;

-- delete_invitations
-- What $1 has offered is no more, but for offers of the roles $2.
DELETE FROM crm.invitations WHERE creator = $1 AND role <> ALL($2::text[]) RETURNING id, email;

-- claim_email
-- One account per e-mail address; no row when it is taken.
INSERT INTO crm.email_routes (email_hash, tenant_id) VALUES ($1, current_tenant())
ON CONFLICT DO NOTHING
RETURNING tenant_id;

-- free_email
-- The address may belong to somebody again.
DELETE FROM crm.email_routes WHERE email_hash = $1;
