"""A business behind the sandbox: a server that records webhooks, and a client for both sides."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web

NUMBER = "106540352242922"
ACCOUNT = "102290129340398"
SECRET = "the app secret"
TOKEN = "the access token"
VERIFY = "the verify token"
ANA = "5511987654321"


@dataclass
class Received:
    """One webhook as it arrived."""

    body: bytes
    headers: dict[str, str]
    at: float

    @property
    def genuine(self) -> bool:
        """Whether the signature fits the raw bytes; worked out here, not by the sandbox's code."""
        digest = hmac.new(SECRET.encode(), self.body, hashlib.sha256).hexdigest()
        return self.headers.get("X-Hub-Signature-256") == f"sha256={digest}"

    @property
    def values(self) -> list[dict[str, Any]]:
        """The `value` of every change."""
        entries = orjson.loads(self.body)["entry"]
        return [change["value"] for entry in entries for change in entry["changes"]]


@dataclass
class Receiver:
    """The webhook of a business."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses to answer with, in order; afterwards 200."""

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """Every status that arrived, in order of arrival."""
        return [item for value in self._values() for item in value.get("statuses", [])]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every message that arrived, in order of arrival."""
        return [item for value in self._values() for item in value.get("messages", [])]

    def _values(self) -> Iterator[dict[str, Any]]:
        for webhook in self.received:
            yield from webhook.values

    async def handle(self, request: web.Request) -> web.Response:
        """Answer the handshake and record the webhooks."""
        if request.method == "GET":
            if request.query.get("hub.verify_token") != VERIFY:
                return web.Response(status=403)
            return web.Response(text=request.query["hub.challenge"])
        body = await request.read()
        self.received.append(Received(body, dict(request.headers), time.monotonic()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@dataclass
class Meta:
    """A running sandbox, seen by a business and by its customers."""

    base: str
    http: aiohttp.ClientSession
    receiver: Receiver

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """A call of the control side: the status and the JSON, if there is any."""
        async with self.http.request(method, self.base + path, json=body, **more) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def register(self, **changes: Any) -> tuple[int, Any]:
        """Register the business's number."""
        return await self.call(
            "POST",
            "/sandbox/numbers",
            {
                "phone_number_id": NUMBER,
                "display_phone_number": "+55 11 4000-1234",
                "waba_id": ACCOUNT,
                "webhook_url": self.receiver.url,
                "app_secret": SECRET,
                "verify_token": VERIFY,
                "access_token": TOKEN,
            }
            | changes,
        )

    async def write(self, text: str = "oi", **more: Any) -> Any:
        """Ana writes to the business."""
        body = {"from": ANA, "profile_name": "Ana", "text": text} | more
        status, answer = await self.call("POST", f"/sandbox/numbers/{NUMBER}/inbound", body)
        assert status == 200, answer
        return answer

    async def send(self, token: str | None = TOKEN, **changes: Any) -> tuple[int, Any]:
        """The business sends a text to Ana, or what `changes` makes of it."""
        body = {
            "messaging_product": "whatsapp",
            "to": f"+{ANA}",
            "type": "text",
            "text": {"body": "olá"},
        } | changes
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        kept = {name: value for name, value in body.items() if value is not None}
        return await self.call("POST", f"/v25.0/{NUMBER}/messages", kept, headers=headers)

    async def faults(self, **faults: Any) -> None:
        """Put faults on the number."""
        status, answer = await self.call("PUT", f"/sandbox/numbers/{NUMBER}/faults", faults)
        assert status == 200, answer

    async def chat(self, query: str = "") -> Any:
        """Ana's phone."""
        _, answer = await self.call("GET", f"/sandbox/numbers/{NUMBER}/chats/{ANA}{query}")
        return answer


async def until(condition: Callable[[], Any], seconds: float = 5) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
