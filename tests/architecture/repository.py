"""What the architecture tests look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from services.kit.outbox import kind_of
from services.registry import NAMES

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
SOURCES = (SERVICES, ROOT / "gateway-edge")


def modules(*roots: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Every Python module below, parsed."""
    for root in roots or SOURCES:
        for path in sorted(root.rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path, ast.parse(path.read_text(), str(path))


def sql_files() -> Iterator[tuple[str, Path]]:
    """Every .sql file of named queries, with the service it belongs to."""
    for name in NAMES:
        for path in sorted((SERVICES / name).rglob("*.sql")):
            if path.parent.name != "migrations":
                yield name, path


def contract_files() -> list[object]:
    """The generated modules of every contract."""
    from importlib import import_module

    generated = ROOT / "gen" / "python"
    found = []
    for path in sorted((generated / "malha").rglob("*_pb2.py")):
        name = ".".join(path.relative_to(generated).with_suffix("").parts)
        found.append(import_module(name))
    return found


def messages(kind: str) -> list[Descriptor]:
    """Every message declared as "event" or "command"."""
    return [
        message
        for module in contract_files()
        for message in module.DESCRIPTOR.message_types_by_name.values()  # type: ignore[attr-defined]
        if kind_of(message) == kind
    ]


def methods() -> list[MethodDescriptor]:
    """Every RPC."""
    return [
        method
        for module in contract_files()
        for service in module.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined]
        for method in service.methods
    ]
