-- migrate:up
-- A person's sessions. An ended one is kept until its person signs in again.
CREATE TABLE crm.sessions (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  id           uuid NOT NULL,
  user_id      uuid NOT NULL,
  workspace_id uuid NOT NULL,
  user_agent   text NOT NULL,
  create_time  timestamptz NOT NULL,
  refresh_time timestamptz NOT NULL,
  expire_time  timestamptz NOT NULL,
  end_time     timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES crm.users (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, workspace_id)
    REFERENCES crm.workspaces (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_by_user ON crm.sessions (tenant_id, user_id, id);
CREATE INDEX sessions_by_workspace ON crm.sessions (tenant_id, workspace_id);
SELECT isolate_by_tenant('crm.sessions');

-- Hashes of the refresh tokens of a session. A used one is kept, to know it when it is shown again.
-- `answer` is the sealed reply to its use, for a client that lost it: gone with the next use.
CREATE TABLE crm.refresh_tokens (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  token_hash  bytea NOT NULL,
  session_id  uuid NOT NULL,
  create_time timestamptz NOT NULL,
  use_time    timestamptz,
  answer      bytea,
  PRIMARY KEY (tenant_id, token_hash),
  CHECK (answer IS NULL OR use_time IS NOT NULL),
  FOREIGN KEY (tenant_id, session_id) REFERENCES crm.sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_session ON crm.refresh_tokens (tenant_id, session_id, create_time);
SELECT isolate_by_tenant('crm.refresh_tokens');

-- A person's authenticator: its secret, sealed, and the last time step whose code was used, so that
-- a code works once. It counts once it is confirmed.
CREATE TABLE crm.second_factors (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  user_id      uuid NOT NULL,
  secret       bytea NOT NULL,
  create_time  timestamptz NOT NULL DEFAULT now(),
  confirm_time timestamptz,
  last_step    bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES crm.users (tenant_id, id) ON DELETE CASCADE
);
SELECT isolate_by_tenant('crm.second_factors');

-- Hashes of the codes for a lost authenticator; a used one is deleted.
CREATE TABLE crm.recovery_codes (
  tenant_id uuid NOT NULL DEFAULT current_tenant(),
  user_id   uuid NOT NULL,
  code_hash bytea NOT NULL,
  PRIMARY KEY (tenant_id, user_id, code_hash),
  FOREIGN KEY (tenant_id, user_id)
    REFERENCES crm.second_factors (tenant_id, user_id) ON DELETE CASCADE
);
SELECT isolate_by_tenant('crm.recovery_codes');

-- Hashes of the secrets of links for a new password.
CREATE TABLE crm.password_resets (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  token_hash  bytea NOT NULL,
  user_id     uuid NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  expire_time timestamptz NOT NULL,
  use_time    timestamptz,
  PRIMARY KEY (tenant_id, token_hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES crm.users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX password_resets_by_user ON crm.password_resets (tenant_id, user_id);
SELECT isolate_by_tenant('crm.password_resets');

-- How often somebody guessed, before it is known whether there is such an account: keyed hashes of
-- accounts, addresses and accounts at addresses, and counts. No tenant's data.
CREATE TABLE crm.sign_in_attempts (
  subject_hash bytea PRIMARY KEY,
  failures     int NOT NULL CHECK (failures >= 0),
  attempt_time timestamptz NOT NULL,
  next_time    timestamptz NOT NULL,
  keep_time    timestamptz NOT NULL
);
CREATE INDEX sign_in_attempts_by_keep_time ON crm.sign_in_attempts (keep_time);
SELECT share_with_service('crm.sign_in_attempts');

-- migrate:down
DROP TABLE crm.sign_in_attempts;
DROP TABLE crm.password_resets;
DROP TABLE crm.recovery_codes;
DROP TABLE crm.second_factors;
DROP TABLE crm.refresh_tokens;
DROP TABLE crm.sessions;
