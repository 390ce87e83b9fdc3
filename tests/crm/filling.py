"""Rows for every table of a service, from the catalogue: no table is forgotten."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from services.kit.ids import nth_id
from services.registry import NAMES

_COLUMNS = """
SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       (SELECT enumlabel FROM pg_enum WHERE enumtypid = a.atttypid
         ORDER BY enumsortorder LIMIT 1) AS label
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations'
   AND a.attgenerated = '' AND a.attidentity = ''
   AND (c.relname = 'outbox' OR EXISTS (
         SELECT FROM pg_attribute t
          WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped))
 ORDER BY 1, a.attnum"""
_CHECKS = """
SELECT conrelid::regclass::text AS table, conname
  FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace
 WHERE n.nspname = $1 AND contype = 'c'"""


class Filling:
    """Fills a service's tables, in a transaction of a superuser that is rolled back."""

    def __init__(self, connection: asyncpg.Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    async def fill(self, tenant_id: str, *, rows: int) -> set[str]:
        """Put rows into every table that can hold a tenant's; gives the tables."""
        columns: dict[str, list[asyncpg.Record]] = {}
        for column in await self._connection.fetch(_COLUMNS, self._schema):
            columns.setdefault(column["table"], []).append(column)
        for row in await self._connection.fetch(_CHECKS, self._schema):
            await self._connection.execute(
                f'ALTER TABLE {row["table"]} DROP CONSTRAINT "{row["conname"]}"'
            )
        # Rows come in any order; they refer to each other all the same, since all ids are alike.
        await self._connection.execute("SET LOCAL session_replication_role = replica")
        for table, shape in columns.items():
            for number in range(rows):
                await self._insert(table, shape, tenant_id, number)
        await self._connection.execute("SET LOCAL session_replication_role = origin")
        return {f"{self._schema}.{table}" for table in columns}

    async def _insert(
        self, table: str, columns: list[asyncpg.Record], tenant_id: str, number: int
    ) -> None:
        names = ", ".join(f'"{column["name"]}"' for column in columns)
        values = ", ".join(
            f"'{_text(column, tenant_id, number)}'::{column['type']}" for column in columns
        )
        await self._connection.execute(
            f'INSERT INTO {self._schema}."{table}" ({names}) VALUES ({values})'
            " ON CONFLICT DO NOTHING"  # Some tables hold one row of a tenant.
        )


async def rows_naming(connection: asyncpg.Connection, trace: str) -> dict[str, int]:
    """Tables of all services in which a text occurs, whatever the column, and in how many rows."""
    tables = await connection.fetch(
        """SELECT format('%I.%I', n.nspname, c.relname) AS name
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY($1) AND c.relkind = 'r'""",
        list(NAMES),
    )
    found = {}
    for table in tables:
        count = await connection.fetchval(
            f"SELECT count(*) FROM {table['name']} t WHERE strpos(t::text, $1) > 0", trace
        )
        if count:
            found[table["name"]] = count
    return found


def _text(column: asyncpg.Record, tenant_id: str, number: int) -> str:
    """A value for a column; ids of one number are the same in every table."""
    name, type_ = column["name"], column["type"].partition("(")[0]
    if name == "tenant_id":
        return tenant_id
    if name == "subject":
        return f"evt.test.{tenant_id}.happened"
    if column["label"] is not None:
        return str(column["label"])
    if type_.endswith("[]"):
        return "{}"
    values = {
        "uuid": nth_id(str(UUID(int=UUID(tenant_id).int ^ 1 << 64)), number),
        "text": f"{tenant_id[-12:]}-{number}",
        "bytea": f"\\x{UUID(tenant_id).hex}{number:02x}",
        "jsonb": "{}",
        "tsvector": "",
        "halfvec": "[0]",
        "boolean": "false",
        "bit varying": f"{number:b}",
        "interval": "1 second",
        "timestamp with time zone": "2026-01-01T00:00:00Z",
    }
    return values.get(type_, str(number))
