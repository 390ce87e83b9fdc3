"""Errors: unique reasons, a message for each, and each raised somewhere."""

from __future__ import annotations

import ast

from services.kit import errors
from services.kit.errors import AppError
from services.registry import services
from tests.architecture.repository import modules

_BASES = {
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AppError)
}


def _all(kind: type[AppError]) -> set[type[AppError]]:
    return {kind, *(sub for child in kind.__subclasses__() for sub in _all(child))}


def _ours() -> set[type[AppError]]:
    services()
    return {
        kind
        for kind in _all(AppError) - _BASES
        if kind.__module__.startswith(("services.", "edge"))
    }


def test_reasons_are_unique_within_a_service() -> None:
    """Two services may refuse for the same reason, e.g. ASSISTANT_NOT_FOUND, and mean the same."""
    names = [(".".join(kind.__module__.split(".")[:2]), kind.__name__) for kind in _ours()]
    assert len(names) == len(set(names))


def test_every_error_says_what_happened() -> None:
    for kind in _ours():
        assert kind.__doc__ and kind.__doc__ != AppError.__doc__, kind


def test_every_error_is_raised_somewhere() -> None:
    used: set[str] = set()
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise | ast.Call | ast.keyword | ast.Return):
                used |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                used |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    bases = {parent.__name__ for kind in _ours() for parent in kind.__bases__}
    assert {kind.__name__ for kind in _ours()} <= used | bases
