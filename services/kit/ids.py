"""Identifiers: UUIDv7, so that they sort by creation."""

from __future__ import annotations

import uuid6


def new_id() -> str:
    """A new UUIDv7 (RFC 9562) as text."""
    return str(uuid6.uuid7())
