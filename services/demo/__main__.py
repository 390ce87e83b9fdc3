"""`make demo`: a customer asks by WhatsApp, the assistant answers; printed as a conversation."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from typing import Any

import aiohttp
from rich.console import Console
from rich.panel import Panel

from services.kit.devstack.errors import StackError
from services.kit.devstack.mesh import read_demo
from services.kit.devstack.paths import StatePaths

QUESTIONS = ("Oi, tudo bem?", "Comprei um vestido e não serviu.", "Qual é o prazo para trocar?")
_ANSWER_SECONDS = 45.0
_STATUS_SECONDS = 5.0

console = Console(highlight=False)


class NoAnswer(Exception):
    """The assistant did not answer in time."""


async def main() -> None:
    """Write three messages in a row as one customer and show the one answer they get."""
    demo = read_demo(StatePaths.at(None))
    channel = demo["channels"]["whatsapp"]
    customer = f"55119{random.randrange(10**7, 10**8)}"
    base = f"{demo['sandbox_url']}/sandbox/numbers/{channel['phone_number_id']}"
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS + 15)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        asked = time.monotonic()
        for text in QUESTIONS:
            body = {"from": customer, "profile_name": "Marina", "text": text}
            async with session.post(f"{base}/inbound", json=body) as response:
                response.raise_for_status()
            _say("Marina", text, "white on dark_green", "right")
        answer = await _answer(session, f"{base}/chats/{customer}")
        _say("Aurora", answer, "white on grey23", "left")
        console.print(
            f"[dim]one answer to {len(QUESTIONS)} messages, {time.monotonic() - asked:.1f} s after "
            f"the first (3 s of it quiet time)[/dim]"
        )
        await _show_timeline(session, demo)
    console.print(f"[dim]chat by yourself: {demo['sandbox_url']}/phone[/dim]")


async def _answer(session: aiohttp.ClientSession, chat: str) -> str:
    ends = time.monotonic() + _ANSWER_SECONDS
    after = 0
    while (left := ends - time.monotonic()) > 0:
        params = {"after": str(after), "wait": str(int(min(left, 20)) + 1)}
        async with session.get(chat, params=params) as response:
            response.raise_for_status()
            body = await response.json()
        for message in body["messages"]:
            if message["author"] == "business" and message["type"] == "text":
                return str(message["content"]["text"]["body"])
        after = body.get("seq", after)
    raise NoAnswer(f"no answer within {_ANSWER_SECONDS:.0f} s; .malha/logs/ says why")


async def _show_timeline(session: aiohttp.ClientSession, demo: dict[str, Any]) -> None:
    headers = {"x-api-key": demo["api_key"]}
    url = f"{demo['api_url']}/v1/webhook-events?pageSize=20"
    async with session.get(url, headers=headers) as response:
        response.raise_for_status()
        events = (await response.json())["webhookEvents"]
    correlation = next(e["correlationId"] for e in events if e["kind"] == "message")
    url = f"{demo['api_url']}/v1/timelines/{correlation}"
    ends = time.monotonic() + _STATUS_SECONDS
    steps: list[str] = []
    while "reply_delivered" not in steps and time.monotonic() < ends:
        async with session.get(url, headers=headers) as response:
            response.raise_for_status()
            steps = list(dict.fromkeys(e["step"] for e in (await response.json())["entries"]))
        await asyncio.sleep(0.2)
    console.print(f"[dim]GET /v1/timelines/{correlation}: {' → '.join(steps)}[/dim]")


def _say(who: str, text: str, style: str, side: Any) -> None:
    width = min(console.width, 76)
    console.print(
        Panel(text, title=who, title_align="left", style=style, width=width), justify=side
    )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (StackError, NoAnswer, aiohttp.ClientError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
