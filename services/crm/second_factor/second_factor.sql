-- begin
-- A new secret that is not confirmed yet; no row when one is on.
INSERT INTO crm.second_factors (user_id, secret)
VALUES ($1, $2)
ON CONFLICT (tenant_id, user_id) DO UPDATE
  SET secret = excluded.secret, create_time = now(), last_step = 0
  WHERE second_factors.confirm_time IS NULL
RETURNING user_id;

-- lock_factor
-- A person's authenticator, until the end of the transaction ours alone.
SELECT secret, last_step, confirm_time
  FROM crm.second_factors
 WHERE user_id = $1
   FOR UPDATE;

-- use_step
-- The code of this time step was used.
UPDATE crm.second_factors SET last_step = $2 WHERE user_id = $1;

-- confirm
-- The authenticator counts from now on.
UPDATE crm.second_factors SET confirm_time = $2, last_step = $3 WHERE user_id = $1;

-- insert_recovery_codes
-- Codes for a lost authenticator, as hashes.
INSERT INTO crm.recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[]);

-- use_recovery_code
-- One of them is used up; no row when it is none.
DELETE FROM crm.recovery_codes WHERE user_id = $1 AND code_hash = $2 RETURNING user_id;

-- remove
-- The second factor is off, if the password is still the one that was checked.
WITH person AS (
  SELECT id, email, name FROM crm.users WHERE id = $1 AND password_hash = $2
), removed AS (
  DELETE FROM crm.second_factors f USING person p WHERE f.user_id = p.id
  RETURNING f.confirm_time
)
SELECT p.email, p.name, t.name AS business, t.language,
       EXISTS (SELECT FROM removed WHERE confirm_time IS NOT NULL) AS was_on
  FROM person p
 CROSS JOIN crm.tenants t;

-- recipient
-- Whom to tell that it was switched on.
SELECT u.email, u.name, t.name AS business, t.language
  FROM crm.users u
 CROSS JOIN crm.tenants t
 WHERE u.id = $1;
