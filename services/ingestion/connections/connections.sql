-- insert_route
-- Takes the account, unless it is connected already, by this tenant or another.
INSERT INTO ingestion.connection_routes (connection_id, tenant_id, channel, external_id)
VALUES ($1, current_tenant(), $2, $3)
ON CONFLICT (channel, external_id) DO NOTHING;

-- delete_route
-- Lets go of a connection's account. The table knows every tenant's: the policy does not watch it.
DELETE FROM ingestion.connection_routes
 WHERE connection_id = $1
   AND tenant_id = current_tenant();

-- insert_connection
-- Connects a channel.
INSERT INTO ingestion.connections
  (id, workspace_id, channel, display_name, external_id, account_id, assistant_id, config,
   create_time, update_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
RETURNING id, workspace_id, channel, display_name, 'CONNECTION_STATUS_' || upper(status::text) AS status,
          external_id, account_id, assistant_id, create_time, update_time;

-- lock_connection
-- One connection, for nobody else to change until the commit. A workspace of '' sees all.
SELECT id, workspace_id, channel, display_name, 'CONNECTION_STATUS_' || upper(status::text) AS status,
       external_id, account_id, assistant_id, create_time, update_time
  FROM ingestion.connections
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
   AND delete_time IS NULL
   FOR UPDATE;

-- update_connection
-- Changes what is given of a connection that is locked: NULL leaves. $5 clears the assistant.
UPDATE ingestion.connections
   SET display_name = coalesce($2, display_name),
       status = coalesce($3::text::ingestion.connection_status, status),
       assistant_id = CASE WHEN $5::boolean THEN NULL ELSE coalesce($4::uuid, assistant_id) END,
       config = coalesce($6::bytea, config),
       update_time = $7
 WHERE id = $1
RETURNING id, workspace_id, channel, display_name, 'CONNECTION_STATUS_' || upper(status::text) AS status,
          external_id, account_id, assistant_id, create_time, update_time;

-- delete_connection
-- Erases a connection's secrets and hides it. What was received by it still names it.
UPDATE ingestion.connections
   SET config = NULL, delete_time = $3, update_time = $3
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
   AND delete_time IS NULL
RETURNING id, workspace_id, channel, display_name, 'CONNECTION_STATUS_' || upper(status::text) AS status,
          external_id, account_id, assistant_id, create_time, update_time;

-- release_connections
-- The connections that an assistant answered; from now on people do.
UPDATE ingestion.connections
   SET assistant_id = NULL, update_time = $2
 WHERE assistant_id = $1
   AND delete_time IS NULL
RETURNING id, workspace_id, channel, display_name, 'CONNECTION_STATUS_' || upper(status::text) AS status,
          external_id, account_id, assistant_id, create_time, update_time;

-- connection
-- One connection. A workspace of '' sees all.
SELECT id, workspace_id, channel, display_name, 'CONNECTION_STATUS_' || upper(status::text) AS status,
       external_id, account_id, assistant_id, create_time, update_time
  FROM ingestion.connections
 WHERE id = $1
   AND ($2::text = '' OR workspace_id = nullif($2::text, '')::uuid)
   AND delete_time IS NULL;

-- list_connections
-- One page, newest first. NULL filters do not apply; $4 is the last id already shown. A workspace of
-- '' sees all.
SELECT id, workspace_id, channel, display_name, 'CONNECTION_STATUS_' || upper(status::text) AS status,
       external_id, account_id, assistant_id, create_time, update_time
  FROM ingestion.connections
 WHERE ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
   AND ($2::text IS NULL OR channel = $2)
   AND ($3::text IS NULL OR status = $3::text::ingestion.connection_status)
   AND ($4::uuid IS NULL OR id /*dir*/ < $4)
   AND delete_time IS NULL
 ORDER BY id /*dir*/ DESC
 LIMIT $5;

-- count_connections
-- How many the tenant has. A workspace of '' counts all.
SELECT count(*)
  FROM ingestion.connections
 WHERE ($1::text = '' OR workspace_id = nullif($1::text, '')::uuid)
   AND delete_time IS NULL;

-- tenant_of_connection
-- Whose a connection is, before the tenant is known.
SELECT tenant_id
  FROM ingestion.connection_routes
 WHERE connection_id = $1;

-- connection_of_account
-- Which connection an account's items belong to, before the tenant is known.
SELECT connection_id
  FROM ingestion.connection_routes
 WHERE channel = $1
   AND external_id = $2;

-- sealed_connection
-- A connection with its sealed configuration.
SELECT id, tenant_id, workspace_id, channel, status = 'active' AS active, external_id, account_id,
       assistant_id, config
  FROM ingestion.connections
 WHERE id = $1
   AND delete_time IS NULL;
