"""assistants' table of contents."""

from __future__ import annotations

from dishka import Provider, Scope, provide

from services.assistants import assistants
from services.assistants.settings import AssistantsSettings
from services.kit.auth import KeyDirectory
from services.kit.directory import RemoteKeys
from services.kit.service import Service


class AssistantsProvider(Provider):
    """What the functions of assistants ask for beyond the kit."""

    scope = Scope.APP
    directory = provide(RemoteKeys, provides=KeyDirectory)


SERVICE = Service("assistants", AssistantsSettings, [AssistantsProvider()], [assistants.CONTEXT])
