"""Meta's messages and statuses in the internal protocol. Total: nothing here raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from malha.message.v1 import message_pb2 as m

from services.ingestion.channels.base import ExternalId, Item, Progress, StatusUpdate
from services.ingestion.channels.whatsapp import reading
from services.ingestion.channels.whatsapp.envelope import contact_of, value_of
from services.ingestion.channels.whatsapp.parties import business, customer

_MOST_CARDS = 256
_LONGEST_EMOJI = 64
_LONGEST_NAME = 128

_STATES = {
    "sent": Progress.SENT,
    "delivered": Progress.DELIVERED,
    "read": Progress.READ,
    "played": Progress.READ,
    "failed": Progress.FAILED,
}


def message_of(item: Item) -> m.Message:
    """The message of a `message` or `echo` item."""
    value = value_of(item)
    contact = contact_of(value)
    echo = item.kind == "echo"
    element = reading.first(value.get("message_echoes" if echo else "messages"))
    own = business(item.routing_id)
    person = customer(element, contact, "to" if echo else "from") or m.Party(
        id="unknown", kind="unknown"
    )
    kind = reading.text(element.get("type"), _LONGEST_NAME) or "unknown"
    content = _content(kind, element, value)
    context = reading.mapping(element.get("context"))
    message = m.Message(
        channel="whatsapp",
        sender=own if echo else person,
        recipient=person if echo else own,
        type=_TYPES[content.WhichOneof("kind") or "unsupported"],
        content=content,
        metadata=_metadata(kind, element, contact, context),
        context=m.Context(reply_to_external_id=reading.identifier(context.get("id"))),
        external_id=item.external_id,
    )
    if item.time is not None:
        message.timestamp.FromDatetime(item.time)
    return message


def status_of(item: Item) -> StatusUpdate | None:
    """What a `status` item reports; None when it is nothing a delivery can be in."""
    status = reading.first(value_of(item).get("statuses"))
    progress = _STATES.get(reading.text(status.get("status")))
    if progress is None:
        return None
    reason = ""
    if progress is Progress.FAILED:
        reason = reading.text(reading.first(status.get("errors")).get("code"), 32) or "UNKNOWN"
    return StatusUpdate(
        external_id=ExternalId(reading.identifier(status.get("id"))),
        status=progress,
        time=item.time,
        reason=reason,
        opaque=reading.identifier(status.get("biz_opaque_callback_data")),
    )


def _content(kind: str, element: Mapping[str, Any], value: Mapping[str, Any]) -> m.Content:
    # Contact cards are an array, so their reader is given the whole element.
    read = _READERS.get(kind)
    body = element if kind == "contacts" else reading.mapping(element.get(kind))
    content = read(body) if read else None
    if content is not None:
        return content
    return m.Content(unsupported=_unsupported(kind, element, value))


def _unsupported(kind: str, element: Mapping[str, Any], value: Mapping[str, Any]) -> m.Unsupported:
    body = reading.mapping(element.get(kind))
    # Meta's name of what it could not pass on, e.g. poll; or of what a system message tells.
    detail = reading.text(body.get("type"), _LONGEST_NAME)
    original = kind
    if detail and kind == "unsupported":
        original = detail
    elif detail and kind in ("system", "interactive"):
        original = f"{kind}.{detail}"[:_LONGEST_NAME]
    error = reading.first(element.get("errors")) or reading.first(value.get("errors"))
    parts = (reading.text(error.get("code"), 32), reading.text(error.get("title"), 512))
    return m.Unsupported(original_type=original, reason=" ".join(filter(None, parts)))


def _text(body: Mapping[str, Any]) -> m.Content | None:
    if not isinstance(body.get("body"), str):
        return None
    return m.Content(text=m.Text(text=reading.text(body["body"])))


def _media(body: Mapping[str, Any]) -> m.Media | None:
    external_id = reading.identifier(body.get("id"))
    if not external_id:
        return None
    # An inline `url` is left out: it lasts five minutes and opens with our token only.
    return m.Media(
        external_id=external_id,
        mimetype=reading.text(body.get("mime_type"), 256),
        sha256=reading.text(body.get("sha256"), 128),
    )


def _audio(body: Mapping[str, Any]) -> m.Content | None:
    if (media := _media(body)) is None:
        return None
    return m.Content(audio=m.Audio(media=media, voice=body.get("voice") is True))


def _image(body: Mapping[str, Any]) -> m.Content | None:
    if (media := _media(body)) is None:
        return None
    return m.Content(image=m.Image(media=media, caption=reading.text(body.get("caption"))))


def _video(body: Mapping[str, Any]) -> m.Content | None:
    if (media := _media(body)) is None:
        return None
    return m.Content(video=m.Video(media=media, caption=reading.text(body.get("caption"))))


def _document(body: Mapping[str, Any]) -> m.Content | None:
    if (media := _media(body)) is None:
        return None
    return m.Content(
        document=m.Document(
            media=media,
            filename=reading.text(body.get("filename"), 512),
            caption=reading.text(body.get("caption")),
        )
    )


def _sticker(body: Mapping[str, Any]) -> m.Content | None:
    if (media := _media(body)) is None:
        return None
    return m.Content(sticker=m.Sticker(media=media, animated=body.get("animated") is True))


def _location(body: Mapping[str, Any]) -> m.Content | None:
    latitude = reading.degrees(body.get("latitude"), 90)
    longitude = reading.degrees(body.get("longitude"), 180)
    if latitude is None or longitude is None:
        return None
    return m.Content(
        location=m.Location(
            latitude=latitude,
            longitude=longitude,
            name=reading.text(body.get("name")),
            address=reading.text(body.get("address")),
        )
    )


def _reaction(body: Mapping[str, Any]) -> m.Content | None:
    target = reading.identifier(body.get("message_id"))
    if not target:
        return None
    emoji = reading.text(body.get("emoji"), _LONGEST_EMOJI)
    return m.Content(reaction=m.Reaction(external_message_id=target, emoji=emoji))


def _interactive(body: Mapping[str, Any]) -> m.Content | None:
    control = reading.text(body.get("type"))
    reply = reading.mapping(body.get(control))
    match control:
        case "button_reply" | "list_reply":
            fields = ("id", "title", "description")
        case "nfm_reply":
            fields = ("response_json", "name", "body")
        case _:
            return None
    payload, title, description = (reading.text(reply.get(field)) for field in fields)
    if not (payload or title):
        return None
    return m.Content(
        interactive_reply=m.InteractiveReply(
            control=control, payload=payload, title=title, description=description
        )
    )


def _button(body: Mapping[str, Any]) -> m.Content | None:
    payload, title = reading.text(body.get("payload")), reading.text(body.get("text"))
    if not (payload or title):
        return None
    return m.Content(
        interactive_reply=m.InteractiveReply(control="quick_reply", payload=payload, title=title)
    )


def _cards(element: Mapping[str, Any]) -> m.Content | None:
    cards = [
        m.Contacts.Card(
            name=reading.text(reading.mapping(card.get("name")).get("formatted_name")),
            phones=_each(card.get("phones"), "phone"),
            emails=_each(card.get("emails"), "email"),
        )
        for card in reading.objects(element.get("contacts"))[:_MOST_CARDS]
    ]
    return m.Content(contacts=m.Contacts(cards=cards)) if cards else None


def _each(value: object, name: str) -> list[str]:
    return list(filter(None, (reading.text(found.get(name)) for found in reading.objects(value))))


def _metadata(
    kind: str,
    element: Mapping[str, Any],
    contact: Mapping[str, Any],
    context: Mapping[str, Any],
) -> dict[str, str]:
    """What no other field holds: the ad a customer came from, forwards, what an edit is about."""
    product = reading.mapping(context.get("referred_product"))
    body = reading.mapping(element.get(kind))
    found = {
        "username": reading.text(reading.mapping(contact.get("profile")).get("username")),
        "forwarded": _flag(context.get("forwarded") or context.get("frequently_forwarded")),
        "frequently_forwarded": _flag(context.get("frequently_forwarded")),
        "product_catalog_id": reading.text(product.get("catalog_id")),
        "product_retailer_id": reading.text(product.get("product_retailer_id")),
    }
    referral = reading.mapping(element.get("referral"))
    found |= {f"referral_{name}": reading.text(referral.get(name)) for name in _REFERRAL}
    if kind in ("edit", "revoke"):
        found["original_message_id"] = reading.text(body.get("original_message_id"))
    if kind == "edit":
        edited = reading.mapping(reading.mapping(body.get("message")).get("text"))
        found["edited_text"] = reading.text(edited.get("body"))
    if kind == "system":
        found |= {f"system_{name}": reading.text(body.get(name)) for name in _SYSTEM}
    if kind == "order":
        found["order_catalog_id"] = reading.text(body.get("catalog_id"))
        found["order_text"] = reading.text(body.get("text"))
    return {name: value for name, value in found.items() if value}


def _flag(value: object) -> str:
    return "true" if value is True else ""


_REFERRAL = (
    "source_url",
    "source_id",
    "source_type",
    "headline",
    "body",
    "media_type",
    "image_url",
    "video_url",
    "thumbnail_url",
    "ctwa_clid",
)
_SYSTEM = ("body", "wa_id", "new_wa_id", "user_id", "previous_user_id", "parent_user_id")
_READERS: Mapping[str, Callable[[Mapping[str, Any]], m.Content | None]] = {
    "text": _text,
    "audio": _audio,
    "image": _image,
    "video": _video,
    "document": _document,
    "location": _location,
    "sticker": _sticker,
    "contacts": _cards,
    "reaction": _reaction,
    "interactive": _interactive,
    "button": _button,
}
_TYPES = {
    "text": m.MESSAGE_TYPE_TEXT,
    "audio": m.MESSAGE_TYPE_AUDIO,
    "image": m.MESSAGE_TYPE_IMAGE,
    "video": m.MESSAGE_TYPE_VIDEO,
    "document": m.MESSAGE_TYPE_DOCUMENT,
    "location": m.MESSAGE_TYPE_LOCATION,
    "sticker": m.MESSAGE_TYPE_STICKER,
    "contacts": m.MESSAGE_TYPE_CONTACTS,
    "reaction": m.MESSAGE_TYPE_REACTION,
    "interactive_reply": m.MESSAGE_TYPE_INTERACTIVE_REPLY,
    "template": m.MESSAGE_TYPE_TEMPLATE,
    "unsupported": m.MESSAGE_TYPE_UNSUPPORTED,
}
