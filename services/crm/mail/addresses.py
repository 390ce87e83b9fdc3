"""Which texts are addresses that e-mail can reach."""

from __future__ import annotations

from collections.abc import Iterable
from email.errors import MessageError
from email.headerregistry import Address

from services.kit.errors import FailedPrecondition


class AddressInvalid(FailedPrecondition):
    """No e-mail can reach the address in {field}."""

    def __init__(self, *, field: str) -> None:
        super().__init__(field=field)

    def violations(self) -> Iterable[tuple[str, str]]:
        return ((self.metadata["field"], "no e-mail can reach it"),)


def parsed(email: str) -> Address | None:
    """An address as a header carries it; None when no header can."""
    try:
        address = Address(addr_spec=email)
    except (MessageError, ValueError, LookupError):
        return None  # A half address runs the parser over its end: IndexError.
    return address if address.domain and address.addr_spec == email else None


def require_deliverable(email: str, field: str = "email") -> None:
    """Raise AddressInvalid, naming the request's field, unless e-mail can be addressed so.

    The contract takes what a form field takes, which is more: a..b@example.com, .a@example.com.
    """
    if parsed(email) is None:
        raise AddressInvalid(field=field)
