"""Several models as one: the next answers when the one before cannot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from services.kit.ai.base import (
    FAILURES,
    LLM,
    Completion,
    Prompt,
    ProviderRefused,
    ProviderUnavailable,
)
from services.kit.ai.breaker import Breaker
from services.kit.errors import AppError
from services.kit.log import get_logger

log = get_logger(__name__)


class Fallback(LLM):
    """Asks models in order, and skips those that have just failed several times in a row."""

    def __init__(
        self,
        *models: LLM,
        breaker: Callable[[], Breaker] = Breaker,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if not models:
            raise ValueError("a fallback needs at least one model")
        self.name = ",".join(model.name for model in models)
        self._chain = [(model, breaker()) for model in models]
        self._now = now

    async def complete(self, prompt: Prompt) -> Completion:
        ends = self._now() + prompt.deadline
        failures: list[AppError] = []
        for place, (model, breaker) in enumerate(self._chain, start=1):
            now = self._now()
            left = ends - now
            if left <= 0 or (attempt := breaker.admit(now)) is None:
                continue
            # A provider that hangs must leave time for those behind it.
            share = left if place == len(self._chain) else left / 2
            try:
                completion = await model.complete(replace(prompt, deadline=share))
            except FAILURES as error:
                failures.append(error)
                if isinstance(error, ProviderRefused):
                    breaker.succeeded(attempt)
                else:
                    breaker.failed(attempt, self._now(), error.retry_after)
                log.warning("model failed", model=model.name, reason=error.reason)
            except BaseException:
                breaker.abandoned(attempt)
                raise
            else:
                breaker.succeeded(attempt)
                return completion
        raise self._verdict(failures)

    async def close(self) -> None:
        for model, _ in self._chain:
            await model.close()

    def _verdict(self, failures: list[AppError]) -> AppError:
        """One that may pass, if there is any: then the turn is tried again later."""
        passing = [error for error in failures if error.retryable]
        if failures and not passing and len(failures) == len(self._chain):
            return failures[-1]
        now = self._now()
        wait = min(breaker.closed_in(now) for _, breaker in self._chain)
        if len(self._chain) == 1 and passing:
            return passing[0]
        return ProviderUnavailable(
            provider=self.name, problem="all of them failed", retry_after=wait or None
        )
