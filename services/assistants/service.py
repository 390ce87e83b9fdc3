"""assistants' table of contents."""

from __future__ import annotations

from dishka import Provider, Scope, provide

from services.assistants import assistants, v2
from services.assistants.settings import AssistantsSettings
from services.kit.auth import AccessDirectory
from services.kit.directory import RemoteAccess
from services.kit.service import Service


class AssistantsProvider(Provider):
    """What the functions of assistants ask for beyond the kit."""

    scope = Scope.APP
    directory = provide(RemoteAccess, provides=AccessDirectory)


SERVICE = Service(
    "assistants",
    AssistantsSettings,
    [AssistantsProvider()],
    [assistants.CONTEXT, v2.CONTEXT],
)
