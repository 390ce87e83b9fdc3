-- list_workspaces
-- One page, newest first unless it is turned round. $1 is the last one shown.
SELECT id, name, create_time, update_time
  FROM crm.workspaces
 WHERE ($1::uuid IS NULL OR id /*dir*/ < $1)
 ORDER BY id /*dir*/ DESC
 LIMIT $2;

-- get_workspace
-- One workspace.
SELECT id, name, create_time, update_time FROM crm.workspaces WHERE id = $1;

-- lock_workspace
-- The same, and nobody changes it or adds to it meanwhile.
SELECT id, name, create_time, update_time FROM crm.workspaces WHERE id = $1 FOR UPDATE;

-- count_workspaces
-- How many there are, against the limit of the plan.
SELECT count(*) FROM crm.workspaces;

-- insert_workspace
-- A workspace with the given id.
INSERT INTO crm.workspaces (id, name) VALUES ($1, $2)
RETURNING id, name, create_time, update_time;

-- update_workspace
-- The workspace with what is not NULL.
UPDATE crm.workspaces SET name = coalesce($2, name), update_time = now()
 WHERE id = $1
RETURNING id, name, create_time, update_time;

-- count_contents
-- What of crm's own keeps a workspace from being deleted: people, and keys that may still be used.
SELECT (SELECT count(*) FROM crm.users WHERE workspace_id = $1) AS people,
       (SELECT count(*) FROM crm.api_keys
         WHERE workspace_id = $1 AND revoke_time IS NULL
           AND (replacement_id IS NULL OR expire_time > now())) AS keys;

-- delete_dead_keys
-- The keys that cannot be used any more, and the ways to find them.
WITH dead AS (
  DELETE FROM crm.api_keys WHERE workspace_id = $1 RETURNING id
)
DELETE FROM crm.api_key_routes WHERE key_id IN (SELECT id FROM dead);

-- delete_sessions
-- The sessions of people who work in it at the moment.
DELETE FROM crm.sessions WHERE workspace_id = $1;

-- delete_invitations
-- Nobody is invited into it any more.
DELETE FROM crm.invitations WHERE workspace_id = $1 RETURNING id, email;

-- delete_workspace
-- The workspace, which holds nothing any more.
DELETE FROM crm.workspaces WHERE id = $1;
