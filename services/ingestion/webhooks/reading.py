"""What a webhook becomes in the ledger, decided before it is acknowledged. No I/O."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from malha.ingestion.v1.webhook_service_pb2 import InboundWebhook

from services.ingestion.channels.base import SignatureMismatch, Webhook
from services.ingestion.connections.directory import OpenConnection
from services.ingestion.webhooks.model import Reason
from services.kit.ids import new_id

KEPT_BYTES = 4096
"""How much is kept of a body that was not proven to be the provider's."""
_LONGEST_SIGNATURE = 256
_NANOSECOND = 1e-9
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB]..\\u[dD][c-fC-F].."
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)


class Received(NamedTuple):
    """A webhook to be judged, in the order of `insert_received`."""

    id: str
    request_id: str
    workspace_id: str
    connection_id: str
    source: str
    payload: bytes
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


def read(webhook: InboundWebhook, connection: OpenConnection) -> Received | Refusal:
    """The webhook, when it is its provider's and JSON. What it holds is looked at later."""
    body = webhook.body
    if not body:
        return Refusal(Reason.BODY_EMPTY, 400)
    headers = dict(webhook.headers)
    try:
        connection.channel.verify(Webhook(body, headers), connection.config)
    except SignatureMismatch:
        return Refusal(Reason.SIGNATURE_MISMATCH, 401)
    try:
        parsed(body)
    except orjson.JSONDecodeError:
        return Refusal(Reason.BODY_UNREADABLE, 400)
    return Received(
        new_id(),
        webhook.request_id,
        connection.workspace_id,
        connection.id,
        connection.channel.slug,
        body,
        signature_of(headers),
        _seconds(webhook),
    )


def parsed(body: bytes) -> Any:
    """The JSON of a body. Raises orjson.JSONDecodeError.

    Half a character, as names that were cut short end with, is replaced: the whole webhook would be
    refused for it, and with it the messages of everybody else in it.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode(errors="replace").encode()
        return orjson.loads(_ESCAPE.sub(lambda m: rb"\ufffd" if m["half"] else m[0], text))


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
        signature_of(webhook.headers),
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


def signature_of(headers: Mapping[str, str]) -> str:
    """The signature as received; '' when none was. Tokens that are secrets are no signatures."""
    for name, value in headers.items():
        if "signature" in name:
            return value[:_LONGEST_SIGNATURE].replace("\0", "")
    return ""


def _seconds(webhook: InboundWebhook) -> float:
    time = webhook.receive_time
    return time.seconds + time.nanos * _NANOSECOND
