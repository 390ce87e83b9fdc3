"""What a webhook holds: rows of the ledger to be, or why it is refused as a whole. No I/O."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import orjson
from malha.ingestion.v1.webhook_service_pb2 import InboundWebhook

from services.ingestion.channels.base import SignatureMismatch, UnreadableWebhook, Webhook
from services.ingestion.connections.directory import OpenConnection
from services.ingestion.webhooks.model import Reason
from services.kit.ids import new_id

KEPT_BYTES = 4096
"""How much is kept of a body that was not proven to be the provider's."""
_LONGEST_SIGNATURE = 256
_NANOSECOND = 1e-9


class Event(NamedTuple):
    """A row of the ledger to be, in the order of `insert_events`."""

    id: str
    request_id: str
    item: int
    workspace_id: str
    connection_id: str
    source: str
    reason: str
    kind: str
    external_id: str
    payload: bytes
    body: bytes | None
    signature: str
    receive_time: float


class Refused(NamedTuple):
    """A webhook refused as a whole, in the order of `insert_refused`."""

    id: str
    request_id: str
    workspace_id: str
    connection_id: str
    source: str
    reason: str
    payload: bytes
    body_length: int
    body_sha256: bytes
    signature: str
    receive_time: float


class Unrouted(NamedTuple):
    """A webhook to nowhere, in the order of `insert_unrouted`."""

    id: str
    source: str
    connection_id: str
    payload: bytes
    body_length: int
    body_sha256: bytes
    receive_time: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a webhook is refused as a whole, and what its sender is told."""

    reason: Reason
    http_status: int


def read(webhook: InboundWebhook, connection: OpenConnection) -> list[Event] | Refusal:
    """The items of a webhook. Nothing is parsed before its signature was found right."""
    body = webhook.body
    if not body:
        return Refusal(Reason.BODY_EMPTY, 400)
    headers = webhook.headers
    try:
        connection.channel.verify(Webhook(body, headers), connection.config)
    except SignatureMismatch:
        return Refusal(Reason.SIGNATURE_MISMATCH, 401)
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Refusal(Reason.BODY_UNREADABLE, 400)
    try:
        items = list(connection.channel.split(payload))
    except UnreadableWebhook:
        # Its provider signed it and would only send it again: it is kept, not refused.
        return Refusal(Reason.ENVELOPE_UNKNOWN, 200)
    alone = len(items) == 1
    request_id = webhook.request_id
    signature = signature_of(webhook)
    received = _seconds(webhook)
    return [
        Event(
            new_id(),
            request_id,
            number,
            connection.workspace_id,
            connection.id,
            connection.channel.slug,
            "",
            item.kind,
            item.external_id,
            body if alone else orjson.dumps(item.payload),
            body if number == 0 and not alone else None,
            signature,
            received,
        )
        for number, item in enumerate(items)
    ]


def refused(webhook: InboundWebhook, connection: OpenConnection, reason: Reason) -> Refused:
    """What is kept of a webhook that was refused as a whole."""
    return Refused(
        new_id(),
        webhook.request_id,
        connection.workspace_id,
        connection.id,
        connection.channel.slug,
        reason,
        webhook.body[:KEPT_BYTES],
        len(webhook.body),
        hashlib.sha256(webhook.body).digest(),
        signature_of(webhook),
        _seconds(webhook),
    )


def unrouted(webhook: InboundWebhook) -> Unrouted:
    """What is kept of a webhook to nowhere."""
    return Unrouted(
        new_id(),
        # NUL is text to HTTP, but not to PostgreSQL.
        webhook.channel.replace("\0", ""),
        webhook.connection_id.replace("\0", ""),
        webhook.body[:KEPT_BYTES],
        len(webhook.body),
        hashlib.sha256(webhook.body).digest(),
        _seconds(webhook),
    )


def signature_of(webhook: InboundWebhook) -> str:
    """The signature as received; '' when none was. Tokens that are secrets are no signatures."""
    for name, value in webhook.headers.items():
        if "signature" in name:
            return value[:_LONGEST_SIGNATURE].replace("\0", "")
    return ""


def _seconds(webhook: InboundWebhook) -> float:
    time = webhook.receive_time
    return time.seconds + time.nanos * _NANOSECOND
