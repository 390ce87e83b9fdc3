"""What an actor may do, from where, and while their tenant is served."""

from __future__ import annotations

import pytest
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
    TENANT_STATUS_UNSPECIFIED,
    TenantStatus,
)

from services.kit.auth import (
    Actor,
    AddressNotAllowed,
    ScopeMissing,
    TenantDeleted,
    TenantSuspended,
)
from services.kit.errors import AppError
from services.kit.networks import Networks
from tests.kit.test_auth import TENANT


def _key(
    status: TenantStatus = TENANT_STATUS_ACTIVE, networks: tuple[str, ...] = (), *scopes: str
) -> Actor:
    return Actor(
        "api_key",
        "k1",
        TENANT,
        scopes=frozenset(scopes or ("assistants:read", "tenant:restore")),
        networks=Networks.of(networks),
        tenant_status=status,
    )


def test_a_key_with_networks_works_from_these_only() -> None:
    bound = _key(TENANT_STATUS_ACTIVE, ("203.0.113.0/24", "2001:db8::/32"))
    for address in ("203.0.113.5", "2001:db8::5", "::ffff:203.0.113.5"):
        bound.require("assistants:read", address)
    for address in ("198.51.100.1", "2001:db9::5", "", "unix:"):
        with pytest.raises(AddressNotAllowed):
            bound.require("assistants:read", address)
    bound.require("public", "198.51.100.1")
    _key().require("assistants:read", "")


@pytest.mark.parametrize(
    ("status", "scope", "refusal"),
    [
        (TENANT_STATUS_ACTIVE, "assistants:read", None),
        (TENANT_STATUS_ACTIVE, "tenant:restore", None),
        (TENANT_STATUS_SUSPENDED, "assistants:read", TenantSuspended),
        (TENANT_STATUS_SUSPENDED, "tenant:restore", TenantSuspended),
        (TENANT_STATUS_DELETED, "assistants:read", TenantDeleted),
        (TENANT_STATUS_DELETED, "tenant:restore", None),
        (TENANT_STATUS_UNSPECIFIED, "assistants:read", TenantSuspended),
        (TENANT_STATUS_DELETED, "assistants:write", ScopeMissing),
    ],
)
def test_a_tenant_that_is_not_served_can_at_most_be_restored(
    status: TenantStatus, scope: str, refusal: type[AppError] | None
) -> None:
    actor = _key(status)
    if refusal is None:
        actor.require(scope)
    else:
        with pytest.raises(refusal):
            actor.require(scope)


def test_a_person_of_a_tenant_that_is_not_served_can_do_nothing_of_their_own_either() -> None:
    person = Actor("user", "u1", TENANT, tenant_status=TENANT_STATUS_SUSPENDED)
    with pytest.raises(TenantSuspended):
        person.require("user")
