-- migrate:up
-- What every service's schema stands on.

CREATE FUNCTION public.current_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  -- After a transaction a custom setting reads '', not NULL.
  RETURN nullif(current_setting('app.tenant_id', true), '')::uuid;

-- Enables and forces row level security with the one policy, and lets the service's role work.
CREATE FUNCTION public.isolate_by_tenant(tenant_table regclass) RETURNS void
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

-- Lets the service's role work on a table that holds no tenant's data: routes, timers, the outbox.
CREATE FUNCTION public.share_with_service(service_table regclass) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  service text;
BEGIN
  SELECT n.nspname INTO service
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = service_table;
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', service_table, 'malha_' || service);
END $$;

-- A service's schema with its outbox and its durable timers.
CREATE FUNCTION public.install_service(service text) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', service);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, 'malha_' || service);
  EXECUTE format(
    'CREATE TABLE %I.outbox ('
    '  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,'
    '  message_id uuid NOT NULL,'
    '  subject text NOT NULL,'
    '  headers text NOT NULL,'
    '  payload bytea NOT NULL,'
    '  create_time timestamptz NOT NULL DEFAULT now()'
    ') WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)', service);
  EXECUTE format(
    'CREATE TABLE %I.timers ('
    '  kind text NOT NULL,'
    '  id uuid NOT NULL,'
    '  tenant_id uuid NOT NULL,'
    '  workspace_id text NOT NULL,'
    '  correlation_id text NOT NULL,'
    '  due_time timestamptz NOT NULL,'
    '  PRIMARY KEY (kind, id)'
    ') WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)',
    service);
  EXECUTE format('CREATE INDEX ON %I.timers (due_time)', service);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.outbox, %I.timers TO %I',
    service, service, 'malha_' || service);
END $$;

-- The schema itself stays: it holds the record of its own migrations.
CREATE FUNCTION public.uninstall_service(service text) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DROP TABLE %I.outbox, %I.timers', service, service);
  EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', service, 'malha_' || service);
END $$;

-- migrate:down
DROP FUNCTION public.uninstall_service(text);
DROP FUNCTION public.install_service(text);
DROP FUNCTION public.share_with_service(regclass);
DROP FUNCTION public.isolate_by_tenant(regclass);
DROP FUNCTION public.current_tenant();
