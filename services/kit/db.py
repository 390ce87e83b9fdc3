"""PostgreSQL: tenant transactions, and the outbox and timers that commit with them.

The tenant is set per transaction, from the verified identity; forced row level security does the
rest. A transaction costs three round trips beside its queries' own: BEGIN with the tenant, the
outbox when something is emitted, COMMIT.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from services.kit.errors import AppError, InvalidArgument, Unavailable
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.outbox import Fresh, Outgoing, Row, Stamp, outgoing
from services.kit.readers import Readers

Record: TypeAlias = Mapping[str, Any]

log = get_logger(__name__)

_ACQUIRE_SECONDS = 5.0
_STATEMENT_SECONDS = 10.0
_NO_TENANT = ""


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""


class TransactionConflict(Unavailable):
    """Another transaction was in the way; trying again helps."""


class TextNotStorable(InvalidArgument):
    """A text holds a character that cannot be stored: U+0000."""


class TransactionLost(Exception):
    """A statement failed and was caught inside the transaction, so nothing of it was kept."""


# What asyncpg raises when the server is away, starting, stopping, overloaded, or was killed.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
)
_CONFLICT = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


@dataclass(slots=True)
class Transaction:
    """One transaction of one tenant. What it emits is committed with it, or not at all."""

    _connection: Any
    _schema: str
    _stamp: Stamp
    _outbox: list[Outgoing] = field(default_factory=list)
    _timers: dict[tuple[str, str], tuple[str, str, str, datetime] | None] = field(
        default_factory=dict
    )
    """By kind and id: whose, and when due; None to disarm. The last word counts."""
    _after: list[Callable[[], Awaitable[None] | None]] = field(default_factory=list)

    async def one(self, query: str, *args: Any, missing: AppError | None = None) -> Record:
        """The one row. Raises `missing` when there is none."""
        row = await self._connection.fetchrow(query, *args)
        if row is None:
            raise missing or LookupError("the query returned no row")
        found: Record = row
        return found

    async def maybe(self, query: str, *args: Any) -> Record | None:
        """The row, if there is one."""
        row: Record | None = await self._connection.fetchrow(query, *args)
        return row

    async def all(self, query: str, *args: Any) -> list[Record]:
        """Every row."""
        rows: list[Record] = await self._connection.fetch(query, *args)
        return rows

    async def value(self, query: str, *args: Any) -> Any:
        """The first column of the first row; None when there is none."""
        return await self._connection.fetchval(query, *args)

    async def run(self, query: str, *args: Any) -> int:
        """How many rows were changed."""
        tag: str = await self._connection.execute(query, *args)
        return int(tag.rpartition(" ")[2]) if tag[-1:].isdigit() else 0

    async def serialize(self, name: str) -> None:
        """Wait for the tenant's other transactions that named the same, and make later ones wait.

        Until the end of this transaction.
        """
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            f"{self._stamp.tenant_id}:{name}",
        )

    async def switch(self, tenant_id: str, workspace_id: str = "") -> None:
        """Go on as another tenant, in the same commit. Only for calls that span tenants."""
        await self._connection.execute(
            f"SET LOCAL app.tenant_id = '{_uuid(tenant_id)}'"  # A UUID by now: nothing to inject.
        )
        self._stamp = Stamp(tenant_id, workspace_id, self._stamp.correlation_id, self._stamp.cause)

    def emit(self, event: Message, *, correlation_id: str | None = None) -> None:
        """Tell the world, if and when this commits."""
        self._outbox.append(outgoing(event, "event", self._stamp.with_correlation(correlation_id)))

    def send(self, command: Message, *, key: str = "-", correlation_id: str | None = None) -> None:
        """Ask for work, if and when this commits."""
        stamp = self._stamp.with_correlation(correlation_id)
        self._outbox.append(outgoing(command, "command", stamp, key))

    def arm(self, kind: str, id: str, due: datetime) -> None:
        """Have `@on_timer(kind)` called with this id once it is due, until it disarms."""
        stamp = self._stamp
        self._timers[(kind, id)] = (
            stamp.tenant_id,
            stamp.workspace_id,
            stamp.correlation_id,
            due,
        )

    def disarm(self, kind: str, id: str) -> None:
        """Forget a timer; forgetting one that is not armed is fine."""
        self._timers[(kind, id)] = None

    def after_commit(self, callback: Callable[[], Awaitable[None] | None]) -> None:
        """Run something once this has committed: a hint, never something that matters."""
        self._after.append(callback)

    async def flush(self) -> list[Row]:
        """Write what was emitted and armed, in one statement; gives what the relay has to do."""
        rows = [(new_id(), o.subject, o.headers, o.payload) for o in self._outbox]
        outbox = f"""INSERT INTO {self._schema}.outbox (message_id, subject, headers, payload)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[])
            RETURNING id, message_id"""
        written: list[Record] = []
        if self._timers:
            armed = [(*key, *set_) for key, set_ in self._timers.items() if set_ is not None]
            gone = [key for key, set_ in self._timers.items() if set_ is None]
            written = await self._connection.fetch(
                f"""WITH armed AS (
                      INSERT INTO {self._schema}.timers
                        (kind, id, tenant_id, workspace_id, correlation_id, due_time)
                      SELECT * FROM unnest($5::text[], $6::uuid[], $7::uuid[], $8::text[],
                                           $9::text[], $10::timestamptz[])
                      ON CONFLICT (kind, id) DO UPDATE SET due_time = excluded.due_time),
                    disarmed AS (
                      DELETE FROM {self._schema}.timers t
                       USING unnest($11::text[], $12::uuid[]) AS gone (kind, id)
                       WHERE t.kind = gone.kind AND t.id = gone.id)
                    {outbox}""",
                *_columns(rows, 4),
                *_columns(armed, 6),
                *_columns(gone, 2),
            )
        elif rows:
            written = await self._connection.fetch(outbox, *_columns(rows, 4))
        ids = {row["message_id"]: row["id"] for row in written}
        return [Row(ids[row[0]], *row) for row in rows]

    async def settled(self) -> None:
        """Run the hints. One that fails is logged: what it hints at has been committed."""
        for callback in self._after:
            try:
                result = callback()
                if inspect.isawaitable(result):
                    await result
            except Exception:
                log.exception("hint after commit failed")


class Database:
    """Connections as the service's own role, which owns nothing."""

    def __init__(self, pool: asyncpg.Pool, readers: Readers, schema: str) -> None:
        self.pool = pool
        self.schema = schema
        self.outbox = Fresh()
        self._readers = readers

    @classmethod
    async def connect(cls, url: str, *, service: str, size: int) -> Database:
        """Open the pool. Raises DatabaseUnavailable."""
        settings = {
            "application_name": f"malha-{service}",
            "statement_timeout": str(int(_STATEMENT_SECONDS * 1000)),
            "idle_in_transaction_session_timeout": "15000",
            # Plans made anew at each execution were a third of PostgreSQL's time.
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",  # Short queries: compiling them costs more than running them.
        }
        prepare = _Preparation()
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=min(4, size),
                max_size=size,
                init=prepare,
                reset=_reset_connection,
                command_timeout=_STATEMENT_SECONDS,
                # A fresh connection asks the catalogue about every type again, for 30 ms each.
                max_inactive_connection_lifetime=0,
                server_settings=settings,
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise DatabaseUnavailable from error

        async def connect_reader() -> Any:
            connection = await asyncpg.connect(
                url,
                timeout=_ACQUIRE_SECONDS,
                command_timeout=_STATEMENT_SECONDS,
                server_settings={**settings, "default_transaction_read_only": "on"},
            )
            await prepare(connection)
            return connection

        return cls(pool, Readers(connect_reader, max(2, size // 2)), service)

    @asynccontextmanager
    async def transaction(
        self, stamp: Stamp, *, readonly: bool = False
    ) -> AsyncIterator[Transaction]:
        """A transaction as the stamp's tenant.

        Raises DatabaseUnavailable, TransactionConflict, TextNotStorable, TransactionLost.
        """
        tenant = _uuid(stamp.tenant_id) if stamp.tenant_id else _NO_TENANT
        mode = " READ ONLY" if readonly else ""
        with self._translated(readonly):
            async with self.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                await connection.execute(f"BEGIN{mode}; SET LOCAL app.tenant_id = '{tenant}'")
                tx = Transaction(connection, self.schema, stamp)
                try:
                    yield tx
                    emitted = await tx.flush()
                except BaseException:
                    await _rollback(connection)
                    raise
                # PostgreSQL answers a COMMIT of a failed transaction with ROLLBACK, not an error.
                if await connection.execute("COMMIT") != "COMMIT":
                    raise TransactionLost
        if emitted:
            self.outbox.add(emitted)
        await tx.settled()

    async def read(self, tenant_id: str, query: str, *args: Any) -> list[Record]:
        """The rows of one statement that a tenant sees, in one round trip.

        Raises DatabaseUnavailable, TextNotStorable.
        """
        try:
            return await self._readers.fetch(query, _uuid(tenant_id), args)
        except Exception as error:
            self._translate(error, readonly=True)
            raise

    async def check(self) -> None:
        """Raise DatabaseUnavailable unless the database answers within a second."""
        try:
            async with self.pool.acquire(timeout=1) as connection:
                await connection.fetchval("SELECT 1", timeout=1)
        except (*_AWAY, asyncpg.InterfaceError) as error:
            raise DatabaseUnavailable from error

    @contextmanager
    def _translated(self, readonly: bool) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._translate(error, readonly)
            raise

    def _translate(self, error: Exception, readonly: bool) -> None:
        """Raise what an error of the driver means to a caller; return if it is to go on as it is.

        Not within the context manager, which costs a read more than it is worth.
        """
        if isinstance(error, AppError):
            return
        if isinstance(error, _CONFLICT):
            raise TransactionConflict from error
        if isinstance(error, asyncpg.CharacterNotInRepertoireError):
            raise TextNotStorable from error
        if self._is_away(error, readonly):
            log.warning("database unavailable", error=type(error).__name__)
            raise DatabaseUnavailable from error
        if isinstance(error, asyncpg.PostgresError):
            # It quotes the row, with whatever a customer wrote, and errors reach the log.
            error.detail = None

    def _is_away(self, error: Exception, readonly: bool) -> bool:
        """Whether the server is at fault, not our statement."""
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            return not readonly  # We still talk to a primary that has become a replica.
        if isinstance(error, asyncpg.InterfaceError):
            # asyncpg has one class for a closed connection and for wrong use of an open one.
            return self.pool.is_closing() or "closed" in str(error)
        return isinstance(error, _AWAY)

    async def close(self) -> None:
        await self._readers.close()
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()


class _Preparation:
    """Readies each new connection of a pool.

    asyncpg asks about every enum and every extension's type once a connection, at some 30 ms of the
    server's CPU each time; here one connection asks for all of them, and tells the others.
    """

    _TYPES = """
        SELECT t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
         WHERE (t.typtype = 'e' OR t.typname IN ('halfvec', 'vector', '_halfvec', '_vector')
                OR t.typelem IN (SELECT oid FROM pg_type WHERE typtype = 'e'))
           AND n.nspname NOT IN ('pg_catalog', 'information_schema')"""

    def __init__(self) -> None:
        self._types: Any = None

    async def __call__(self, connection: Any) -> None:
        await connection.set_type_codec(
            "uuid", encoder=str, decoder=str, schema="pg_catalog", format="text"
        )
        if self._types is None:
            oids = [row["oid"] for row in await connection.fetch(self._TYPES)]
            self._types = (await connection._introspect_types(oids, 10))[0] if oids else []
        if self._types:
            connection._protocol.get_settings().register_data_types(self._types)


async def _reset_connection(connection: Any) -> None:
    # Nothing outlives a transaction (SET LOCAL only), so the default reset, a round trip for each
    # release, buys nothing. A transaction left open would, and is closed here.
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


async def _rollback(connection: Any) -> None:
    # Shielded: a cancelled call must not give a connection back in the middle of a transaction.
    try:
        await asyncio.shield(connection.execute("ROLLBACK", timeout=2))
    except Exception:
        connection.terminate()
    except asyncio.CancelledError:
        connection.terminate()
        raise


@lru_cache(maxsize=4096)
def _uuid(text: str) -> str:
    return str(UUID(text))


def _columns(rows: list[Any], width: int) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(width)]
