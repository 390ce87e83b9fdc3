"""Messages as Meta takes them, and what its answers mean.

A readable Graph error is Meta's own word that it did not take the message: it was not sent, and the
code says whether another attempt may help. Without one, only what provably never left (no
connection) or was refused at the door (4xx) counts as not sent; anything else is unknown.
"""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
from malha.message.v1 import message_pb2 as m
from pydantic import SecretStr

from services.ingestion.channels.base import (
    ExternalId,
    NotSent,
    OutcomeUnknown,
    Refused,
    SendError,
)
from services.ingestion.channels.whatsapp import reading

_CONNECT_SECONDS = 5.0
_LONGEST_NAME = 200

_PAIR_LIMIT = 131056
_RETRYABLE = frozenset(
    {
        1,  # Unknown API error.
        2,  # Temporary downtime of the service.
        4,  # The app's call limit.
        80007,  # The account's rate limit.
        130429,  # The number's throughput.
        131000,  # "Message failed to send due to an unknown error."
        131016,  # Service unavailable.
        131048,  # Spam rate limit.
        131053,  # Media upload error.
        _PAIR_LIMIT,
        131057,  # Maintenance, or a throughput upgrade.
        133016,  # Registration attempts.
    }
)


async def send(
    message: m.Message,
    url: str,
    access_token: SecretStr,
    session: aiohttp.ClientSession,
    *,
    opaque: str,
    deadline: float,
) -> ExternalId:
    """Post a message once. Raises NotSent, Refused, OutcomeUnknown."""
    body = orjson.dumps(payload_of(message, opaque))
    try:
        async with session.post(
            url,
            data=body,
            headers=_headers(access_token) | {"Content-Type": "application/json"},
            timeout=_timeout(deadline),
            allow_redirects=False,
        ) as answer:
            status, retry_after = answer.status, answer.headers.get("Retry-After", "")
            raw = await answer.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise NotSent("UNREACHABLE") from None
    except (aiohttp.ClientError, TimeoutError, OSError):
        raise OutcomeUnknown("NO_ANSWER") from None
    found = _parsed(raw)
    if status == 200:
        external_id = reading.identifier(reading.first(found.get("messages")).get("id"))
        if not external_id:
            raise OutcomeUnknown("ANSWER_UNREADABLE")
        return ExternalId(external_id)
    raise refusal(status, found, retry_after)


def refusal(status: int, answer: dict[str, Any], retry_after: str = "") -> SendError:
    """What an answer other than 200 means."""
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    error = reading.mapping(answer.get("error"))
    code = error.get("code")
    if not isinstance(code, int):
        if status == 429:
            return NotSent("HTTP_429", retry_after=wait)
        return Refused(f"HTTP_{status}") if status < 500 else OutcomeUnknown(f"HTTP_{status}")
    if code == _PAIR_LIMIT:
        return NotSent(str(code), retry_after=wait, growth=4.0)
    if code in _RETRYABLE or status == 429 or error.get("is_transient") is True:
        return NotSent(str(code), retry_after=wait)
    return Refused(str(code))


async def read_account_name(
    url: str, access_token: SecretStr, session: aiohttp.ClientSession, *, deadline: float
) -> str:
    """The number's verified name; '' when it cannot be had."""
    try:
        async with session.get(
            url,
            params={"fields": "verified_name"},
            headers=_headers(access_token),
            timeout=_timeout(deadline),
            allow_redirects=False,
        ) as answer:
            found = _parsed(await answer.read()) if answer.status == 200 else {}
    except (aiohttp.ClientError, TimeoutError, OSError):
        return ""
    return reading.text(found.get("verified_name"), _LONGEST_NAME)


def payload_of(message: m.Message, opaque: str) -> dict[str, Any]:
    """The request's JSON. Raises Refused for what WhatsApp cannot carry."""
    payload: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(message.recipient),
        **_content(message.content),
        "biz_opaque_callback_data": opaque,
    }
    if reply_to := message.context.reply_to_external_id:
        payload["context"] = {"message_id": reply_to}
    return payload


def _recipient(recipient: m.Party) -> dict[str, str]:
    ids = {**recipient.aliases, recipient.kind: recipient.id}
    if phone := ids.get("wa_id"):
        return {"to": phone}
    if scoped := ids.get("bsuid") or ids.get("parent_bsuid"):
        return {"recipient": scoped}
    raise Refused("RECIPIENT_UNREACHABLE")


def _content(content: m.Content) -> dict[str, Any]:
    kind = content.WhichOneof("kind")
    match kind:
        case "text" if content.text.text.strip():
            return {"type": "text", "text": {"body": content.text.text, "preview_url": False}}
        case "image" | "video":
            captioned = content.image if kind == "image" else content.video
            return {"type": kind, kind: _file(captioned.media, caption=captioned.caption)}
        case "audio":
            return {"type": "audio", "audio": _file(content.audio.media)}
        case "sticker":
            return {"type": "sticker", "sticker": _file(content.sticker.media)}
        case "document":
            document = content.document
            body = _file(document.media, caption=document.caption, filename=document.filename)
            return {"type": "document", "document": body}
        case "location":
            place = content.location
            body = {"latitude": place.latitude, "longitude": place.longitude}
            return {"type": "location", "location": body | _given(place, "name", "address")}
        case "contacts":
            return {"type": "contacts", "contacts": [_card(c) for c in content.contacts.cards]}
        case "reaction":
            reaction = content.reaction
            body = {"message_id": reaction.external_message_id, "emoji": reaction.emoji}
            return {"type": "reaction", "reaction": body}
        case "template":
            return {"type": "template", "template": _template(content.template)}
        case _:
            # An empty text, or a kind that only customers send.
            raise Refused("CONTENT_NOT_SENDABLE")


def _file(media: m.Media, **extra: str) -> dict[str, Any]:
    source = {"id": media.external_id} if media.external_id else {"link": media.url}
    if not (media.external_id or media.url):
        raise Refused("MEDIA_MISSING")
    return source | {name: value for name, value in extra.items() if value}


def _card(card: m.Contacts.Card) -> dict[str, Any]:
    return {
        "name": {"formatted_name": card.name, "first_name": card.name},
        "phones": [{"phone": phone} for phone in card.phones],
        "emails": [{"email": email} for email in card.emails],
    }


def _template(template: m.Template) -> dict[str, Any]:
    body: dict[str, Any] = {"name": template.name, "language": {"code": template.language}}
    if template.parameters:
        parameters = [{"type": "text", "text": text} for text in template.parameters]
        body["components"] = [{"type": "body", "parameters": parameters}]
    return body


def _given(message: Any, *names: str) -> dict[str, str]:
    return {name: value for name in names if (value := getattr(message, name))}


def _headers(access_token: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token.get_secret_value()}"}


def _timeout(deadline: float) -> aiohttp.ClientTimeout:
    # Connecting must give up first: only then is a timeout known to have sent nothing.
    connect = min(_CONNECT_SECONDS, deadline / 2)
    return aiohttp.ClientTimeout(total=deadline, connect=connect, sock_connect=connect)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
