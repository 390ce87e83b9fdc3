-- migrate:up
-- The tenant as a sub-select: evaluated once a statement, and unknown to the planner. As a bare
-- function it was evaluated while planning; where the tenant is set by the statement itself, that
-- said NULL, and every table was planned for one row.
CREATE OR REPLACE FUNCTION public.isolate_by_tenant(tenant_table regclass) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  service text;
BEGIN
  SELECT n.nspname INTO service
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = tenant_table;
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
  EXECUTE format(
    'CREATE POLICY tenant ON %s USING (tenant_id = (SELECT current_tenant())) '
    'WITH CHECK (tenant_id = (SELECT current_tenant()))', tenant_table);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', tenant_table, 'malha_' || service);
END $$;

DO $$
DECLARE
  isolated record;
BEGIN
  FOR isolated IN SELECT schemaname, tablename FROM pg_policies WHERE policyname = 'tenant' LOOP
    EXECUTE format(
      'ALTER POLICY tenant ON %I.%I USING (tenant_id = (SELECT current_tenant())) '
      'WITH CHECK (tenant_id = (SELECT current_tenant()))',
      isolated.schemaname, isolated.tablename);
  END LOOP;
END $$;

-- migrate:down
DO $$
DECLARE
  isolated record;
BEGIN
  FOR isolated IN SELECT schemaname, tablename FROM pg_policies WHERE policyname = 'tenant' LOOP
    EXECUTE format(
      'ALTER POLICY tenant ON %I.%I USING (tenant_id = current_tenant()) '
      'WITH CHECK (tenant_id = current_tenant())',
      isolated.schemaname, isolated.tablename);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION public.isolate_by_tenant(tenant_table regclass) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  service text;
BEGIN
  SELECT n.nspname INTO service
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = tenant_table;
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
  EXECUTE format(
    'CREATE POLICY tenant ON %s USING (tenant_id = current_tenant()) '
    'WITH CHECK (tenant_id = current_tenant())', tenant_table);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', tenant_table, 'malha_' || service);
END $$;
