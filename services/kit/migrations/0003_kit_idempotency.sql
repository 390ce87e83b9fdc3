-- migrate:up
-- Answers to requests with an Idempotency-Key, for 24 hours: sealed, found by hashes.
CREATE FUNCTION public.install_idempotency(service text) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    'CREATE TABLE %I.idempotency_keys ('
    '  tenant_id uuid NOT NULL DEFAULT current_tenant(),'
    '  digest bytea NOT NULL,'
    '  request_hash bytea NOT NULL,'
    '  reply bytea NOT NULL,'
    '  create_time timestamptz NOT NULL DEFAULT now(),'
    '  PRIMARY KEY (tenant_id, digest)'
    ')', service);
  EXECUTE format('CREATE INDEX ON %I.idempotency_keys (tenant_id, create_time)', service);
  PERFORM isolate_by_tenant(format('%I.idempotency_keys', service)::regclass);
END $$;

-- Services that were installed before.
SELECT install_idempotency(n.nspname::text)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = 'outbox' AND c.relkind = 'r';

ALTER FUNCTION public.install_service(text) RENAME TO install_service_tables;

-- A service's schema with its outbox, its durable timers and its kept answers.
CREATE FUNCTION public.install_service(service text) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM install_service_tables(service);
  PERFORM install_idempotency(service);
END $$;

ALTER FUNCTION public.uninstall_service(text) RENAME TO uninstall_service_tables;

CREATE FUNCTION public.uninstall_service(service text) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DROP TABLE %I.idempotency_keys', service);
  PERFORM uninstall_service_tables(service);
END $$;

-- migrate:down
DROP FUNCTION public.uninstall_service(text);
ALTER FUNCTION public.uninstall_service_tables(text) RENAME TO uninstall_service;
DROP FUNCTION public.install_service(text);
ALTER FUNCTION public.install_service_tables(text) RENAME TO install_service;
DO $$
DECLARE
  service text;
BEGIN
  FOR service IN
    SELECT n.nspname
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relname = 'idempotency_keys' AND c.relkind = 'r'
  LOOP
    EXECUTE format('DROP TABLE %I.idempotency_keys', service);
  END LOOP;
END $$;
DROP FUNCTION public.install_idempotency(text);
