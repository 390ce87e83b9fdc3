"""Connections with their secrets opened, found before a tenant is known, and kept for a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from cachetools import TTLCache
from malha.ingestion.v1.connection_pb2 import Connection
from pydantic import ValidationError

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import Channel, ChannelConfig
from services.kit.clock import Clock
from services.kit.crypto import SealBroken, Sealer
from services.kit.db import Database, Record
from services.kit.log import get_logger
from services.kit.outbox import Stamp
from services.kit.sql import load_sql

log = get_logger(__name__)
sql = load_sql(__package__, "connections.sql")

_KNOWN_SECONDS = 30
# Short: an account that was just connected must not stay unknown to a process that missed the news.
_UNKNOWN_SECONDS = 5
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection, ready to verify and to send with."""

    id: str
    tenant_id: str
    workspace_id: str
    channel: Channel[Any]
    external_id: str
    account_id: str
    assistant_id: str
    """Empty when people answer."""
    active: bool
    config: ChannelConfig


def seal_config(
    sealer: Sealer, tenant_id: str, connection_id: str, config: dict[str, Any]
) -> bytes:
    """A channel's configuration as it is stored: it opens for this tenant and this row only."""
    return sealer.seal(orjson.dumps(config), _context(tenant_id, connection_id))


def open_config(sealer: Sealer, row: Record) -> dict[str, Any]:
    """A channel's configuration as it was sealed in its row. Raises SealBroken."""
    plain: dict[str, Any] = orjson.loads(
        sealer.open(row["config"], _context(row["tenant_id"], row["id"]))
    )
    return plain


def _context(tenant_id: str, connection_id: str) -> str:
    return f"ingestion.connections/{tenant_id}/{connection_id}"


class Connections:
    """Finds connections by their own id or by the provider's, at most 30 s out of date.

    Whoever has no connection is remembered too, for less long, so that webhooks to nowhere cost
    the database little. Changes that are heard drop what they are about at once.
    """

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._open: TTLCache[str, OpenConnection] = TTLCache(_MOST, _KNOWN_SECONDS)
        self._unknown: TTLCache[str, bool] = TTLCache(_MOST, _UNKNOWN_SECONDS)
        self._accounts: TTLCache[tuple[str, str], str] = TTLCache(_MOST, _KNOWN_SECONDS)
        self._unknown_accounts: TTLCache[tuple[str, str], bool] = TTLCache(_MOST, _UNKNOWN_SECONDS)
        self._changes = 0

    async def by_id(self, connection_id: str) -> OpenConnection | None:
        """The connection, whoever owns it; None when there is none that can be opened."""
        key = _canonical(connection_id)
        if key is None or key in self._unknown:
            return None
        found = self._open.get(key)
        if found is None:
            before = self._changes
            found = await self._load(key)
            if before == self._changes:  # Else it changed while it was read: do not keep it.
                if found is None:
                    self._unknown[key] = True
                else:
                    self._open[key] = found
        return found

    async def by_external(self, channel: str, external_id: str) -> OpenConnection | None:
        """The connection that a provider's number or account belongs to, whoever owns it."""
        key = (channel, external_id)
        if not external_id or key in self._unknown_accounts:
            return None
        connection_id = self._accounts.get(key)
        if connection_id is None:
            before = self._changes
            async with self._database.transaction(_NOBODY, readonly=True) as tx:
                connection_id = await tx.value(sql.connection_of_account, channel, external_id)
            if before == self._changes:  # Else it may have changed hands meanwhile.
                if connection_id is None:
                    self._unknown_accounts[key] = True
                else:
                    self._accounts[key] = connection_id
        return None if connection_id is None else await self.by_id(connection_id)

    def forget(self, connection: Connection) -> None:
        """Read a connection again the next time it is asked for, and whose its account is."""
        key = (connection.channel, connection.external_id)
        self._changes += 1
        self._open.pop(connection.id, None)
        self._unknown.pop(connection.id, None)
        self._accounts.pop(key, None)
        self._unknown_accounts.pop(key, None)

    async def _load(self, connection_id: str) -> OpenConnection | None:
        async with self._database.transaction(_NOBODY, readonly=True) as tx:
            tenant_id = await tx.value(sql.tenant_of_connection, connection_id)
            if tenant_id is None:
                return None
            await tx.switch(tenant_id)
            row = await tx.maybe(sql.sealed_connection, connection_id)
        return None if row is None else self._opened(row)

    def _opened(self, row: Record) -> OpenConnection | None:
        channel = CHANNELS.get(row["channel"])
        if channel is None:
            log.error("connection of an unknown channel", connection=row["id"])
            return None
        try:
            plain = open_config(self._sealer, row)
            config = channel.Config.model_validate(plain).at(self._clock.now())
        except (SealBroken, ValidationError) as error:
            # Not the error's text: a validation error quotes what it was given.
            log.error("connection cannot be opened", connection=row["id"], why=type(error).__name__)
            return None
        return OpenConnection(
            id=row["id"],
            tenant_id=row["tenant_id"],
            workspace_id=row["workspace_id"],
            channel=channel,
            external_id=row["external_id"],
            account_id=row["account_id"],
            assistant_id=row["assistant_id"] or "",
            active=row["active"],
            config=config,
        )


_NOBODY = Stamp("", "", "", "")


def _canonical(connection_id: str) -> str | None:
    try:
        return str(UUID(connection_id))
    except ValueError:
        return None
