"""Who is at the ends of a message. A customer may come without a phone number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from malha.message.v1.message_pb2 import Party

from services.ingestion.channels.whatsapp import reading

Side = Literal["from", "to"]

_LONGEST_NAME = 512
# Business-scoped user id: CC.<alphanumerics>, or CC.ENT.<alphanumerics> of a parent business.
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")


def customer(element: Mapping[str, Any], contact: Mapping[str, Any], side: Side) -> Party | None:
    """The customer at one side of a message; None when nothing identifies one."""
    aliases = _identifiers(element, contact, side)
    if not aliases:
        return None
    kind = next(iter(aliases))
    profile = reading.mapping(contact.get("profile"))
    return Party(
        id=aliases.pop(kind),
        kind=kind,
        display_name=reading.text(profile.get("name"), _LONGEST_NAME),
        aliases=aliases,
    )


def business(phone_number_id: str) -> Party:
    """The business's own number."""
    return Party(id=phone_number_id or "unknown", kind="phone_number_id")


def _identifiers(
    element: Mapping[str, Any], contact: Mapping[str, Any], side: Side
) -> dict[str, str]:
    direct = _id(element.get(side))
    scoped = _BSUID.fullmatch(direct) is not None
    found = {
        "wa_id": ("" if scoped else direct) or _id(contact.get("wa_id")),
        "bsuid": _id(element.get(f"{side}_user_id"))
        or (direct if scoped else "")
        or _id(contact.get("user_id")),
        "parent_bsuid": _id(element.get(f"{side}_parent_user_id"))
        or _id(contact.get("parent_user_id")),
    }
    return {kind: value for kind, value in found.items() if value}


def _id(value: object) -> str:
    return reading.identifier(value, reading.LONGEST_PARTY).removeprefix("+")
