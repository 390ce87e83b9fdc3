-- insert_reset
-- A link for a new password, for whoever has the address; no row when nobody has it.
WITH person AS (
  SELECT u.id, u.name, t.name AS business, t.language
    FROM crm.users u
   CROSS JOIN crm.tenants t
   WHERE u.email = $2
), made AS (
  INSERT INTO crm.password_resets (token_hash, user_id, expire_time)
  SELECT $1, id, $3 FROM person
)
SELECT name, business, language FROM person;

-- delete_over
-- Links of a person that do not work any more.
DELETE FROM crm.password_resets r
 USING crm.users u
 WHERE u.id = r.user_id AND u.email = $1 AND (r.expire_time <= $2 OR r.use_time IS NOT NULL);

-- find_reset
-- Whose a link is that still works.
SELECT u.email
  FROM crm.password_resets r
  JOIN crm.users u ON u.id = r.user_id
 WHERE r.token_hash = $1 AND r.use_time IS NULL AND r.expire_time > $2;

-- use_reset
-- A link works once; no row when it does not work any more. None of the person's others works then.
WITH used AS (
  UPDATE crm.password_resets SET use_time = $2
   WHERE token_hash = $1 AND use_time IS NULL AND expire_time > $2
  RETURNING user_id
), others AS (
  DELETE FROM crm.password_resets r USING used u
   WHERE r.user_id = u.user_id AND r.token_hash <> $1
)
SELECT user_id FROM used;

-- reset_password
-- A new password, and whom to tell.
WITH person AS (
  UPDATE crm.users SET password_hash = $2, update_time = $3 WHERE id = $1
  RETURNING email, name
)
SELECT p.email, p.name, t.name AS business, t.language FROM person p CROSS JOIN crm.tenants t;

-- change_password
-- As reset_password, but no row when the password is not the one any more that was checked; links
-- for a new one work no more.
WITH person AS (
  UPDATE crm.users SET password_hash = $3, update_time = $4
   WHERE id = $1 AND password_hash = $2
  RETURNING id, email, name
), links AS (
  DELETE FROM crm.password_resets r USING person p WHERE r.user_id = p.id
)
SELECT p.email, p.name, t.name AS business, t.language FROM person p CROSS JOIN crm.tenants t;
