"""What every provider behind an HTTP API has in common: a deadline, and errors by their meaning."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from services.kit.ai.answers import Draft, complete
from services.kit.ai.base import (
    LLM,
    Completion,
    Prompt,
    ProviderMisconfigured,
    ProviderOverloaded,
    ProviderRefused,
    ProviderUnavailable,
)
from services.kit.errors import AppError
from services.kit.log import get_logger

log = get_logger(__name__)

MAX_WAIT = 300.0
"""Seconds of a Retry-After that we believe at the most."""


class Model(LLM):
    """One model of one provider. A subclass asks; this bounds it in time and reads the answer."""

    async def complete(self, prompt: Prompt) -> Completion:
        try:
            async with asyncio.timeout(prompt.deadline):
                draft = await self.ask(prompt)
        except TimeoutError:
            raise ProviderUnavailable(provider=self.name, problem="no answer in time") from None
        return complete(prompt, draft, self.name)

    @abstractmethod
    async def ask(self, prompt: Prompt) -> Draft:
        """Ask the provider once. Who asks again, and when, is decided further out."""


class SDK(Protocol):
    """The exceptions that both official SDKs define under the same names."""

    @property
    def APIError(self) -> type[Exception]: ...
    @property
    def APIStatusError(self) -> type[Exception]: ...
    @property
    def APITimeoutError(self) -> type[Exception]: ...
    @property
    def APIConnectionError(self) -> type[Exception]: ...


@contextmanager
def meaning(provider: str, sdk: SDK) -> Iterator[None]:
    """Raise the SDK's errors as ours.

    Their causes are dropped: they carry the request, and with it the prompt and the key.
    """
    try:
        yield
    except sdk.APIStatusError as error:
        response = error.response  # type: ignore[attr-defined]
        raise by_status(provider, response.status_code, response.headers) from None
    except sdk.APITimeoutError:
        raise ProviderUnavailable(provider=provider, problem="no answer in time") from None
    except sdk.APIConnectionError:
        raise ProviderUnavailable(provider=provider, problem="no connection") from None
    except (sdk.APIError, ValueError, TypeError, AttributeError, LookupError) as error:
        # A proxy's page with status 200 surfaces as whatever its reader stumbles over.
        log.warning("unreadable answer", model=provider, kind=type(error).__name__)
        raise ProviderUnavailable(provider=provider, problem="an unreadable answer") from None


def by_status(provider: str, status: int, headers: Mapping[str, str]) -> AppError:
    """What an HTTP status means for us."""
    wait = retry_after(headers)
    if status in {429, 529}:
        return ProviderOverloaded(provider=provider, retry_after=wait)
    if status in {408, 409, 425} or status >= 500:
        return ProviderUnavailable(provider=provider, problem=f"status {status}", retry_after=wait)
    if status in {401, 402, 403, 404, 405}:
        return ProviderMisconfigured(provider=provider, problem=f"status {status}")
    return ProviderRefused(provider=provider, problem=f"status {status}")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the provider asks us to wait, if it says so in a way that can be read."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = float(headers["retry-after"])
    except KeyError:
        return None
    except ValueError:
        try:
            until = parsedate_to_datetime(headers["retry-after"])
        except (KeyError, ValueError):
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_WAIT) if math.isfinite(seconds) else None
