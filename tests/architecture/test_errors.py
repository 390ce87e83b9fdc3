"""Errors: unique reasons, a message for each, and each raised somewhere."""

from __future__ import annotations

import ast
from string import Formatter

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


def test_every_error_is_made_with_what_its_text_names() -> None:
    """The text is not put together before somebody is told of it."""
    needed: dict[str, set[str]] = {}
    for kind in _ours():
        if kind.__init__ is AppError.__init__:
            names = {name for _, name, _, _ in Formatter().parse(kind._template) if name}
            needed.setdefault(kind.__name__, set()).update(names)
    lacking = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
                name, given = node.exc.id, set[str | None]()
            elif isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                given = {keyword.arg for keyword in node.keywords}
            else:
                continue
            if None not in given and needed.get(name, set()) - given:
                lacking.append(f"{path}:{node.lineno}: {name} needs {needed[name] - given}")
    assert lacking == []
