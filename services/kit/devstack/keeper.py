"""Keeps one unit running: starts it, waits until it is ready, brings it back when it dies."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum

from services.kit.devstack.errors import StackError
from services.kit.devstack.paths import StatePaths
from services.kit.devstack.process import Process, describe_exit
from services.kit.devstack.unit import Unit

FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
CALM = 20.0
"""A unit that was ready for this long begins with the shortest delay again."""


class State(StrEnum):
    """Where a unit is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Keeper:
    """One unit and the process it has at the moment."""

    def __init__(
        self,
        unit: Unit,
        paths: StatePaths,
        changed: Callable[[], None] = lambda: None,
        *,
        brought_back: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.unit = unit
        self.state = State.WAITING
        self.restarts = 0
        """How often it died; restarts that somebody wanted do not count."""
        self.problem = ""
        self.ready_at: float | None = None
        self.started_at: float | None = None
        self.process: Process | None = None
        self._paths = paths
        self._changed = changed
        self._brought_back = brought_back
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()

    async def start(self) -> None:
        """Start the unit and return when it is ready; raise what stopped it the first time."""
        self._set(State.STARTING)
        try:
            process = await self._boot()
        except StackError as error:
            self.problem = error.sentence
            self._set(State.FAILED)
            raise
        self._task = asyncio.create_task(self._keep(process), name=f"keep {self.unit.name}")

    async def restart(self) -> None:
        """Replace the process now: its code or its configuration changed."""
        self._wanted.set()
        if self.process is not None:
            await self.process.stop()

    async def stop(self) -> None:
        """Stop the unit and stop keeping it."""
        if self.process is not None:
            self._set(State.STOPPING)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self.process is not None:
            await self.process.stop()
        self._set(State.STOPPED)

    async def _keep(self, process: Process) -> None:
        delay = FIRST_DELAY
        while True:
            began = time.monotonic()
            code = await process.wait()
            if self._wanted.is_set():
                self.problem, delay = "", FIRST_DELAY
            else:
                self.problem = f"{self.unit.name} {describe_exit(code)}."
                delay = FIRST_DELAY if time.monotonic() - began > CALM else delay
            process = await self._bring_back(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _bring_back(self, delay: float) -> Process:
        while True:
            if not self._wanted.is_set():
                self.restarts += 1
                self._set(State.RESTARTING)
                await self._pause(delay)
            self._wanted.clear()
            self._set(State.STARTING)
            try:
                process = await self._boot()
                if self._brought_back is not None:
                    await self._brought_back()
                return process
            except StackError as error:
                self.problem = error.sentence
                delay = min(delay * 2, LONGEST_DELAY)

    async def _pause(self, delay: float) -> None:
        """Wait before the next attempt; a wanted restart ends the wait."""
        try:
            await asyncio.wait_for(self._wanted.wait(), delay)
        except TimeoutError:
            return

    async def _boot(self) -> Process:
        """One attempt: prepare, spawn, and ask until it is ready, dead or late."""
        unit, log = self.unit, self._paths.log(self.unit.name)
        self.started_at = time.monotonic()
        await unit.prepare()
        process = Process(unit.command(), log)
        self.process = process
        self._changed()
        deadline = time.monotonic() + unit.ready_within
        interval = 0.02
        try:
            while not await unit.ready(process.pid):
                if process.exit_code is not None:
                    raise StackError(f"{unit.name} {describe_exit(process.exit_code)}.", log)
                if time.monotonic() > deadline:
                    raise StackError(
                        f"{unit.name} was not ready within {unit.ready_within:g} s.", log
                    )
                await asyncio.sleep(interval)
                interval = min(interval * 1.3, 0.15)
        except BaseException:
            # Also when cancelled half-way: nothing else knows this process yet.
            process.kill()
            raise
        self.ready_at = time.monotonic()
        self._set(State.READY)
        return process

    def _set(self, state: State) -> None:
        self.state = state
        self._changed()
