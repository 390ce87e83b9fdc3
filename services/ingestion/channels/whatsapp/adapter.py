"""The facts of WhatsApp, its signatures and its handshake."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

from malha.message.v1.message_pb2 import Message
from pydantic import Field, SecretStr, field_validator

from services.ingestion.channels.base import (
    HTTP,
    Channel,
    ChannelConfig,
    ExternalId,
    Inbound,
    Item,
    Media,
    SignatureMismatch,
    StatusUpdate,
    VerifyTokenMismatch,
    Webhook,
)
from services.ingestion.channels.whatsapp.envelope import split
from services.ingestion.channels.whatsapp.inbound import message_of, status_of
from services.ingestion.channels.whatsapp.outbound import read_account_name, send

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_LONGEST_CHALLENGE = 256
_LONGEST_TOKEN = 1024
# So long Meta repeats what was not answered, with the signature it had.
_STILL_BELIEVED = timedelta(days=7)

NumericId = Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]


class WhatsAppConfig(ChannelConfig):
    """A business's own Meta app, and one phone number of its WhatsApp Business account."""

    phone_number_id: NumericId
    """Meta's id of the phone number; not the number itself."""
    waba_id: NumericId
    """Meta's id of the WhatsApp Business account."""
    app_secret: SecretStr
    """The app's secret: it signs every webhook."""
    previous_app_secret: SecretStr | None = None
    """The secret before it, still accepted."""
    previous_app_secret_end_time: datetime | None = None
    """Until when; for as long as it is set when this is not."""
    verify_token: SecretStr
    """What Meta must show when it subscribes."""
    access_token: SecretStr
    """A system user's token that may send as this number."""

    renewable: ClassVar[frozenset[str]] = frozenset({"app_secret", "verify_token", "access_token"})
    kept: ClassVar[frozenset[str]] = frozenset(
        {"previous_app_secret", "previous_app_secret_end_time"}
    )

    @field_validator("app_secret", "previous_app_secret", "verify_token", "access_token")
    @classmethod
    def _printable(cls, secret: SecretStr | None) -> SecretStr | None:
        # A pasted line break would end up in a header, or make every signature wrong.
        if secret is not None:
            value = secret.get_secret_value()
            if not value or not (value.isascii() and value.isprintable()) or " " in value:
                raise ValueError("must not be empty and must have no spaces or line breaks")
            if len(value) > _LONGEST_TOKEN:
                raise ValueError(f"must have at most {_LONGEST_TOKEN} characters")
        return secret

    @classmethod
    def renewed(
        cls, stored: Mapping[str, Any], secrets: Mapping[str, Any], now: datetime
    ) -> dict[str, Any]:
        made = {**stored, **secrets}
        # Said again, it is not the one before: a repeated update would forget that one.
        if made["app_secret"] != stored["app_secret"]:
            made["previous_app_secret"] = stored["app_secret"]
            made["previous_app_secret_end_time"] = (now + _STILL_BELIEVED).isoformat()
        return made

    def at(self, now: datetime) -> Self:
        end = self.previous_app_secret_end_time
        if end is None or now < end:
            return self
        return self.model_copy(update={"previous_app_secret": None})

    @property
    def external_id(self) -> str:
        return self.phone_number_id

    @property
    def account_id(self) -> str:
        return self.waba_id


def mb(megabytes: int) -> int:
    return megabytes * 1024 * 1024


class WhatsApp(Channel[WhatsAppConfig]):
    """WhatsApp, by Meta's Cloud API."""

    slug = "whatsapp"
    Config = WhatsAppConfig
    max_text = 4096
    max_caption = 1024
    media: ClassVar[Mapping[Media, int]] = {
        Media.IMAGE: mb(5),
        Media.VIDEO: mb(16),
        Media.AUDIO: mb(16),
        Media.DOCUMENT: mb(100),
        Media.STICKER: 500 * 1024,
    }

    def verify(self, webhook: Webhook, config: WhatsAppConfig) -> None:
        shown = _SIGNATURE.fullmatch(webhook.headers.get("x-hub-signature-256", ""))
        if shown is None:
            raise SignatureMismatch
        signature = bytes.fromhex(shown[1])
        for secret in (config.app_secret, config.previous_app_secret):
            if secret is not None:
                key = secret.get_secret_value().encode()
                if hmac.compare_digest(signature, hmac.digest(key, webhook.body, "sha256")):
                    return
        raise SignatureMismatch

    def handshake(self, query: Mapping[str, str], config: WhatsAppConfig) -> str:
        shown = query.get("hub.verify_token", "")[:_LONGEST_TOKEN].encode(errors="replace")
        challenge = query.get("hub.challenge", "")
        known = hmac.compare_digest(shown, config.verify_token.get_secret_value().encode())
        subscribes = query.get("hub.mode") == "subscribe"
        if not (known and subscribes and 0 < len(challenge) <= _LONGEST_CHALLENGE):
            raise VerifyTokenMismatch
        return challenge

    def split(self, payload: object) -> Iterator[Item]:
        return split(payload)

    def receive(self, item: Item) -> Inbound:
        return Inbound(message_of(item), echo=item.kind == "echo")

    def status(self, item: Item) -> StatusUpdate | None:
        return status_of(item)

    async def send(
        self, message: Message, config: WhatsAppConfig, http: HTTP, *, opaque: str, deadline: float
    ) -> ExternalId:
        return await send(
            message,
            f"{http.graph_url}/{config.phone_number_id}/messages",
            config.access_token,
            http.session,
            opaque=opaque,
            deadline=deadline,
        )

    async def account_name(self, config: WhatsAppConfig, http: HTTP, *, deadline: float) -> str:
        return await read_account_name(
            f"{http.graph_url}/{config.phone_number_id}",
            config.access_token,
            http.session,
            deadline=deadline,
        )
