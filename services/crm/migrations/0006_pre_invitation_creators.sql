-- migrate:up
-- Who made an invitation, as in api_keys: it goes with the role of its maker. '' is from before.
ALTER TABLE crm.invitations
  ADD COLUMN creator text NOT NULL DEFAULT '';
CREATE INDEX invitations_by_creator ON crm.invitations (tenant_id, creator);

-- migrate:down
ALTER TABLE crm.invitations
  DROP COLUMN creator;
