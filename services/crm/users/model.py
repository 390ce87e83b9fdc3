"""Who may change whom: the rules about owners."""

from __future__ import annotations

from math import isinf

from services.crm.api_keys.model import require_held
from services.crm.identity.model import SCOPES
from services.kit.auth import Actor
from services.kit.errors import FailedPrecondition, NotFound, PermissionDenied

OWNER = "owner"
ADMIN = "admin"
_GIVES_ROLES = "users:write"


class UserNotFound(NotFound):
    """There is no person with the id {id}."""


class OwnersOnly(PermissionDenied):
    """Only an owner makes, changes or removes owners."""


class LastOwner(FailedPrecondition):
    """A business has at least one owner, and this is the last."""


class BoundedKeyGivesNoRole(PermissionDenied):
    """An API key that ends, or that is bound to networks, gives nobody a role."""


def roles_given_by(role: str) -> tuple[str, ...]:
    """The roles that somebody of this role may give; of no role: ''."""
    if _GIVES_ROLES not in SCOPES.get(role, ()):
        return ()
    return tuple(given for given in SCOPES if given != OWNER or role == OWNER)


def require_may_give(actor: Actor, role: str) -> None:
    """Raise ScopeNotHeld or BoundedKeyGivesNoRole when a key would make somebody more than itself.

    Whom it makes an admin could make every key that it may not make: without its end, from any
    address. What people may give is told by their own role.
    """
    if actor.kind != "api_key":
        return
    if actor.networks.allowed or not isinf(actor.expire_time):
        raise BoundedKeyGivesNoRole
    require_held(actor, SCOPES[role])


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
