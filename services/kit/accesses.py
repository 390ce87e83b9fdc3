"""What was asked about keys and sessions, remembered until it changes.

A change is heard within milliseconds (`forget`). Answers end by themselves after half a minute, or
after a second when a change may have gone unheard: while the bus is away, and when it has been away
since. While crm does not answer, an older answer still counts, but only if every change since then
was heard.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

from services.kit.errors import DeadlineExceeded, Unauthenticated, Unavailable
from services.kit.log import get_logger

T = TypeVar("T")

log = get_logger(__name__)

_FRESH_SECONDS = 30.0
_FRESH_SECONDS_UNHEARD = 1.0
_STALE_SECONDS = 60.0
_REFUSED_SECONDS = 5.0
# A crm that hangs is not waited for by every request.
_UNANSWERED_SECONDS = 1.0
_ASKED_AGAIN = 3
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T
    time: float
    heard: int
    """The connection to the bus when it was asked for."""


class _Answers(LRUCache[bytes, _Answer[T]]):
    """The answers used last, and which of them are a tenant's."""

    def __init__(self, tenant_of: Callable[[T], str]) -> None:
        super().__init__(_MOST)
        self._tenant_of = tenant_of
        self._digests: dict[str, set[bytes]] = {}

    def __setitem__(self, digest: bytes, answer: _Answer[T]) -> None:
        super().__setitem__(digest, answer)
        self._digests.setdefault(self._tenant_of(answer.value), set()).add(digest)

    def __delitem__(self, digest: bytes) -> None:
        tenant_id = self._tenant_of(self[digest].value)
        super().__delitem__(digest)
        digests = self._digests[tenant_id]
        digests.discard(digest)
        if not digests:
            del self._digests[tenant_id]

    def of_tenant(self, tenant_id: str) -> list[tuple[bytes, T]]:
        return [(digest, self[digest].value) for digest in self._digests.get(tenant_id, ())]


class Accesses(Generic[T]):
    """Answers by credential. Callers that ask for the same at once share one question.

    What one tenant changes costs the others nothing: answers and changes are kept by tenant.
    """

    def __init__(self, tenant_of: Callable[[T], str]) -> None:
        self.hears: Callable[[], int] = lambda: 1
        """The connection by which changes are heard: another number for each, 0 for none."""
        self._tenant_of = tenant_of
        self._answers: _Answers[T] = _Answers(tenant_of)
        self._refused: LRUCache[bytes, float] = LRUCache(_MOST)
        self._unanswered: LRUCache[bytes, float] = LRUCache(_MOST)
        self._asking: dict[bytes, asyncio.Task[T]] = {}
        self._changes = 0
        self._changed: LRUCache[str, int] = LRUCache(_MOST)
        """The number of each tenant's last change."""

    async def of(
        self,
        credential: str,
        ask: Callable[[], Awaitable[T]],
        refusal: type[Unauthenticated],
    ) -> T:
        """What is known of a credential, or what `ask` says. Raises what `ask` raises."""
        digest = hashlib.sha256(credential.encode()).digest()
        answer = self._answers.get(digest)
        if answer is not None and (
            self._counts(answer, _FRESH_SECONDS)
            or (_within(self._unanswered, digest) and self._counts(answer, _STALE_SECONDS))
        ):
            return answer.value
        if answer is None and _within(self._refused, digest):
            raise refusal
        try:
            return await self._ask(digest, ask)
        except (Unavailable, DeadlineExceeded):
            if (
                answer is not None
                and self._answers.get(digest) is answer  # Not forgotten meanwhile.
                and self._counts(answer, _STALE_SECONDS)
            ):
                log.warning("access not refreshed")
                self._unanswered[digest] = time.monotonic() + _UNANSWERED_SECONDS
                return answer.value
            raise

    def _counts(self, answer: _Answer[T], seconds: float) -> bool:
        if not answer.heard or answer.heard != self.hears():
            seconds = _FRESH_SECONDS_UNHEARD
        return time.monotonic() - answer.time < seconds

    def forget(self, tenant_id: str, matches: Callable[[T], bool] = lambda _: True) -> None:
        """Drop a tenant's answers that match; those on their way are asked for again."""
        self._changes += 1
        self._changed[tenant_id] = self._changes
        for digest, value in self._answers.of_tenant(tenant_id):
            if matches(value):
                del self._answers[digest]

    async def _ask(self, digest: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self._keep(digest, ask))
            asking.add_done_callback(lambda task: self._asked(digest, task))
        return await asyncio.shield(asking)

    async def _keep(self, digest: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        for _ in range(_ASKED_AGAIN):
            before, heard = self._changes, self.hears()
            try:
                value = await ask()
            except Unauthenticated:
                self._answers.pop(digest, None)
                if before == self._changes:
                    self._refused[digest] = time.monotonic() + _REFUSED_SECONDS
                raise
            if self._changed.get(self._tenant_of(value), 0) <= before:
                self._answers[digest] = _Answer(value, time.monotonic(), heard)
                return value
            # It changed while it was asked for: this may be what it was.
        return value

    def _asked(self, digest: bytes, task: asyncio.Task[T]) -> None:
        if self._asking.get(digest) is task:
            del self._asking[digest]
        if not task.cancelled():
            task.exception()  # Whoever waited has it; nobody may have.


def _within(until: LRUCache[bytes, float], digest: bytes) -> bool:
    return time.monotonic() < until.get(digest, 0.0)
