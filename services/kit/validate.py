"""The contract's rules (protovalidate), checked in the pipeline for RPCs and bus messages alike."""

from __future__ import annotations

from typing import Any

import protovalidate
from google.protobuf.message import Message

from services.kit.errors import InvalidRequest

_validator = protovalidate.Validator()
_VISIBLE = r"`[^\x00-\x20\x7f-\xa0\xad]`"
"""How the message of the contracts' rule for names ends."""


def validate(message: Message) -> None:
    """Raise InvalidRequest with every field that breaks a rule of the contract."""
    violations = _validator.collect_violations(message)
    if violations:
        raise InvalidRequest([(_path(v.proto), _message(v.proto)) for v in violations])


def _message(violation: Any) -> str:
    text: str = violation.message
    # The rule's own words would show people a regular expression.
    return "must hold a visible character" if text.endswith(_VISIBLE) else text


def _path(violation: object) -> str:
    parts: list[str] = []
    for element in violation.field.elements:  # type: ignore[attr-defined]
        name = element.field_name
        subscript = element.subscript
        if subscript is not None and getattr(subscript, "field", "") == "index":
            name = f"{name}[{subscript.value}]"
        parts.append(name)
    return ".".join(parts)
