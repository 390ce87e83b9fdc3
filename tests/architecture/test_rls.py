"""Tenants are isolated by the database itself: the catalogue is asked, not the code."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.kit.devstack.infra import Infra
from services.registry import NAMES

# Ids, hashes and times only: how a tenant, or due work of any tenant, is found. No tenant's data.
SHARED = ("outbox", "timers", "schema_migrations")
SHARED_SUFFIXES = ("_routes",)
# Webhooks sent to no connection we know: there is no tenant they could belong to.
TENANTLESS = {
    ("ingestion", "unrouted_webhooks"),
    ("crm", "sign_in_attempts"),
    ("crm", "purged_tenants"),
}


POLICY = "(tenant_id = ( SELECT current_tenant() AS current_tenant))"


@pytest.fixture(scope="module")
async def catalogue(infra: Infra) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(infra.owner_url)
    yield connection
    await connection.close()


async def _tables(catalogue: asyncpg.Connection) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await catalogue.fetch(
        """SELECT n.nspname AS schema, c.relname AS name, c.oid, c.relrowsecurity,
                  c.relforcerowsecurity,
                  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                             AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY($1)""",
        list(NAMES),
    )
    return rows


def _shared(row: asyncpg.Record) -> bool:
    return row["name"] in SHARED or row["name"].endswith(SHARED_SUFFIXES)


async def test_every_table_is_isolated_or_named_as_shared(catalogue: asyncpg.Connection) -> None:
    tables = await _tables(catalogue)
    assert len(tables) > 15
    for row in tables:
        name = (row["schema"], row["name"])
        if _shared(row) or name in TENANTLESS:
            continue
        assert row["has_tenant"], f"{name} has no tenant_id"
        assert row["relrowsecurity"], f"{name} has no row level security"
        assert row["relforcerowsecurity"], f"{name} does not force it"


async def test_every_policy_is_the_one_policy(catalogue: asyncpg.Connection) -> None:
    rows = await catalogue.fetch(
        "SELECT schemaname, tablename, cmd, permissive, qual, with_check FROM pg_policies"
        " WHERE schemaname = ANY($1)",
        list(NAMES),
    )
    for row in rows:
        where = f"{row['schemaname']}.{row['tablename']}"
        assert row["qual"] == row["with_check"] == POLICY, where
        assert (row["cmd"], row["permissive"]) == ("ALL", "PERMISSIVE"), where
    isolated = [row for row in await _tables(catalogue) if row["relrowsecurity"]]
    assert len(rows) == len(isolated)


async def test_every_key_carries_the_tenant(catalogue: asyncpg.Connection) -> None:
    """Unique keys and foreign keys ignore policies: without the tenant they reach into another."""
    rows = await catalogue.fetch(
        """SELECT n.nspname AS schema, c.relname AS name, i.relname AS index,
                  (SELECT array_agg(a.attname) FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum = ANY(x.indkey)) AS columns
             FROM pg_index x
             JOIN pg_class c ON c.oid = x.indrelid
             JOIN pg_class i ON i.oid = x.indexrelid
             JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE x.indisunique AND c.relrowsecurity AND n.nspname = ANY($1)""",
        list(NAMES),
    )
    assert rows
    for row in rows:
        assert "tenant_id" in row["columns"], f"{row['schema']}.{row['index']}"
    foreign = await catalogue.fetch(
        """SELECT conrelid::regclass::text AS name, conname,
                  (SELECT array_agg(attname) FROM pg_attribute
                    WHERE attrelid = conrelid AND attnum = ANY(conkey)) AS columns
             FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
             JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE contype = 'f' AND n.nspname = ANY($1)""",
        list(NAMES),
    )
    for row in foreign:
        assert "tenant_id" in row["columns"], f"{row['name']}: {row['conname']}"


async def test_a_services_role_owns_nothing_and_bypasses_nothing(
    catalogue: asyncpg.Connection,
) -> None:
    for service in NAMES:
        role = await catalogue.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, oid FROM pg_roles WHERE rolname = $1",
            f"malha_{service}",
        )
        assert role is not None
        assert not (role["rolsuper"] or role["rolbypassrls"] or role["rolcreaterole"])
        owned = await catalogue.fetchval(
            "SELECT count(*) FROM pg_class WHERE relowner = $1", role["oid"]
        )
        assert owned == 0
        rights = await catalogue.fetch(
            """SELECT DISTINCT table_schema FROM information_schema.role_table_grants
                WHERE grantee = $1""",
            f"malha_{service}",
        )
        assert {row["table_schema"] for row in rights} == {service}
        dangerous = await catalogue.fetchval(
            """SELECT count(*) FROM information_schema.role_table_grants
                WHERE grantee = $1 AND privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')""",
            f"malha_{service}",
        )
        assert dangerous == 0


async def test_no_function_runs_with_its_owners_rights(catalogue: asyncpg.Connection) -> None:
    definers = await catalogue.fetchval(
        """SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE p.prosecdef AND (n.nspname = ANY($1) OR n.nspname = 'public')""",
        list(NAMES),
    )
    assert definers == 0


async def test_a_view_sees_what_its_reader_may_see(catalogue: asyncpg.Connection) -> None:
    views = await catalogue.fetch(
        """SELECT c.relname, c.relkind, c.reloptions FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('v', 'm') AND n.nspname = ANY($1)""",
        list(NAMES),
    )
    for view in views:
        assert view["relkind"] == b"v", f"{view['relname']}: no policy filters a materialized view"
        assert "security_invoker=true" in (view["reloptions"] or []), view["relname"]
