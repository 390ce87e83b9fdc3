"""What each role may do, as the contract declares it: enum Role, option (malha.bus.v1.role)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from malha.bus.v1 import options_pb2
from malha.crm.v1.user_pb2 import ROLE_UNSPECIFIED, Role

_ROLE: Any = options_pb2.role  # The stubs know extensions only as fields.
_PREFIX = "ROLE_"


def role_text(role: Role) -> str:
    """How a role is stored, and named in a token: owner, admin, agent, viewer."""
    return Role.Name(role).removeprefix(_PREFIX).lower()


def role_of(text: str) -> Role:
    """The role that is stored as this text."""
    role: Role = Role.Value(_PREFIX + text.upper())  # type: ignore[assignment]
    return role


def _declared() -> Mapping[str, tuple[str, ...]]:
    values: Any = Role.DESCRIPTOR.values
    return MappingProxyType(
        {
            role_text(value.number): tuple(value.GetOptions().Extensions[_ROLE].scopes)
            for value in values
            if value.number != ROLE_UNSPECIFIED
        }
    )


SCOPES = _declared()
"""What each role holds, by the role as it is stored."""


def email_hash(email: str) -> bytes:
    """What an e-mail address is found by before its tenant is known."""
    return hashlib.sha256(email.strip().lower().encode()).digest()
