"""What a channel is: facts it declares, and verify, split, receive, send.

An adapter is stateless and never touches the database or the bus. What surrounds it (the ledger,
routing, splitting of long texts, retries, media) works from the facts it declares.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Literal, NewType, Self, TypeVar

import aiohttp
from malha.message.v1.message_pb2 import Message
from pydantic import BaseModel, ConfigDict

from services.kit.errors import InvalidArgument, PermissionDenied, Unauthenticated

ExternalId = NewType("ExternalId", str)
"""A provider's own id of a message."""

ItemKind = Literal["message", "status", "echo", "other", ""]
"""`echo` is a message that a person of the business wrote elsewhere; '' could not be read."""


class SignatureMismatch(Unauthenticated):
    """The signature is missing or does not match the body."""


class UnreadableWebhook(InvalidArgument):
    """The body is not a webhook of this channel."""


class VerifyTokenMismatch(PermissionDenied):
    """The handshake does not carry this connection's verify token."""


class SendError(Exception):
    """A message was not sent, as far as is known. `reason` is the provider's code, or ours."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NotSent(SendError):
    """It was certainly not sent, and trying again later may help."""

    def __init__(
        self, reason: str, *, retry_after: float | None = None, growth: float = 2.0
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        """Seconds the provider asked for; None when it did not say."""
        self.growth = growth
        """How much longer each further wait is."""


class Refused(SendError):
    """It was certainly not sent, and never will be as it is."""


class OutcomeUnknown(SendError):
    """The answer was lost: it may or may not have been sent."""


class Media(StrEnum):
    """Kinds of files a channel can send."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One HTTP request of a provider, untouched."""

    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""


@dataclass(frozen=True, slots=True)
class Item:
    """One logical event of a webhook."""

    kind: ItemKind
    external_id: str
    """What a second delivery of the same event has in common with the first."""
    routing_id: str
    """The number or account it is for; '' when the item only names the account around it."""
    account_id: str
    """The provider's account around the number."""
    payload: dict[str, Any]
    """The provider's envelope reduced to this item: splitting it again gives this item alone."""
    time: datetime | None
    """By the provider's clock; None when it gave none that can be read."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message in the internal protocol, but for what only Malha knows.

    The caller sets `id`, `tenant_id`, `workspace_id`, `channel_id`, `context.assistant_id`, and
    `timestamp` where the item has no time.
    """

    message: Message
    echo: bool
    """True when a person of the business wrote it: it silences the assistant."""


class Progress(StrEnum):
    """What a provider can report about a message."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What a provider reports about one send."""

    external_id: ExternalId
    status: Progress
    time: datetime | None
    reason: str
    """The provider's error code when it failed, otherwise ''."""
    opaque: str
    """What we gave along with the send; '' when the provider did not return it."""


class ChannelConfig(BaseModel):
    """What a business enters to connect a channel. Secrets are SecretStr."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    renewable: ClassVar[frozenset[str]] = frozenset()
    """Secrets that may be replaced. The other fields say which account this is, and stay."""
    kept: ClassVar[frozenset[str]] = frozenset()
    """Fields that nobody enters: what is remembered of secrets that were replaced."""

    @classmethod
    def renewed(
        cls, stored: Mapping[str, Any], secrets: Mapping[str, Any], now: datetime
    ) -> dict[str, Any]:
        """A configuration as it is stored, with new secrets in it."""
        return {**stored, **secrets}

    def at(self, now: datetime) -> Self:
        """What of it counts at this time."""
        return self

    @property
    def external_id(self) -> str:
        """The provider's id that items are routed by."""
        raise NotImplementedError

    @property
    def account_id(self) -> str:
        """The provider's account around it; '' when there is none."""
        return ""


C = TypeVar("C", bound=ChannelConfig)


@dataclass(frozen=True, slots=True)
class HTTP:
    """The way out to providers."""

    session: aiohttp.ClientSession
    graph_url: str
    """Meta's Graph API with its version, e.g. https://graph.facebook.com/v26.0."""


class Channel(ABC, Generic[C]):
    """One provider's channel, used both ways."""

    slug: ClassVar[str]
    """Its name in paths, in the database and on the wire."""
    Config: type[C]
    max_text: ClassVar[int]
    """Characters one text message may hold."""
    max_caption: ClassVar[int]
    """Characters a file's caption may hold; what is longer follows as text."""
    media: ClassVar[Mapping[Media, int]]
    """Files it can send, and how many bytes each may have."""

    @abstractmethod
    def verify(self, webhook: Webhook, config: C) -> None:
        """Check the signature over the raw body. Raises SignatureMismatch."""

    @abstractmethod
    def handshake(self, query: Mapping[str, str], config: C) -> str:
        """What the provider must be answered to subscribe. Raises VerifyTokenMismatch."""

    @abstractmethod
    def split(self, payload: object) -> Iterator[Item]:
        """Every item of a parsed body, in order; at least one.

        Raises UnreadableWebhook, before the first item, when it is not this channel's envelope.
        What cannot be read inside the envelope is an item of kind ''.
        """

    @abstractmethod
    def receive(self, item: Item) -> Inbound:
        """A `message` or `echo` item in the internal protocol. Total: what cannot be read is
        Content.unsupported."""

    @abstractmethod
    def status(self, item: Item) -> StatusUpdate | None:
        """What a `status` item reports; None when it is nothing a delivery can be in."""

    @abstractmethod
    async def send(
        self, message: Message, config: C, http: HTTP, *, opaque: str, deadline: float
    ) -> ExternalId:
        """Send once, within `deadline` seconds. `opaque` comes back with every status.

        Raises NotSent, Refused, OutcomeUnknown.
        """

    @abstractmethod
    async def account_name(self, config: C, http: HTTP, *, deadline: float) -> str:
        """The name the provider shows for the account; '' when it cannot be had."""
