"""What is known of assistants: asked once, remembered, and dropped when they change."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from cachetools import LRUCache
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub

from services.kit.cache import Cache
from services.kit.call import Call
from services.kit.errors import AppError, NotFound
from services.kit.log import get_logger
from services.processing.settings import ProcessingSettings

log = get_logger(__name__)

_FRESH_SECONDS = 60.0
_KEPT = timedelta(hours=24)
_ASK_SECONDS = 2.0
# While the assistants service is away, nobody waits for it more often than this.
_RETRY_SECONDS = 5.0


class AssistantNotFound(NotFound):
    """The assistant {id} was deleted."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long an assistant lets a customer write before it answers."""

    quiet_time: timedelta
    max_wait: timedelta


@dataclass(slots=True)
class _Known:
    assistant: Assistant | None
    until: float


class Assistants:
    """Assistants by id: from this process, else from Valkey, else from the assistants service."""

    def __init__(self, cache: Cache, settings: ProcessingSettings) -> None:
        self._cache = cache
        self._default = Timing(settings.quiet_time, settings.max_wait)
        self._known: LRUCache[tuple[str, str], _Known] = LRUCache(10_000)

    async def get(self, call: Call, assistant_id: str) -> Assistant:
        """The assistant as it is now. Raises AssistantNotFound, Unavailable."""
        key = (call.tenant_id, assistant_id)
        known = self._known.get(key)
        if known is None or known.until < time.monotonic() or known.assistant is None:
            found = await self._cache.get_message(call.tenant_id, _name(assistant_id), Assistant)
            if found is None:
                found = await self._ask(call, assistant_id)
            self._keep(key, found)
            return found
        return known.assistant

    async def timing(self, call: Call, assistant_id: str) -> Timing:
        """How long to wait, as last known where the service does not answer; never raises."""
        key = (call.tenant_id, assistant_id)
        known = self._known.get(key)
        if known is None or known.until < time.monotonic():
            try:
                return self._timing(await self.get(call, assistant_id))
            except AppError as error:
                log.info("assistant not reached", assistant=assistant_id, reason=error.reason)
                last = known.assistant if known else None
                known = _Known(last, time.monotonic() + _RETRY_SECONDS)
                self._known[key] = known
        return self._timing(known.assistant)

    def language(self, tenant_id: str, assistant_id: str) -> str:
        """The language it answers in, as last known; pt-BR otherwise."""
        known = self._known.get((tenant_id, assistant_id))
        return (known.assistant.language if known and known.assistant else "") or "pt-BR"

    def hear(self, tenant_id: str, assistant: Assistant) -> None:
        """Take over what this process was just told."""
        self._keep((tenant_id, assistant.id), assistant)

    def forget(self, tenant_id: str, assistant_id: str) -> None:
        """Ask again next time."""
        self._known.pop((tenant_id, assistant_id), None)

    async def drop(self, tenant_id: str, assistant_id: str) -> None:
        """Forget it for all processes."""
        self.forget(tenant_id, assistant_id)
        await self._cache.drop(tenant_id, _name(assistant_id))

    async def _ask(self, call: Call, assistant_id: str) -> Assistant:
        assistants = call.stub(AssistantServiceStub)
        try:
            found: Assistant = await assistants.GetAssistant(
                GetAssistantRequest(id=assistant_id), timeout=_ASK_SECONDS
            )
        except NotFound:
            raise AssistantNotFound(id=assistant_id) from None
        await self._cache.put_message(call.tenant_id, _name(assistant_id), found, _KEPT)
        return found

    def _keep(self, key: tuple[str, str], assistant: Assistant) -> None:
        known = self._known.get(key)
        # An answer that was on its way while the assistant changed must not win.
        if known and known.assistant and known.assistant.version > assistant.version:
            assistant = known.assistant
        self._known[key] = _Known(assistant, time.monotonic() + _FRESH_SECONDS)

    def _timing(self, assistant: Assistant | None) -> Timing:
        if assistant is None:
            return self._default
        return Timing(
            assistant.quiet_time.ToTimedelta()
            if assistant.HasField("quiet_time")
            else self._default.quiet_time,
            assistant.max_wait.ToTimedelta()
            if assistant.HasField("max_wait")
            else self._default.max_wait,
        )


def _name(assistant_id: str) -> str:
    return f"assistant:{assistant_id}:knowledge"
