-- migrate:up
ALTER TABLE crm.users
  ADD COLUMN name text NOT NULL DEFAULT '',
  ADD COLUMN update_time timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN sign_in_time timestamptz;

-- Somebody who was asked to join and has not answered. Gone once accepted, taken back or expired.
CREATE TABLE crm.invitations (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  id           uuid NOT NULL,
  workspace_id uuid NOT NULL,
  email        text NOT NULL CHECK (email = lower(email)),
  role         text NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'viewer')),
  create_time  timestamptz NOT NULL DEFAULT now(),
  expire_time  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, email),
  FOREIGN KEY (tenant_id) REFERENCES crm.tenants (tenant_id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, workspace_id)
    REFERENCES crm.workspaces (tenant_id, id) ON DELETE CASCADE
);
SELECT isolate_by_tenant('crm.invitations');

-- How an invitation is found by its secret before its tenant is known: ids and hashes only.
CREATE TABLE crm.invitation_routes (
  secret_hash   bytea PRIMARY KEY,
  tenant_id     uuid NOT NULL,
  invitation_id uuid NOT NULL,
  UNIQUE (tenant_id, invitation_id),
  FOREIGN KEY (tenant_id, invitation_id)
    REFERENCES crm.invitations (tenant_id, id) ON DELETE CASCADE
);
SELECT share_with_service('crm.invitation_routes');

-- E-mails on their way. What they say and to whom is sealed, and erased once they are settled.
CREATE TABLE crm.mails (
  tenant_id      uuid NOT NULL DEFAULT current_tenant(),
  id             uuid NOT NULL,
  kind           text NOT NULL,
  language       text NOT NULL,
  recipient_hash bytea NOT NULL,
  sealed         bytea,
  state          text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
  reason         text NOT NULL DEFAULT '',
  lease_time     timestamptz,
  create_time    timestamptz NOT NULL DEFAULT now(),
  expire_time    timestamptz NOT NULL,
  send_time      timestamptz,
  PRIMARY KEY (tenant_id, id),
  CHECK ((state = 'queued') = (sealed IS NOT NULL)),
  FOREIGN KEY (tenant_id) REFERENCES crm.tenants (tenant_id) ON DELETE CASCADE
);
CREATE INDEX mails_by_recipient ON crm.mails (tenant_id, recipient_hash) WHERE state = 'queued';
SELECT isolate_by_tenant('crm.mails');

-- migrate:down
DROP TABLE crm.mails;
DROP TABLE crm.invitation_routes;
DROP TABLE crm.invitations;
ALTER TABLE crm.users
  DROP COLUMN sign_in_time,
  DROP COLUMN update_time,
  DROP COLUMN name;
