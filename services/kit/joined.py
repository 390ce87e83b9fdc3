"""One transaction for all that a call writes, whatever its function opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType

from services.kit.db import Database, Transaction, TransactionLost
from services.kit.outbox import Stamp


class Joined(AbstractAsyncContextManager["Joined"]):
    """Opens at the first `transaction()`, commits at its own end, rolls back when that fails."""

    def __init__(self, database: Database, stamp: Stamp) -> None:
        self._database = database
        self._stamp = stamp
        self._stack = AsyncExitStack()
        self._open: Transaction | None = None
        self._wrote = False
        self._lost = False

    @property
    def is_open(self) -> bool:
        """Whether the call has begun to write."""
        return self._open is not None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """The one transaction; leaving it leaves it open. Raises TransactionLost."""
        if self._lost:
            raise TransactionLost
        if self._open is None:
            self._open = await self._stack.enter_async_context(
                self._database.transaction(self._stamp)
            )
        try:
            yield self._open
        except BaseException as error:
            await self._undo(error)
            raise
        self._wrote = True

    async def _undo(self, error: BaseException) -> None:
        """A block that fails keeps nothing, also when its function goes on after that."""
        if self._wrote:
            self._lost = True  # What came before it cannot be kept without it.
            return
        stack, self._stack, self._open = self._stack, AsyncExitStack(), None
        await stack.__aexit__(type(error), error, error.__traceback__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._open = None
        if kind is None and self._lost:
            lost = TransactionLost()
            await self._stack.__aexit__(TransactionLost, lost, None)
            raise lost
        return bool(await self._stack.__aexit__(kind, error, trace))
