"""Every named query is valid on the migrated schema, as the role that runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.pages import turned_round
from services.kit.readers import as_tenant
from services.kit.sql import Sql
from tests.architecture.repository import sql_files

FILES = list(sql_files())
_MARK = "/*dir*/"
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|SHARE|pg_advisory\w*|purge_tenant)\b", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


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
            # A list is asked for in both orders.
            for written in {query, turned_round(query)}:
                try:
                    await connection.prepare(written)
                except Exception as error:
                    pytest.fail(f"{path.name}: {name}: {error}\n{written}")


@pytest.mark.parametrize(
    ("service", "path"), FILES, ids=[f"{name}/{path.name}" for name, path in FILES]
)
def test_a_list_that_turns_round_does_so_as_a_whole(service: str, path: Path) -> None:
    """A mark that does nothing, or an order that only half turns, skips rows in silence."""
    for name, query in Sql(path.read_text(), str(path)):
        if _MARK not in query:
            continue
        turned = turned_round(query)
        assert _MARK not in turned, f"{path.name}: {name} has a mark that turns nothing"
        code = _COMMENT.sub("", turned)
        assert ">" in code, f"{path.name}: {name} turns its order, but not where a page begins"
        assert not re.search(r"\bDESC\b", code), f"{path.name}: {name} turns only a part of it"


@pytest.mark.parametrize(
    ("service", "path"), FILES, ids=[f"{name}/{path.name}" for name, path in FILES]
)
async def test_every_question_can_be_asked_in_one_round_trip(
    service: str, path: Path, databases: Callable[[str], Awaitable[Database]]
) -> None:
    """Its plan begins with the tenant; were it otherwise, it would find nothing, now and then."""
    database = await databases(service)
    async with database.pool.acquire() as connection:
        for name, query in Sql(path.read_text(), str(path)):
            if _WRITES.search(_COMMENT.sub("", query)):
                continue
            for written in {query, turned_round(query)}:
                plan = await _plan(connection, written)
                where = f"{path.name}: {name}: {json.dumps(plan, indent=1)}"
                assert plan["Node Type"] == "Nested Loop", where
                outer = [n for n in plan["Plans"] if n["Parent Relationship"] == "Outer"]
                assert [node.get("CTE Name") for node in outer] == ["mine"], where


async def _plan(connection: Any, query: str) -> dict[str, Any]:
    count = len((await connection.prepare(query)).get_parameters())
    await connection.execute(f"PREPARE asked AS {as_tenant(query, count)}")
    try:
        nothing = ", ".join(["NULL"] * count + [f"'{new_id()}'"])
        said = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked ({nothing})")
    finally:
        await connection.execute("DEALLOCATE asked")
    plan: dict[str, Any] = json.loads(said)[0]["Plan"]
    return plan


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
