-- migrate:up
SELECT install_service('assistants');

CREATE TABLE assistants.assistants (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  id           uuid NOT NULL,
  workspace_id uuid NOT NULL,
  name         text NOT NULL CHECK (name <> ''),
  instructions text NOT NULL,
  language     text NOT NULL CHECK (language <> ''),
  models       text[] NOT NULL,
  quiet_time   interval NOT NULL CHECK (quiet_time >= interval '0'),
  -- NULL: it follows the quiet time.
  max_wait     interval CHECK (max_wait >= quiet_time),
  min_score    double precision NOT NULL CHECK (min_score BETWEEN 0 AND 1),
  version      int NOT NULL DEFAULT 1 CHECK (version > 0),
  create_time  timestamptz NOT NULL,
  update_time  timestamptz NOT NULL,
  delete_time  timestamptz,
  PRIMARY KEY (tenant_id, id)
);
SELECT isolate_by_tenant('assistants.assistants');

-- Every configuration that an assistant has had. Rows are added and never changed.
CREATE TABLE assistants.assistant_versions (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  assistant_id uuid NOT NULL,
  version      int NOT NULL,
  name         text NOT NULL,
  instructions text NOT NULL,
  language     text NOT NULL,
  models       text[] NOT NULL,
  quiet_time   interval NOT NULL,
  max_wait     interval,
  min_score    double precision NOT NULL,
  create_time  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, assistant_id, version),
  FOREIGN KEY (tenant_id, assistant_id) REFERENCES assistants.assistants (tenant_id, id)
    ON DELETE CASCADE
);
SELECT isolate_by_tenant('assistants.assistant_versions');

-- migrate:down
DROP TABLE assistants.assistant_versions;
DROP TABLE assistants.assistants;
SELECT uninstall_service('assistants');
