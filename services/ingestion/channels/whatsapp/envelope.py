"""Meta's envelope: entries, changes, and the items in them, each with its own number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from services.ingestion.channels.base import Item, ItemKind, UnreadableWebhook
from services.ingestion.channels.whatsapp import reading
from services.ingestion.channels.whatsapp.parties import customer

_OBJECT = "whatsapp_business_account"

# Where an item names the person it is about.
_PERSON: Mapping[ItemKind, tuple[str, str]] = {
    "message": ("from", "from_user_id"),
    "echo": ("to", "to_user_id"),
    "status": ("recipient_id", "recipient_user_id"),
}
# Which arrays of a change hold items of their own, by the change's field. Other fields (templates,
# account, groups, calls, another app's standby) are one item each: there is nobody to answer.
_ARRAYS: Mapping[str, Mapping[str, ItemKind]] = {
    "messages": {"messages": "message", "statuses": "status"},
    "smb_message_echoes": {"message_echoes": "echo"},
}


def split(payload: object) -> Iterator[Item]:
    """Every item of a webhook. Raises UnreadableWebhook."""
    envelope = reading.mapping(payload)
    if not _can_be_written(envelope):
        # The items are worth more than what is nested in one of them.
        envelope = reading.shallow(envelope)
        if not _can_be_written(envelope):
            raise UnreadableWebhook
    entries = envelope.get("entry")
    if envelope.get("object") != _OBJECT or not isinstance(entries, list) or not entries:
        raise UnreadableWebhook
    for entry in entries:
        yield from _items_of_entry(entry)


def value_of(item: Item) -> Mapping[str, Any]:
    """The one change's value in an item's reduced envelope."""
    change = reading.first(reading.first(item.payload.get("entry")).get("changes"))
    return reading.mapping(change.get("value"))


def contact_of(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one contact that an item's reduced envelope was left with."""
    return reading.first(value.get("contacts"))


def _can_be_written(envelope: Mapping[str, Any]) -> bool:
    # What was read may be too deep to be written again: it would fail wherever it is stored.
    try:
        orjson.dumps(envelope)
    except orjson.JSONEncodeError:
        return False
    return True


def _items_of_entry(entry: object) -> Iterator[Item]:
    changes = reading.mapping(entry).get("changes")
    if not isinstance(changes, list) or not changes:
        yield _item("", {"object": _OBJECT, "entry": [entry]}, reading.mapping(entry), {})
        return
    assert isinstance(entry, dict)
    for change in changes:
        yield from _items_of_change(entry, change)


def _items_of_change(entry: dict[str, Any], change: object) -> Iterator[Item]:
    fields = reading.mapping(change)
    value = fields.get("value")
    if not isinstance(value, dict):
        yield _item("", _reduced(entry, change), entry, {})
        return
    arrays = _ARRAYS.get(reading.text(fields.get("field")), {})
    rest = {k: v for k, v in value.items() if k not in arrays and k != "contacts"}
    elements = [
        (name, kind, element)
        for name, kind in arrays.items()
        for element in _elements(value.get(name, []))
    ]
    people = [_person(kind, element) for _, kind, element in elements]
    contacts = _Contacts(value, alone=len(set(people)) == 1)
    for (name, kind, element), person in zip(elements, people, strict=True):
        alone = {**rest, name: [element]}
        if contact := contacts.of(person):
            alone["contacts"] = [contact]
        payload = _reduced(entry, {**fields, "value": alone})
        yield _element(kind, element, payload, entry, alone)
    if not elements:
        yield _item("other", _reduced(entry, change), entry, value)


def _element(
    kind: ItemKind,
    element: object,
    payload: dict[str, Any],
    entry: Mapping[str, Any],
    value: Mapping[str, Any],
) -> Item:
    """The item of one message or status; of kind '' when it lacks what makes it one."""
    fields = reading.mapping(element)
    provider_id = reading.identifier(fields.get("id"))
    if not provider_id:
        return _item("", payload, entry, value)
    if kind == "status":
        state = reading.text(fields.get("status"), 32)
        when = reading.text(fields.get("timestamp"), 32)
        member = reading.text(
            fields.get("recipient_participant_id") or fields.get("recipient_participant_user_id"),
            reading.LONGEST_PARTY,
        )
        key = ":".join(filter(None, (provider_id, state, when, member)))
        if len(key) > reading.LONGEST_ID:
            key = _digest(key)  # Too long for the index that tells duplicates.
        return _item("status" if state else "", payload, entry, value, key, fields)
    if fields.get("group_id"):
        return _item("other", payload, entry, value, provider_id, fields)
    if customer(fields, contact_of(value), "to" if kind == "echo" else "from") is None:
        return _item("", payload, entry, value, provider_id, fields)
    return _item(kind, payload, entry, value, provider_id, fields)


def _elements(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _person(kind: ItemKind, element: object) -> tuple[str, ...]:
    fields = reading.mapping(element)
    return tuple(reading.text(fields.get(name)) for name in _PERSON[kind])


class _Contacts:
    """The people of a change, by their ids: a change may hold a thousand."""

    def __init__(self, value: Mapping[str, Any], *, alone: bool) -> None:
        contacts = reading.objects(value.get("contacts"))
        # Brazilian and Mexican numbers are rewritten, so `from` and `wa_id` may differ: one contact
        # is the one person that a change is about. Of two people it is nobody's but by its ids.
        self._only = contacts[0] if alone and len(contacts) == 1 else None
        self._by_id = {
            reading.text(contact.get(name)): contact
            for contact in contacts
            for name in ("wa_id", "user_id")
        }
        self._by_id.pop("", None)

    def of(self, person: tuple[str, ...]) -> dict[str, Any] | None:
        return next(filter(None, map(self._by_id.get, person)), self._only)


def _item(
    kind: ItemKind,
    payload: dict[str, Any],
    entry: Mapping[str, Any],
    value: Mapping[str, Any],
    external_id: str = "",
    element: Mapping[str, Any] | None = None,
) -> Item:
    metadata = reading.mapping(value.get("metadata"))
    return Item(
        kind=kind,
        external_id=external_id or _digest(payload),
        routing_id=reading.identifier(metadata.get("phone_number_id"), reading.LONGEST_PARTY),
        account_id=reading.identifier(entry.get("id")),
        payload=payload,
        time=reading.time((element or {}).get("timestamp")) or reading.time(entry.get("time")),
    )


def _reduced(entry: dict[str, Any], change: object) -> dict[str, Any]:
    return {"object": _OBJECT, "entry": [{**entry, "changes": [change]}]}


def _digest(told: dict[str, Any] | str) -> str:
    # The same event delivered again has the same bytes, whatever else came along with it.
    return "sha256:" + hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()
