"""Keyset pages: opaque tokens, signed and bound to the request's other fields."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import orjson
from google.protobuf.message import Message

from services.kit.errors import Aborted

R = TypeVar("R", bound=Mapping[str, Any])

DEFAULT_SIZE = 50
_DIRECTED = re.compile(r"/\*dir\*/ (<|DESC)")
_SIGNATURE = 16
_key = os.urandom(32)


def configure_pages(secret: bytes) -> None:
    """Sign tokens with a key that every replica derives from the same secret."""
    global _key
    _key = hashlib.sha256(b"pages" + secret).digest()


class Whose(Protocol):
    """Whose list it is: a call. Another tenant's token is as good as none."""

    @property
    def tenant_id(self) -> str: ...

    @property
    def workspace_id(self) -> str: ...


class PageTokenInvalid(Aborted):
    """The page_token is not of this list with these filters; begin again without it."""

    def violations(self) -> Iterable[tuple[str, str]]:
        return [("page_token", "must be the next_page_token of this same list")]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: what was shown last, and how many rows to read."""

    limit: int
    """Rows to ask the database for: one more than the page holds, to see whether it is the last."""
    cursor: tuple[Any, ...]
    """The keyset of the last row already shown; empty on the first page."""
    _scope: bytes
    _ascending: bool = False

    @classmethod
    def of(cls, request: Message, call: Whose, *, default: int = DEFAULT_SIZE) -> Page:
        """The page a request with page_size and page_token asks for. Raises PageTokenInvalid."""
        scope = _scope_of(request, call)
        size = getattr(request, "page_size", 0) or default
        token = getattr(request, "page_token", "")
        order = getattr(request, "order_by", "")
        ascending = bool(order) and not order.endswith(" desc")
        return cls(size + 1, _read(token, scope) if token else (), scope, ascending)

    def directed(self, query: str) -> str:
        """The query in the order asked for: as written, or with every `/*dir*/` turned round."""
        return turned_round(query) if self._ascending else query

    @property
    def after(self) -> Any:
        """The single key already shown, or None on the first page."""
        return self.cursor[0] if self.cursor else None

    def values(self, count: int) -> tuple[Any, ...]:
        """The keys already shown, or as many None on the first page."""
        return self.cursor or (None,) * count

    def cut(self, rows: Sequence[R], *, by: str | tuple[str, ...]) -> tuple[Sequence[R], str]:
        """The rows to show, and the token of the next page ('' on the last one)."""
        if len(rows) < self.limit:
            return rows, ""
        shown = rows[: self.limit - 1]
        keys = (by,) if isinstance(by, str) else by
        return shown, _write(tuple(shown[-1][key] for key in keys), self._scope)


@lru_cache(maxsize=256)
def turned_round(query: str) -> str:
    """A list's query in the other order: `/*dir*/ <` becomes `>`, and `/*dir*/ DESC` ASC."""
    return _DIRECTED.sub(lambda match: ">" if match[1] == "<" else "ASC", query)


def _scope_of(request: Message, call: Whose) -> bytes:
    other = type(request)()
    other.CopyFrom(request)
    for field in ("page_size", "page_token"):
        other.ClearField(field)
    name = f"{call.tenant_id}\0{call.workspace_id}\0{request.DESCRIPTOR.full_name}".encode()
    return hashlib.sha256(name + b"\0" + other.SerializeToString(deterministic=True)).digest()


def _sign(body: bytes, scope: bytes) -> bytes:
    return hmac.digest(_key, scope + body, "sha256")[:_SIGNATURE]


def _write(cursor: tuple[Any, ...], scope: bytes) -> str:
    body = orjson.dumps([_plain(value) for value in cursor])
    return base64.urlsafe_b64encode(_sign(body, scope) + body).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return {"time": value.isoformat()} if isinstance(value, datetime) else value


def _read(token: str, scope: bytes) -> tuple[Any, ...]:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    signature, body = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, _sign(body, scope)):
        raise PageTokenInvalid
    return tuple(
        datetime.fromisoformat(value["time"]) if isinstance(value, dict) else value
        for value in orjson.loads(body)
    )
