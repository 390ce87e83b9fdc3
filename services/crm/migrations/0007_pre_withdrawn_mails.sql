-- migrate:up
-- What was taken back still counts: whoever invites again and again is held up by it.
ALTER TABLE crm.mails
  DROP CONSTRAINT mails_state_check,
  ADD CONSTRAINT mails_state_check CHECK (state IN ('queued', 'sent', 'failed', 'withdrawn'));
CREATE INDEX mails_by_kind ON crm.mails (tenant_id, kind, create_time);

-- migrate:down
DROP INDEX crm.mails_by_kind;
ALTER TABLE crm.mails NO FORCE ROW LEVEL SECURITY;
UPDATE crm.mails SET state = 'failed', reason = 'WITHDRAWN' WHERE state = 'withdrawn';
ALTER TABLE crm.mails FORCE ROW LEVEL SECURITY;
ALTER TABLE crm.mails
  DROP CONSTRAINT mails_state_check,
  ADD CONSTRAINT mails_state_check CHECK (state IN ('queued', 'sent', 'failed'));
