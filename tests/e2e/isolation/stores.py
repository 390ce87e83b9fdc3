"""Below the API: tables, cache keys, the bus; asked of the catalogue, so that none is forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import asyncpg

from services.kit.devstack.infra import Infra
from services.registry import NAMES

# Tables that hold ids, hashes and times only, and which columns those are.
SHARED_COLUMNS = {
    "outbox": {"id", "message_id", "subject", "headers", "payload", "create_time"},
    "timers": {"kind", "id", "tenant_id", "workspace_id", "correlation_id", "due_time"},
    "schema_migrations": {"version"},
}
ROUTE_COLUMNS = ("_id", "_hash", "_time", "digest", "channel")
# Moves by itself, whoever calls: not a change of the victim's.
RESTLESS = {"last_use_time", "sign_in_time", "refresh_time"}


async def tenant_tables(owner: asyncpg.Connection) -> list[str]:
    """Every table with a tenant's rows in it."""
    rows = await owner.fetch(
        """SELECT format('%I.%I', n.nspname, c.relname) AS name
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY($1)
              AND c.relname NOT IN ('outbox', 'timers') AND c.relname NOT LIKE '%\\_routes'
            ORDER BY 1""",
        list(NAMES),
    )
    return [row["name"] for row in rows]


async def fingerprint(owner: asyncpg.Connection, tenant_id: str) -> dict[str, str]:
    """What every table holds of a tenant, as a hash: to see that nothing was changed."""
    found = {}
    for table in await tenant_tables(owner):
        rows = await owner.fetch(
            f"SELECT (to_jsonb(t) - $2::text[])::text AS row FROM {table} t WHERE tenant_id = $1"
            " ORDER BY 1",
            tenant_id,
            sorted(RESTLESS),
        )
        text = "\n".join(row["row"] for row in rows)
        found[table] = f"{len(rows)} {hashlib.sha256(text.encode()).hexdigest()}"
    return found


async def leaks_of_tables(
    infra: Infra, tables: Sequence[str], victim_id: str, attacker_id: str
) -> list[str]:
    """What a service's role can see of the victim's rows, or do to them, as the attacker."""
    found = []
    for service in sorted({table.partition(".")[0] for table in tables}):
        connection = await asyncpg.connect(infra.environment(service)["MALHA_DATABASE_URL"])
        try:
            for table in tables:
                if table.startswith(f"{service}."):
                    found += await _leaks_of_table(connection, table, victim_id, attacker_id)
        finally:
            await connection.close()
    return found


async def _leaks_of_table(
    connection: asyncpg.Connection, table: str, victim_id: str, attacker_id: str
) -> list[str]:
    found = []
    transaction = connection.transaction()
    await transaction.start()
    try:
        if seen := await connection.fetchval(f"SELECT count(*) FROM {table}"):
            found.append(f"{table}: {seen} rows are seen without a tenant")
        await connection.execute("SELECT set_config('app.tenant_id', $1, true)", attacker_id)
        theirs = f"FROM {table} WHERE tenant_id = '{victim_id}'"
        if seen := await connection.fetchval(f"SELECT count(*) {theirs}"):
            found.append(f"{table}: {seen} of the victim's rows are seen")
        for verb in (
            f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = '{victim_id}'",
            f"DELETE {theirs}",
            # Its own rows may not be made the victim's either.
            f"UPDATE {table} SET tenant_id = '{victim_id}'",
        ):
            if not (done := await _done(connection, verb)).endswith(" 0"):
                found.append(f"{table}: {done}: {verb}")
    finally:
        await transaction.rollback()
    return found


async def _done(connection: asyncpg.Connection, verb: str) -> str:
    """What a statement did; nothing, when a policy or a constraint refused it."""
    try:
        async with connection.transaction():
            done: str = await connection.execute(verb)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.IntegrityConstraintViolationError):
        return "refused 0"
    return done


async def shared_tables(owner: asyncpg.Connection) -> dict[str, set[str]]:
    """Tables without a policy, and their columns."""
    rows = await owner.fetch(
        """SELECT c.relname AS name, array_agg(a.attname::text) AS columns
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY($1) AND NOT c.relrowsecurity
            GROUP BY c.oid, c.relname""",
        list(NAMES),
    )
    return {row["name"]: set(row["columns"]) for row in rows}


def leaks_of_keys(keys: Sequence[str], ids: Sequence[str], attacker_id: str) -> list[str]:
    """Cache keys that could hold one tenant's values for another."""
    return [key for key in keys if attacker_id in key and any(id in key for id in ids)]
