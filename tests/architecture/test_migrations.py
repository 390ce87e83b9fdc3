"""Every migration goes up, all the way back, and up again to the same schema."""

from __future__ import annotations

import asyncpg

from services.kit.devstack.infra import Infra
from services.kit.migrate import migrate, roll_back
from services.registry import NAMES, migrations

_SHAPE = """
SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default
  FROM information_schema.columns
 WHERE table_schema = ANY($1) OR (table_schema = 'public' AND table_name LIKE 'schema%')
 ORDER BY 1, 2, 3"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = ANY($1) ORDER BY 1"
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(c.oid)
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE n.nspname = ANY($1) ORDER BY 1, 2"""


async def _shape(url: str) -> list[list[tuple[object, ...]]]:
    connection = await asyncpg.connect(url)
    try:
        return [
            [tuple(row) for row in await connection.fetch(query, list(NAMES))]
            for query in (_SHAPE, _INDEXES, _CONSTRAINTS)
        ]
    finally:
        await connection.close()


async def test_up_down_up_gives_the_same_schema(infra: Infra) -> None:
    url = infra.postgres.url("malha_owner", "malha_again")
    admin = await asyncpg.connect(infra.postgres.url("postgres"))
    try:
        await admin.execute("CREATE DATABASE malha_again OWNER malha_owner")
        await migrate(url, migrations(), {})
        first = await _shape(url)
        await roll_back(url, migrations())
        left = await _shape(url)
        assert {row[1] for row in left[0]} == {"schema_migrations"}
        await migrate(url, migrations(), {})
        assert await _shape(url) == first
    finally:
        await admin.execute("DROP DATABASE IF EXISTS malha_again WITH (FORCE)")
        await admin.close()
