"""The outside world: a partner with an API key, Meta with its signature, a customer's phone.

It knows the mesh only by `.malha/demo.json` and HTTP, as its users do.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")
Json = dict[str, Any]

_customers = itertools.count(secrets.randbelow(10**7) * 100)


def new_customer() -> str:
    """A Brazilian mobile number nobody else uses in this run."""
    return f"55119{next(_customers) % 10**8:08d}"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def reason(self) -> str:
        """The reason of an error, as ErrorInfo gives it."""
        return next((d["reason"] for d in self.body["details"] if "reason" in d), "")


class Outside:
    """Everybody who is not Malha."""

    def __init__(self, session: aiohttp.ClientSession, demo: Json) -> None:
        self.session = session
        self.demo = demo
        self.channel: Json = demo["channels"]["whatsapp"]

    async def rest(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        params: Json | None = None,
        headers: Json | None = None,
    ) -> Answer:
        """One REST call as a partner."""
        sent = {"x-api-key": self.demo["api_key"] if key is None else key, **(headers or {})}
        async with self.session.request(
            method,
            f"{self.demo['api_url']}{path}",
            json=body,
            params=params,
            headers={name: value for name, value in sent.items() if value},
        ) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Answer(response.status, response.headers, json.loads(text) if is_json else text)

    async def get(self, path: str, **params: Any) -> Any:
        """What a successful read gives."""
        answer = await self.rest("GET", path, params=params)
        assert answer.status == 200, answer
        return answer.body

    async def webhook(
        self, body: bytes, *, signature: str | None = None, url: str | None = None
    ) -> Answer:
        """Post bytes as Meta does; signed right unless told otherwise."""
        headers = {"content-type": "application/json"}
        signed = sign(body, self.channel["app_secret"]) if signature is None else signature
        if signed:
            headers["x-hub-signature-256"] = signed
        async with self.session.post(
            url or self.channel["webhook_url"], data=body, headers=headers
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def write(self, customer: str, text: str, wamid: str | None = None) -> str:
        """A customer writes; the webhook is acknowledged. Returns the message's wamid."""
        wamid = wamid or new_wamid()
        answer = await self.webhook(
            envelope(self.channel, [text_message(customer, text, wamid)], customer)
        )
        assert answer.status == 200, answer
        return wamid

    async def answers(self, customer: str) -> list[Json]:
        """What the business has sent to a customer's phone."""
        chat = await self._chat(customer)
        return [m for m in chat if m["author"] == "business" and m["type"] == "text"]

    async def _chat(self, customer: str) -> list[Json]:
        url = (
            f"{self.demo['sandbox_url']}/sandbox/numbers/{self.channel['phone_number_id']}"
            f"/chats/{customer}"
        )
        async with self.session.get(url) as response:
            return list((await response.json())["messages"]) if response.status == 200 else []

    async def first_answer(self, customer: str, seconds: float = 30) -> str:
        """The text of the first answer on the customer's phone, waited for."""
        found = await until(lambda: self.answers(customer), seconds)
        return str(found[0]["content"]["text"]["body"])

    async def faults(self, **faults: Any) -> None:
        """Have the sandbox behave badly; nothing puts it right again."""
        async with self.session.put(
            f"{self.demo['sandbox_url']}/sandbox/faults", json=faults
        ) as response:
            assert response.status < 300, await response.text()

    async def conversation_of(self, customer: str) -> Json:
        """The conversation with a customer, waited for."""

        async def find() -> Json | None:
            page = await self.get("/v1/conversations", pageSize=200)
            return next(
                (c for c in page["conversations"] if c["participant"]["identifier"] == customer),
                None,
            )

        return await until(find)

    async def messages_of(self, customer: str) -> list[Json]:
        """The conversation's messages, oldest first."""
        conversation = await self.conversation_of(customer)
        page = await self.get(f"/v1/conversations/{conversation['id']}/messages", pageSize=200)
        return list(reversed(page["messages"]))


@asynccontextmanager
async def outside(demo: Json) -> AsyncIterator[Outside]:
    """The outside world of a running mesh."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Outside(session, demo)


async def until(ask: Callable[[], Awaitable[T]], seconds: float = 30) -> Any:
    """Ask until the answer is true-ish. Raises TimeoutError."""
    ends = time.monotonic() + seconds
    while not (found := await ask()):
        if time.monotonic() > ends:
            raise TimeoutError(f"still {found!r} after {seconds} s")
        await asyncio.sleep(0.1)
    return found


def sign(body: bytes, app_secret: str) -> str:
    """X-Hub-Signature-256, as Meta documents it."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def new_wamid() -> str:
    return f"wamid.{secrets.token_urlsafe(24)}"


def text_message(customer: str, text: str, wamid: str) -> Json:
    """A text as WhatsApp's webhook carries it."""
    return {
        "from": customer,
        "id": wamid,
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
    }


def change(channel: Json, messages: Sequence[Json], customer: str) -> Json:
    """One change of a webhook."""
    return {
        "field": "messages",
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": "551140028922",
                "phone_number_id": channel["phone_number_id"],
            },
            "contacts": [{"profile": {"name": "Marina"}, "wa_id": customer}],
            "messages": list(messages),
        },
    }


def envelope(channel: Json, messages: Sequence[Json], customer: str, **more: Any) -> bytes:
    """A webhook's body with one entry and one change."""
    return json.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": channel["waba_id"], "changes": [change(channel, messages, customer)]}],
            **more,
        },
        ensure_ascii=False,
    ).encode()
