-- list_assistants
-- One page, newest first unless turned round. $2 is a part of the name, $3 the last id already shown.
-- A workspace of '' sees all.
SELECT id, workspace_id, name, instructions, language, models, quiet_time, max_wait, min_score,
       version, create_time, update_time
  FROM assistants.assistants
 WHERE delete_time IS NULL
   AND ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
   -- Not LIKE: what is searched for is only text.
   AND strpos(casefold(name), casefold($2::text)) > 0
   AND ($3::uuid IS NULL OR id /*dir*/ < $3)
 ORDER BY id /*dir*/ DESC
 LIMIT $4;

-- count_assistants
-- How many there are, in all workspaces unless $1 names one.
SELECT count(*)
  FROM assistants.assistants
 WHERE delete_time IS NULL
   AND ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid);

-- get_assistant
-- One assistant. A workspace of '' sees all.
SELECT id, workspace_id, name, instructions, language, models, quiet_time, max_wait, min_score,
       version, create_time, update_time
  FROM assistants.assistants
 WHERE id = $1
   AND delete_time IS NULL
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid);

-- lock_assistant
-- One assistant that is about to change. A workspace of '' sees all.
SELECT id, workspace_id, name, instructions, language, models, quiet_time, max_wait, min_score,
       version, create_time, update_time
  FROM assistants.assistants
 WHERE id = $1
   AND delete_time IS NULL
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
   FOR UPDATE;

-- insert_assistant
-- A new assistant, and its version 1.
WITH created AS (
  INSERT INTO assistants.assistants
    (id, workspace_id, create_time, update_time, name, instructions, language, models, quiet_time,
     max_wait, min_score)
  VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10)
  RETURNING *
), kept AS (
  INSERT INTO assistants.assistant_versions
    (assistant_id, version, create_time, name, instructions, language, models, quiet_time,
     max_wait, min_score)
  SELECT id, version, update_time, name, instructions, language, models, quiet_time,
         max_wait, min_score
    FROM created
)
SELECT id, workspace_id, name, instructions, language, models, quiet_time, max_wait, min_score,
       version, create_time, update_time
  FROM created;

-- update_assistant
-- The assistant as it is to be, and a version that keeps it.
WITH changed AS (
  UPDATE assistants.assistants
     SET version = version + 1, update_time = $2, name = $3, instructions = $4, language = $5,
         models = $6, quiet_time = $7, max_wait = $8, min_score = $9
   WHERE id = $1
  RETURNING *
), kept AS (
  INSERT INTO assistants.assistant_versions
    (assistant_id, version, create_time, name, instructions, language, models, quiet_time,
     max_wait, min_score)
  SELECT id, version, update_time, name, instructions, language, models, quiet_time,
         max_wait, min_score
    FROM changed
)
SELECT id, workspace_id, name, instructions, language, models, quiet_time, max_wait, min_score,
       version, create_time, update_time
  FROM changed;

-- delete_assistant
-- Takes an assistant out of sight; deleted_now is false when it was before. Its versions stay, to
-- explain old answers. A workspace of '' sees all.
UPDATE assistants.assistants
   SET delete_time = coalesce(delete_time, $3)
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
RETURNING old.delete_time IS NULL AS deleted_now;
