-- tenant_of_email
-- The tenant a person belongs to, found before the tenant is known.
SELECT tenant_id FROM crm.email_routes WHERE email_hash = $1;

-- get_caller
-- A person whose password is to be checked.
SELECT email, password_hash FROM crm.users WHERE id = $1;

-- find_person
-- A person by e-mail address.
SELECT id, tenant_id, password_hash FROM crm.users WHERE email = $1;

-- sign_in_person
-- The person whose password was checked, locked; no row when it has changed meanwhile. $3 is the
-- password hashed anew, or NULL.
UPDATE crm.users
   SET password_hash = coalesce($3, password_hash)
 WHERE id = $1 AND password_hash = $2
RETURNING id;

-- open_session
-- A session for a person who has just signed in, with who they are; workspace_id is NULL when there
-- is no such workspace, and then there is no session.
WITH person AS (
  UPDATE crm.users SET sign_in_time = $5 WHERE id = $2
  RETURNING id, tenant_id, role, workspace_id
), place AS (
  SELECT p.*, w.id AS chosen
    FROM person p
    LEFT JOIN crm.workspaces w ON w.id = coalesce($3::uuid, p.workspace_id)
), opened AS (
  INSERT INTO crm.sessions
    (id, user_id, workspace_id, user_agent, create_time, refresh_time, expire_time)
  SELECT $1, id, chosen, $4, $5, $5, $6 FROM place WHERE chosen IS NOT NULL
)
SELECT p.tenant_id, p.id AS user_id, p.role, p.chosen AS workspace_id, t.status AS tenant_status
  FROM place p
  JOIN crm.tenants t USING (tenant_id);

-- insert_token
-- A session's first refresh token, as a hash.
INSERT INTO crm.refresh_tokens (token_hash, session_id, create_time) VALUES ($1, $2, $3);

-- end_surplus
-- The oldest sessions of a person beyond the newest $2 end.
UPDATE crm.sessions
   SET end_time = $3
 WHERE end_time IS NULL AND id IN (
         SELECT id FROM crm.sessions
          WHERE user_id = $1 AND end_time IS NULL AND expire_time > $3
          ORDER BY id DESC
         OFFSET $2)
RETURNING id;

-- delete_over
-- A person's sessions that are over, with their tokens.
DELETE FROM crm.sessions WHERE user_id = $1 AND (end_time < $2 OR expire_time < $2);

-- lock_token
-- A refresh token, until the end of the transaction ours alone, with its session and its person.
-- workspace_id is NULL when $2 is no workspace.
SELECT s.id AS session_id, s.tenant_id, s.user_id, u.role, w.id AS workspace_id,
       t.status AS tenant_status, s.create_time, r.use_time, r.answer,
       s.end_time IS NOT NULL OR s.expire_time <= $3 AS over
  FROM crm.refresh_tokens r
  JOIN crm.sessions s ON s.id = r.session_id
  JOIN crm.users u ON u.id = s.user_id
  JOIN crm.tenants t ON t.tenant_id = s.tenant_id
  LEFT JOIN crm.workspaces w ON w.id = coalesce($2::uuid, s.workspace_id)
 WHERE r.token_hash = $1
   FOR UPDATE OF r;

-- prolong_session
-- A session whose tokens are traded; no row when it has ended meanwhile.
UPDATE crm.sessions
   SET workspace_id = $2, refresh_time = $3, expire_time = $4
 WHERE id = $1 AND end_time IS NULL
RETURNING id;

-- rotate_token
-- One refresh token for another. The answers to earlier trades are not needed any more, and what
-- was used before $6 would have ended by itself.
WITH used AS (
  UPDATE crm.refresh_tokens SET use_time = $4, answer = $5 WHERE token_hash = $1
), forgotten AS (
  UPDATE crm.refresh_tokens SET answer = NULL
   WHERE session_id = $2 AND answer IS NOT NULL AND token_hash <> $1
), deleted AS (
  DELETE FROM crm.refresh_tokens WHERE session_id = $2 AND answer IS NULL AND use_time < $6
)
INSERT INTO crm.refresh_tokens (token_hash, session_id, create_time) VALUES ($3, $2, $4);

-- end_session
-- One of a person's sessions ends; no row when it is none of theirs, or over.
UPDATE crm.sessions
   SET end_time = $3
 WHERE id = $1 AND user_id = $2 AND end_time IS NULL AND expire_time > $3
RETURNING id;

-- end_sessions
-- All of a person's sessions but $2 end.
UPDATE crm.sessions
   SET end_time = now()
 WHERE user_id = $1 AND end_time IS NULL AND expire_time > now() AND id IS DISTINCT FROM $2::uuid
RETURNING id;

-- live_sessions
-- A person's sessions that are not over.
SELECT id FROM crm.sessions WHERE user_id = $1 AND end_time IS NULL AND expire_time > now();

-- list_sessions
-- One page of a person's sessions that are not over, newest first. $2 is the last id already shown.
SELECT id, workspace_id, user_agent, create_time, refresh_time, expire_time
  FROM crm.sessions
 WHERE user_id = $1 AND end_time IS NULL AND expire_time > $4
   AND ($2::uuid IS NULL OR id < $2)
 ORDER BY id DESC
 LIMIT $3;
