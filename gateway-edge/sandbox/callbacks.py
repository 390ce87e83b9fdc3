"""Webhooks on their way to a number's callback: signed, and retried until answered with 200."""

import asyncio
import hashlib
import hmac
import json
import random
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import structlog

from sandbox.settings import SandboxSettings

log = structlog.get_logger(__name__)

# Meta: "retried immediately, then a few more times with decreasing frequency".
RETRY_DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)

Signature = Literal["valid", "wrong", "missing"]


@dataclass(slots=True)
class Change:
    """One element of `entry[].changes`, with the account it belongs to."""

    waba_id: str
    change: dict[str, Any]


@dataclass(slots=True)
class Webhook:
    """One POST, which keeps its bytes through every attempt."""

    body: bytes
    signature: Signature = "valid"
    repeat: int = 1
    acknowledged: Callable[[], None] | None = None
    """Called once, when the first 200 arrives."""
    attempts: int = 0
    born: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class _Waiting:
    change: Change
    repeat: int
    batch: int


@dataclass(slots=True)
class Tally:
    """What became of the webhooks of one number."""

    posted: int = 0
    """HTTP requests made, repeats and retries included."""
    acknowledged: int = 0
    """Webhooks answered with 200."""
    failed_attempts: int = 0
    given_up: int = 0
    """Webhooks dropped after the last retry, or because too many were waiting."""


def encode(changes: list[Change]) -> bytes:
    """The envelope as Meta writes it: ASCII with escaped slashes, entries grouped by account."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for item in changes:
        entries.setdefault(item.waba_id, []).append(item.change)
    envelope = {
        "object": "whatsapp_business_account",
        "entry": [{"id": waba, "changes": found} for waba, found in entries.items()],
    }
    # A receiver that signs anything but the raw bytes fails on this form, as in production.
    return json.dumps(envelope, separators=(",", ":")).replace("/", "\\/").encode()


def sign(secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Callbacks:
    """The way to one number's webhook. Each has its own, so a dead receiver delays nobody else."""

    def __init__(
        self, url: str, secret: str, session: aiohttp.ClientSession, settings: SandboxSettings
    ) -> None:
        self.url = url
        self.secret = secret
        self.tally = Tally()
        self._session = session
        self._settings = settings
        self._timeout = aiohttp.ClientTimeout(total=settings.callback_timeout_seconds)
        self._waiting: deque[_Waiting | Webhook] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._retries: set[asyncio.TimerHandle] = set()

    @property
    def pending(self) -> int:
        """Webhooks that wait, for their turn or for a retry."""
        return len(self._waiting) + len(self._retries)

    def push(self, change: Change, *, repeat: int = 1, batch: int = 1) -> None:
        """Post a change as soon as there is room; the caller does not wait."""
        self._enqueue(_Waiting(change, repeat, batch))

    async def deliver(self, webhook: Webhook, *, retry: bool = True) -> int | None:
        """Post now and say the HTTP status, None for no answer; failures are retried later."""
        status = await self._attempt(webhook)
        if status != 200 and retry:
            self._retry_later(webhook)
        return status

    async def handshake(self, verify_token: str) -> str | None:
        """Do the GET handshake; the reason why it failed, or None."""
        challenge = str(secrets.randbelow(2**31))
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": verify_token,
        }
        try:
            async with self._session.get(
                self.url, params=query, timeout=self._timeout, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    return f"the webhook answered HTTP {answer.status}"
                if (await answer.content.read(1024)).decode(errors="replace") != challenge:
                    return "the webhook did not answer with the challenge"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"the webhook could not be reached: {type(error).__name__}"
        return None

    def close(self) -> None:
        """Stop every delivery and forget what waits."""
        self._waiting.clear()
        for handle in self._retries:
            handle.cancel()
        self._retries.clear()
        for task in self._running:
            task.cancel()

    def _enqueue(self, item: _Waiting | Webhook) -> None:
        self._waiting.append(item)
        if len(self._waiting) > self._settings.callback_backlog:
            self._waiting.popleft()
            self.tally.given_up += 1
        if len(self._running) < self._settings.callback_concurrency:
            task = asyncio.create_task(self._drain())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _drain(self) -> None:
        while self._waiting:
            await self.deliver(self._next())

    def _next(self) -> Webhook:
        first = self._waiting.popleft()
        if isinstance(first, Webhook):
            return first
        changes = [first.change]
        while len(changes) < first.batch and self._waiting:
            following = self._waiting[0]
            if isinstance(following, Webhook):
                break
            self._waiting.popleft()
            changes.append(following.change)
        return Webhook(encode(changes), repeat=first.repeat)

    async def _attempt(self, webhook: Webhook) -> int | None:
        """Post every copy; the worst answer counts, as each copy is a delivery of its own."""
        worst: int | None = 200
        for _ in range(webhook.repeat if webhook.attempts == 0 else 1):
            status = await self._post(webhook)
            if status == 200 and webhook.acknowledged is not None:
                webhook.acknowledged()
                webhook.acknowledged = None
            if status != 200:
                worst = status
        webhook.attempts += 1
        if worst == 200:
            self.tally.acknowledged += 1
        else:
            self.tally.failed_attempts += 1
        return worst

    async def _post(self, webhook: Webhook) -> int | None:
        headers = {"Content-Type": "application/json", "User-Agent": "facebookexternalua"}
        if webhook.signature == "valid":
            headers["X-Hub-Signature-256"] = sign(self.secret, webhook.body)
        elif webhook.signature == "wrong":
            headers["X-Hub-Signature-256"] = sign(self.secret + "?", webhook.body)
        self.tally.posted += 1
        try:
            async with self._session.post(
                self.url,
                data=webhook.body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    def _retry_later(self, webhook: Webhook) -> None:
        age = time.monotonic() - webhook.born
        full = len(self._retries) >= self._settings.callback_backlog
        if age > self._settings.retry_for_seconds or full:
            self.tally.given_up += 1
            log.warning("webhook given up", attempts=webhook.attempts, backlog_full=full)
            return
        delay = RETRY_DELAYS[min(webhook.attempts, len(RETRY_DELAYS)) - 1]

        def again() -> None:
            self._retries.discard(handle)
            self._enqueue(webhook)

        loop = asyncio.get_running_loop()
        # Spread, so that a receiver coming back is not met by everything at once.
        handle = loop.call_later(delay * random.uniform(0.8, 1.2), again)
        self._retries.add(handle)
