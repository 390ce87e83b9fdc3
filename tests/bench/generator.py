"""Runs the load generator and judges whether what it saw counts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from urllib.parse import urlsplit

from services.kit.devstack.environment import inherited
from services.kit.devstack.paths import PROJECT
from tests.bench.figure import Invalid
from tests.bench.load import Outcome, Plan

_PREPARE_SECONDS = 60


class Generator:
    """A generator that has prepared its requests and waits for the word."""

    def __init__(self, plan: Plan, process: asyncio.subprocess.Process) -> None:
        self._plan = plan
        self._process = process

    async def send(self) -> Outcome:
        """Send everything. Raises Invalid unless every answer was a 200."""
        outcome = await self.send_whatever_comes()
        if set(outcome.statuses) != {"200"}:
            raise Invalid(f"not only 200 came back: {outcome.statuses}")
        return outcome

    async def send_whatever_comes(self) -> Outcome:
        """Send everything and tell what came back."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        await self._process.stdin.drain()
        return Outcome(**json.loads(await self._line(self._plan.seconds + _PREPARE_SECONDS)))

    async def ready(self) -> None:
        """Return when every request is prepared."""
        await self._line(_PREPARE_SECONDS)

    async def _line(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            line = await self._process.stdout.readline()
        if not line:
            raise Invalid("the load generator ended without a word")
        return line


@asynccontextmanager
async def generator(plan: Plan) -> AsyncIterator[Generator]:
    """A generator that is ready to send."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        env=inherited(),
        limit=1 << 20,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(plan)).encode() + b"\n")
        await process.stdin.drain()
        made = Generator(plan, process)
        await made.ready()
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def drive(plan: Plan) -> Outcome:
    """Send what a plan says. Raises Invalid unless every answer was a 200."""
    async with generator(plan) as ready:
        return await ready.send()


def towards(plan: Plan, url: str) -> Plan:
    """The plan for another address: its host, its port and, for webhooks, its path."""
    parts = urlsplit(url)
    return replace(plan, host=parts.hostname or "127.0.0.1", port=parts.port or 80, path=parts.path)
