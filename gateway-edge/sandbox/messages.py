"""What Meta accepts as a message to a customer, and how it says no."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sandbox.errors import GraphError

MAX_TEXT = 4096
_MAX_CAPTION = 1024
_MAX_OPAQUE = 512
_PHONE = re.compile(r"[0-9]{5,15}")
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_PHONE_PUNCTUATION = str.maketrans("", "", "+-() .")


class Outgoing(NamedTuple):
    """A send that passed validation."""

    given: str
    """The recipient as the caller wrote it."""
    customer: str
    """The recipient as the chat is known: digits alone, or a business-scoped user id."""
    type: str


def read_send(payload: dict[str, Any], knows_media: Callable[[str], bool]) -> Outgoing:
    """Check a send as Meta would; the first thing wrong is what the answer names."""
    if payload.get("messaging_product") != "whatsapp":
        raise GraphError(100, "", message="The parameter messaging_product is required.")
    if payload.get("recipient_type", "individual") != "individual":
        raise _invalid("recipient_type must be 'individual'.")
    given, customer = _recipient(payload)
    kind = payload.get("type", "text")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        allowed = ", ".join(sorted(name.upper() for name in _CHECKS))
        raise GraphError(
            100, "", message=f"Param type must be one of {{{allowed}}} - got {kind!r}."
        )
    context = payload.get("context")
    if context is not None:
        _text(_object(context, "context"), "context", "message_id")
    opaque = payload.get("biz_opaque_callback_data")
    if opaque is not None and not (isinstance(opaque, str) and len(opaque) <= _MAX_OPAQUE):
        raise _invalid(f"biz_opaque_callback_data must be at most {_MAX_OPAQUE} characters long.")
    if kind == "contacts":
        _contacts(payload)
    else:
        content = _object(_required(payload, "", kind), kind)
        check(content)
        if kind in MEDIA_KINDS:
            _media(content, kind, knows_media)
    return Outgoing(given, customer, kind)


def _recipient(payload: dict[str, Any]) -> tuple[str, str]:
    to = payload.get("to")
    if to:
        digits = str(to).translate(_PHONE_PUNCTUATION)
        if not _PHONE.fullmatch(digits):
            raise _invalid("Param to is not a phone number.")
        return str(to), digits
    recipient = payload.get("recipient")
    if not recipient:
        raise GraphError(100, "", message="The parameter to is required.")
    if not isinstance(recipient, str) or not _BSUID.fullmatch(recipient):
        raise _invalid("Param recipient is not a business-scoped user id.")
    return recipient, recipient


def _text_message(content: dict[str, Any]) -> None:
    _text(content, "text", "body", MAX_TEXT)


def _captioned(content: dict[str, Any]) -> None:
    if "caption" in content:
        _text(content, "media", "caption", _MAX_CAPTION)


def _media(content: dict[str, Any], kind: str, knows_media: Callable[[str], bool]) -> None:
    has_id, has_link = "id" in content, "link" in content
    if has_id == has_link:
        raise _missing(f"Exactly one of {kind}['id'] and {kind}['link'] is needed.")
    if has_link:
        link = _text(content, kind, "link")
        if not link.startswith(("http://", "https://")):
            raise _invalid(f"Param {kind}['link'] is not a valid URL.")
    elif not knows_media(str(content["id"])):
        raise GraphError(
            100,
            "",
            message=f"Param {kind}['id'] is not a valid whatsapp business account media"
            " attachment ID",
        )


def _location(content: dict[str, Any]) -> None:
    for name, bound in (("latitude", 90), ("longitude", 180)):
        value = _required(content, "location", name)
        try:
            inside = abs(float(value)) <= bound
        except (TypeError, ValueError):
            inside = False
        if not inside:
            raise _invalid(f"Param location['{name}'] must be between -{bound} and {bound}.")


def _contacts(payload: dict[str, Any]) -> None:
    cards = _required(payload, "", "contacts")
    if not isinstance(cards, list) or not cards:
        raise _invalid("Param contacts must be a list of at least one contact.")
    for card in cards:
        name = _object(_required(_object(card, "contacts"), "contacts", "name"), "contacts.name")
        _text(name, "name", "formatted_name")


def _reaction(content: dict[str, Any]) -> None:
    _text(content, "reaction", "message_id")
    # An empty emoji is how a reaction is taken back.
    if not isinstance(_required(content, "reaction", "emoji"), str):
        raise _invalid("Param reaction['emoji'] must be a string.")


def _template(content: dict[str, Any]) -> None:
    _text(content, "template", "name", 512)
    language = _object(_required(content, "template", "language"), "template['language']")
    _text(language, "language", "code")
    if not isinstance(content.get("components", []), list):
        raise _invalid("Param template['components'] must be a list.")


def _interactive(content: dict[str, Any]) -> None:
    kind = _text(content, "interactive", "type")
    if kind not in _INTERACTIVE:
        raise _invalid(f"Param interactive['type'] must be one of {', '.join(_INTERACTIVE)}.")
    if kind != "product":
        body = _object(_required(content, "interactive", "body"), "interactive['body']")
        _text(body, "body", "text", MAX_TEXT if kind == "list" else 1024)
    if "footer" in content:
        _text(_object(content["footer"], "interactive['footer']"), "footer", "text", 60)
    action = content.get("action")
    if kind == "button":
        _buttons(_object(action, "interactive['action']"))
    elif kind == "list":
        _list(_object(action, "interactive['action']"))


def _buttons(action: dict[str, Any]) -> None:
    buttons = _required(action, "action", "buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise _invalid("Between 1 and 3 buttons are allowed.")
    seen = set()
    for button in buttons:
        reply = _object(_required(_object(button, "button"), "button", "reply"), "button['reply']")
        seen.add((_text(reply, "reply", "id", 256), _text(reply, "reply", "title", 20)))
    if len({key for key, _ in seen}) < len(buttons) or len({t for _, t in seen}) < len(buttons):
        raise _invalid("Button ids and titles must be unique.")


def _list(action: dict[str, Any]) -> None:
    _text(action, "action", "button", 20)
    sections = _required(action, "action", "sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        raise _invalid("Between 1 and 10 sections are allowed.")
    rows = 0
    for section in sections:
        found = _required(_object(section, "section"), "section", "rows")
        if not isinstance(found, list):
            raise _invalid("Param section['rows'] must be a list.")
        for row in found:
            _text(_object(row, "row"), "row", "id", 200)
            _text(row, "row", "title", 24)
            if "description" in row:
                _text(row, "row", "description", 72)
        rows += len(found)
    if not 1 <= rows <= 10:
        raise _invalid("Total row count must be between 1 and 10.")


def _required(content: dict[str, Any], owner: str, name: str) -> Any:
    value = content.get(name)
    if value is None:
        raise _missing(f"Parameter {_path(owner, name)} is required.")
    return value


def _text(content: dict[str, Any], owner: str, name: str, longest: int | None = None) -> str:
    value = _required(content, owner, name)
    if not isinstance(value, str) or not value:
        raise _missing(f"Parameter {_path(owner, name)} is required.")
    if longest is not None and len(value) > longest:
        raise GraphError(
            100,
            "",
            message=f"Param {_path(owner, name)} must be at most {longest} characters long.",
        )
    return value


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(f"Param {path} must be a JSON object.")
    return value


def _path(owner: str, name: str) -> str:
    return f"{owner}['{name}']" if owner else name


def _missing(details: str) -> GraphError:
    return GraphError(131008, details)


def _invalid(details: str) -> GraphError:
    return GraphError(131009, details)


def _nothing(_content: dict[str, Any]) -> None:
    """Media without a caption have only their source to check."""


MEDIA_KINDS = frozenset({"image", "video", "document", "audio", "sticker"})
_INTERACTIVE = (
    "button",
    "list",
    "cta_url",
    "flow",
    "product",
    "product_list",
    "catalog_message",
    "location_request_message",
    "address_message",
    "call_permission_request",
    "request_contact_info",
)
_CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "text": _text_message,
    "image": _captioned,
    "video": _captioned,
    "document": _captioned,
    "audio": _nothing,
    "sticker": _nothing,
    "location": _location,
    "contacts": _nothing,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": _template,
}
