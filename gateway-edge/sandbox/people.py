"""Who a customer is to Meta: a phone number, and an id that only this business sees."""

import hashlib
from functools import lru_cache
from typing import Any

_COUNTRIES = (("351", "PT"), ("55", "BR"), ("54", "AR"), ("52", "MX"), ("44", "GB"), ("1", "US"))


def has_phone(customer: str) -> bool:
    """False for a person known by a business-scoped user id only, such as BR.1349."""
    return "." not in customer


@lru_cache(maxsize=10_000)
def user_id(waba_id: str, customer: str) -> str:
    """The business-scoped user id: always the same for one person and one business account."""
    if not has_phone(customer):
        return customer
    country = next((code for prefix, code in _COUNTRIES if customer.startswith(prefix)), "US")
    digest = hashlib.sha256(f"{waba_id}/{customer}".encode()).digest()
    return f"{country}.{int.from_bytes(digest[:8]) + 10**19}"


def contact(waba_id: str, customer: str, profile_name: str) -> dict[str, Any]:
    """An element of a webhook's `contacts`."""
    found: dict[str, Any] = {"profile": {"name": profile_name} if profile_name else {}}
    if has_phone(customer):
        found["wa_id"] = customer
    return found | {"user_id": user_id(waba_id, customer)}
