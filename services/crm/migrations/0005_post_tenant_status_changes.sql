-- migrate:up
-- Its changes are kept in tenant_changes; what was written since 0004 comes along.
ALTER TABLE crm.tenant_status_changes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE crm.tenant_changes NO FORCE ROW LEVEL SECURITY;
INSERT INTO crm.tenant_changes (tenant_id, id, action, value, reason, actor, create_time)
SELECT tenant_id, id, 'status', CASE status WHEN 1 THEN 'active' ELSE 'suspended' END, reason,
       'service:' || actor, create_time
  FROM crm.tenant_status_changes
ON CONFLICT DO NOTHING;
ALTER TABLE crm.tenant_changes FORCE ROW LEVEL SECURITY;
DROP TABLE crm.tenant_status_changes;

-- migrate:down
ALTER TABLE crm.tenant_changes NO FORCE ROW LEVEL SECURITY;
CREATE TABLE crm.tenant_status_changes (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  id          uuid NOT NULL,
  status      int NOT NULL,
  reason      text NOT NULL,
  actor       text NOT NULL,
  create_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id) REFERENCES crm.tenants (tenant_id) ON DELETE CASCADE
);
INSERT INTO crm.tenant_status_changes (tenant_id, id, status, reason, actor, create_time)
SELECT tenant_id, id, CASE value WHEN 'active' THEN 1 ELSE 2 END, reason,
       regexp_replace(actor, '^[a-z_]+:', ''), create_time
  FROM crm.tenant_changes
 WHERE action = 'status';
SELECT isolate_by_tenant('crm.tenant_status_changes');
ALTER TABLE crm.tenant_changes FORCE ROW LEVEL SECURITY;
