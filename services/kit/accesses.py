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
_STALE_SECONDS = 300.0
_REFUSED_SECONDS = 5.0
# A crm that hangs is not waited for by every request.
_UNANSWERED_SECONDS = 1.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T
    time: float
    heard: int
    """The connection to the bus when it was asked for."""


class Accesses(Generic[T]):
    """Answers by credential. Callers that ask for the same at once share one question."""

    def __init__(self) -> None:
        self.hears: Callable[[], int] = lambda: 1
        """The connection by which changes are heard: another number for each, 0 for none."""
        self._answers: LRUCache[bytes, _Answer[T]] = LRUCache(_MOST)
        self._refused: LRUCache[bytes, float] = LRUCache(_MOST)
        self._unanswered: LRUCache[bytes, float] = LRUCache(_MOST)
        self._asking: dict[bytes, asyncio.Task[T]] = {}
        self._changes = 0

    async def of(
        self,
        credential: str,
        ask: Callable[[], Awaitable[T]],
        refusal: type[Unauthenticated],
    ) -> T:
        """What is known of a credential, or what `ask` says. Raises what `ask` raises."""
        digest = hashlib.sha256(credential.encode()).digest()
        answer = self._answers.get(digest)
        if answer is not None and self._counts(
            answer, _STALE_SECONDS if _within(self._unanswered, digest) else _FRESH_SECONDS
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

    def forget(self, matches: Callable[[T], bool]) -> None:
        """Drop the answers that match, also those on their way."""
        self._changes += 1
        self._asking.clear()
        for digest, answer in list(self._answers.items()):
            if matches(answer.value):
                del self._answers[digest]

    async def _ask(self, digest: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self._keep(digest, ask))
            asking.add_done_callback(lambda task: self._asked(digest, task))
        return await asyncio.shield(asking)

    async def _keep(self, digest: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        before, heard = self._changes, self.hears()
        try:
            value = await ask()
        except Unauthenticated:
            self._answers.pop(digest, None)
            if before == self._changes:
                self._refused[digest] = time.monotonic() + _REFUSED_SECONDS
            raise
        if before == self._changes:  # Else it may be what has just changed.
            self._answers[digest] = _Answer(value, time.monotonic(), heard)
        return value

    def _asked(self, digest: bytes, task: asyncio.Task[T]) -> None:
        if self._asking.get(digest) is task:
            del self._asking[digest]
        if not task.cancelled():
            task.exception()  # Whoever waited has it; nobody may have.


def _within(until: LRUCache[bytes, float], digest: bytes) -> bool:
    return time.monotonic() < until.get(digest, 0.0)
