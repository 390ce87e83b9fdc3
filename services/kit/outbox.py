"""What leaves a service: written in the transaction it belongs to, published by a relay.

Subjects come from the descriptors: nobody types one.
  evt.<service>.<tenant>.<event>           e.g. evt.crm.<tenant>.tenant_updated
  cmd.<service>.<tenant>.<key>.<command>   the service that handles it, and a key to tell apart by
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import orjson
from google.protobuf.message import Message
from malha.bus.v1 import options_pb2

from services.kit.validate import validate

_MOST_FRESH = 1_000

Kind = Literal["event", "command"]
# The stubs know two unrelated classes of descriptors, and extensions only as fields.
MessageDescriptor: TypeAlias = Any
_EVENT: Any = options_pb2.event
_COMMAND: Any = options_pb2.command


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose a transaction is, and what it belongs to: carried in headers, never in messages."""

    tenant_id: str
    workspace_id: str
    correlation_id: str
    cause: str
    """The id of the bus message or request that led here."""

    def with_correlation(self, correlation_id: str | None) -> Stamp:
        return replace(self, correlation_id=correlation_id) if correlation_id else self


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of the outbox."""

    subject: str
    headers: str
    payload: bytes


class Row(NamedTuple):
    """An outgoing message where it waits for the relay."""

    id: int
    message_id: str
    subject: str
    headers: str
    payload: bytes


class Fresh:
    """What this process has just committed to its outbox, so that its relay need not read it.

    A convenience: every row is in the table as well, where the relay finds what is lost here.
    """

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self._rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Hand rows to the relay; those that are too many are left to its next look."""
        if len(self._rows) + len(rows) <= _MOST_FRESH:
            self._rows += rows
        self.ready.set()

    def take(self) -> list[Row]:
        """All of them, in the order of their commits."""
        rows, self._rows = self._rows, []
        self.ready.clear()
        return rows


class NotOnTheBus(Exception):
    """The message has no (event) or (command) option; raised in the first test that sends it."""


def outgoing(message: Message, kind: Kind, stamp: Stamp, key: str = "-") -> Outgoing:
    """The outbox row of a message. Raises NotOnTheBus, InvalidRequest."""
    descriptor = message.DESCRIPTOR
    if kind_of(descriptor) != kind:
        raise NotOnTheBus(f"{descriptor.full_name} is not declared as {kind}")
    validate(message)
    headers = {
        "type": descriptor.full_name,
        "tenant": stamp.tenant_id,
        "workspace": stamp.workspace_id,
        "correlation-id": stamp.correlation_id,
        "causation-id": stamp.cause,
    }
    return Outgoing(
        subject(descriptor, stamp.tenant_id, key),
        orjson.dumps(headers).decode(),
        message.SerializeToString(),
    )


@lru_cache(maxsize=1024)
def kind_of(descriptor: MessageDescriptor) -> Kind | None:
    """Whether a message is an event, a command, or neither."""
    options = descriptor.GetOptions()
    if options.HasExtension(_EVENT):
        return "event"
    return "command" if options.HasExtension(_COMMAND) else None


def subject(descriptor: MessageDescriptor, tenant: str, key: str = "*") -> str:
    """The subject of a message; with '*' for tenant and key, the filter that matches them all."""
    service, name = address(descriptor)
    if kind_of(descriptor) == "event":
        return f"evt.{service}.{tenant}.{name}"
    return f"cmd.{service}.{tenant}.{key}.{name}"


@lru_cache(maxsize=1024)
def address(descriptor: MessageDescriptor) -> tuple[str, str]:
    """The service that owns a message, and the message's name in snake case."""
    return descriptor.file.package.split(".")[1], snake_case(descriptor.name)


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
