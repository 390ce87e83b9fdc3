"""Every service of the mesh, for what concerns all of them: migrations, topology, seeds."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from pydantic_settings import BaseSettings

from services.kit.ai.settings import AISettings
from services.kit.migrate import Migrations, all_migrations
from services.kit.service import Service
from services.kit.settings import KitSettings
from services.settings import OperatorSettings

_ROOT = Path(__file__).parent
NAMES = ("crm", "ingestion", "processing", "assistants", "knowledge")


def services() -> list[Service]:
    """The services, imported."""
    return [import_module(f"services.{name}.service").SERVICE for name in NAMES]


def settings() -> list[type[BaseSettings]]:
    """Every class of settings, the shared ones first."""
    own = [service.settings for service in services()]
    # By name: services import neither the edge nor the sandbox.
    outer = [
        import_module(module).__dict__[name]
        for module, name in (
            ("edge.settings", "EdgeSettings"),
            ("sandbox.settings", "SandboxSettings"),
            ("services.crm.mail.settings", "MailSettings"),
        )
    ]
    return [KitSettings, AISettings, *own, *outer, OperatorSettings]


def migrations() -> list[Migrations]:
    """Every folder of migrations, in the order they apply."""
    return all_migrations(_ROOT, NAMES)
