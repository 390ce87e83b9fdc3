"""Every service of the mesh, for what concerns all of them: migrations, topology, seeds."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from services.kit.migrate import Migrations, all_migrations
from services.kit.service import Service

_ROOT = Path(__file__).parent
NAMES = tuple(
    n
    for n in ("crm", "ingestion", "processing", "assistants", "knowledge")
    if (_ROOT / n / "service.py").exists()
)


def services() -> list[Service]:
    """The services, imported."""
    return [import_module(f"services.{name}.service").SERVICE for name in NAMES]


def migrations() -> list[Migrations]:
    """Every folder of migrations, in the order they apply."""
    return all_migrations(_ROOT, NAMES)
