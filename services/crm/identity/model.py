"""What each role may do."""

from __future__ import annotations

import hashlib

# What the API key made with a tenant may do: everything its business may do.
OWNER_SCOPES = (
    "tenant:read",
    "assistants:read",
    "assistants:write",
    "connections:read",
    "connections:write",
    "knowledge:read",
    "knowledge:write",
    "conversations:read",
    "conversations:write",
    "webhooks:read",
)

_READ = tuple(scope for scope in OWNER_SCOPES if scope.endswith(":read"))

SCOPES = {
    "owner": OWNER_SCOPES,
    "admin": OWNER_SCOPES,
    "agent": (*_READ, "conversations:write"),
    "viewer": _READ,
}


def email_hash(email: str) -> bytes:
    """What an e-mail address is found by before its tenant is known."""
    return hashlib.sha256(email.strip().lower().encode()).digest()
