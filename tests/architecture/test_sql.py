"""Every named query is valid on the migrated schema, as the role that runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.kit.db import Database
from services.kit.sql import Sql
from tests.architecture.repository import sql_files

FILES = list(sql_files())


@pytest.mark.parametrize(
    ("service", "path"), FILES, ids=[f"{name}/{path.name}" for name, path in FILES]
)
async def test_every_query_prepares(
    service: str, path: Path, databases: Callable[[str], Awaitable[Database]]
) -> None:
    database = await databases(service)
    queries = dict(Sql(path.read_text(), str(path)))
    assert queries
    async with database.pool.acquire() as connection:
        for name, query in queries.items():
            try:
                await connection.prepare(query)
            except Exception as error:
                pytest.fail(f"{path.name}: {name}: {error}")


@pytest.mark.parametrize(
    ("service", "path"), FILES, ids=[f"{name}/{path.name}" for name, path in FILES]
)
def test_every_query_says_what_it_is_for_and_is_used(service: str, path: Path) -> None:
    for name, query in Sql(path.read_text(), str(path)):
        assert query.startswith("-- "), f"{name} has no sentence"
        code = "".join(module.read_text() for module in path.parent.rglob("*.py"))
        assert f".{name}" in code, f"{path}: nothing uses {name}"


def test_no_query_asks_for_a_tenant_by_itself() -> None:
    """The policy adds the tenant; a WHERE of one's own would hide that it is missing."""
    for _, path in FILES:
        for name, query in Sql(path.read_text(), str(path)):
            where = query.upper().partition("WHERE")[2]
            assert "TENANT_ID = $" not in where or "_routes" in query, f"{path.name}: {name}"
