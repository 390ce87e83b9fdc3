"""Who may change whom: the rules about owners."""

from __future__ import annotations

from services.kit.errors import FailedPrecondition, NotFound, PermissionDenied

OWNER = "owner"
ADMIN = "admin"


class UserNotFound(NotFound):
    """There is no person with the id {id}."""


class OwnersOnly(PermissionDenied):
    """Only an owner makes, changes or removes owners."""


class LastOwner(FailedPrecondition):
    """A business has at least one owner, and this is the last."""


def require_may_change(*, by: str, role: str, new_role: str) -> None:
    """Raise OwnersOnly unless somebody of the role `by` may turn `role` into `new_role`.

    A removal has no new role: ''.
    """
    if OWNER in (role, new_role) and by != OWNER:
        raise OwnersOnly


def require_an_owner_stays(*, owners: int, role: str, new_role: str) -> None:
    """Raise LastOwner when one of so many owners stops being one and none is left."""
    if role == OWNER and new_role != OWNER and owners <= 1:
        raise LastOwner
