"""Reads of one statement in one round trip.

A transaction costs three round trips around its query. Here the tenant travels with the query: a
first step sets it for the length of the statement, and the query proper hangs on that step, so that
it cannot begin before. Row level security decides as ever; were the order wrong, the tenant would
be unset and nothing found. The connections are read-only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import lru_cache
from typing import Any

import asyncpg

from services.kit.log import get_logger

log = get_logger(__name__)

_ACQUIRE_SECONDS = 5.0


@lru_cache(maxsize=512)
def as_tenant(query: str, arguments: int) -> str:
    """The query with one more argument, the tenant it is for."""
    return (
        f"WITH mine AS MATERIALIZED"
        f" (SELECT set_config('app.tenant_id', ${arguments + 1}, true) AS tenant)\n"
        f"SELECT found.* FROM mine, LATERAL (SELECT asked.* FROM (\n"
        f"{query.strip().rstrip(';')}\n"
        f") asked WHERE mine.tenant <> '' OFFSET 0) found"
    )


class Readers:
    """Connections for reads: a stack of idle ones, opened as they are needed.

    A connection goes straight to whoever has waited longest: a caller that came later, or that
    reads again at once, does not overtake.
    """

    def __init__(self, connect: Any, size: int) -> None:
        self._connect = connect
        self._size = size
        self._open = 0
        self._idle: list[Any] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._closed = False

    async def fetch(self, query: str, tenant_id: str, args: tuple[Any, ...]) -> list[Any]:
        """The rows that the tenant sees. Raises what asyncpg raises, and TimeoutError."""
        connection = await self._take()
        try:
            rows: list[Any] = await connection.fetch(as_tenant(query, len(args)), *args, tenant_id)
        except asyncpg.PostgresError:
            self._give_back(connection)
            raise
        except BaseException:
            # Cancelled in the middle, or broken: nobody else must meet what is left of it.
            connection.terminate()
            self._give_back(connection)
            raise
        self._give_back(connection)
        return rows

    async def close(self) -> None:
        """Close what is idle, and what is in use when it is given back."""
        self._closed = True
        for connection in self._idle:
            connection.terminate()
        self._idle.clear()
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(asyncpg.InterfaceError("the readers are closed"))

    async def _take(self) -> Any:
        if self._closed:
            raise asyncpg.InterfaceError("the readers are closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self._size:
            self._open += 1
            return await self._new()
        connection = await self._turn()
        return await self._new() if connection is None or connection.is_closed() else connection

    async def _new(self) -> Any:
        """Open a connection in a place that is counted already."""
        try:
            return await self._connect()
        except BaseException:
            self._pass_on(None)
            raise

    async def _turn(self) -> Any:
        """Wait for a connection, or for the place of one that has ended: None."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        # Most readers of a busy process wait here: asyncio.timeout() costs more than the rest.
        timer = loop.call_later(_ACQUIRE_SECONDS, _in_vain, turn)
        try:
            return await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())  # It came as we left: it is the next one's.
            raise
        finally:
            timer.cancel()

    def _give_back(self, connection: Any) -> None:
        if self._closed:
            connection.terminate()
        self._pass_on(None if connection.is_closed() else connection)

    def _pass_on(self, connection: Any | None) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._idle.append(connection)


def _in_vain(turn: asyncio.Future[Any]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
