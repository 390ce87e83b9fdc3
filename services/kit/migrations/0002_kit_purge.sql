-- migrate:up
-- Erases a part of what a service's schema holds of the current tenant, with the caller's own
-- rights, and says how many rows that was: 0 once nothing is left. In parts, since one statement
-- over years of messages would be cut off by its time limit, and start anew each time.
CREATE FUNCTION public.purge_tenant(service text, at_most int DEFAULT 5000) RETURNS bigint
  LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
  tenant uuid := current_tenant();
  holder regclass;
  rows   bigint;
BEGIN
  IF tenant IS NULL THEN
    RAISE EXCEPTION 'no tenant is set';
  END IF;
  -- What was not published yet goes first: it tells of what is being erased.
  EXECUTE format(
    'DELETE FROM %I.outbox WHERE id IN (SELECT id FROM %1$I.outbox'
    ' WHERE split_part(subject, ''.'', 3) = $1 LIMIT $2)', service) USING tenant::text, at_most;
  GET DIAGNOSTICS rows = ROW_COUNT;
  IF rows > 0 THEN
    RETURN rows;
  END IF;
  -- Whoever refers to others goes before them: a foreign key finds nothing to object to.
  FOR holder IN
    WITH RECURSIVE depths AS (
      SELECT c.oid, 0 AS depth
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
       WHERE n.nspname = service AND c.relkind = 'r'
      UNION
      SELECT f.conrelid, depth + 1
        FROM depths
        JOIN pg_constraint f
          ON f.confrelid = depths.oid AND f.contype = 'f' AND f.conrelid <> f.confrelid
       WHERE depth < 16
    )
    SELECT oid FROM depths GROUP BY oid ORDER BY max(depth) DESC, oid
  LOOP
    BEGIN
      EXECUTE format(
        'DELETE FROM %s WHERE ctid = ANY (ARRAY('
        'SELECT ctid FROM %1$s WHERE tenant_id = $1 LIMIT $2))', holder) USING tenant, at_most;
    EXCEPTION WHEN foreign_key_violation THEN
      -- Rows of one table that refer to each other only go together.
      EXECUTE format('DELETE FROM %s WHERE tenant_id = $1', holder) USING tenant;
    END;
    GET DIAGNOSTICS rows = ROW_COUNT;
    IF rows > 0 THEN
      RETURN rows;
    END IF;
  END LOOP;
  RETURN 0;
END $$;

-- migrate:down
DROP FUNCTION public.purge_tenant(text, int);
