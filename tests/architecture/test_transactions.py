"""Inside a transaction only the transaction is awaited: the world outside is asked between them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.repository import SERVICES, modules


def _foreign_awaits(tree: ast.AST) -> list[int]:
    found = []
    for block in ast.walk(tree):
        if isinstance(block, ast.AsyncWith) and (name := _transaction(block)):
            for node in ast.walk(ast.Module(block.body, [])):
                if isinstance(node, ast.Await) and not _touches(node.value, name):
                    found.append(node.lineno)
    return found


def _transaction(block: ast.AsyncWith) -> str | None:
    for item in block.items:
        call = item.context_expr
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "transaction"
            and isinstance(item.optional_vars, ast.Name)
        ):
            return item.optional_vars.id
    return None


def _touches(awaited: ast.expr, name: str) -> bool:
    """`await tx.all(...)`, or a function of ours that is handed the transaction."""
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(awaited))


@pytest.mark.parametrize(
    ("path", "tree"),
    [pytest.param(p, t, id=str(p.relative_to(SERVICES))) for p, t in modules(SERVICES)],
)
def test_only_the_transaction_is_awaited_inside_it(path: Path, tree: ast.Module) -> None:
    assert not _foreign_awaits(tree), f"{path}: lines {_foreign_awaits(tree)}"


def test_the_lint_sees_a_call_to_the_world() -> None:
    tree = ast.parse(
        "async def f(call, llm):\n"
        "    async with call.transaction() as tx:\n"
        "        await tx.one(sql.turn)\n"
        "        await llm.complete(prompt)\n"
    )
    assert _foreign_awaits(tree) == [4]
