"""Roles and RPCs agree on scopes: what an RPC needs somebody has, and what a role has is needed."""

from __future__ import annotations

from google.api import annotations_pb2

from services.crm.api_keys.model import KEY_SCOPES
from services.crm.identity.model import SCOPES
from services.kit.auth import ADMIN, PUBLIC, SERVICE, USER
from services.kit.rpc import is_query, required_scope
from tests.architecture.repository import methods

# What is no scope of a role: anybody, whoever signed in, Malha's own services, its operators.
_BEYOND_ROLES = {PUBLIC, USER, SERVICE, ADMIN}


def _needed() -> dict[str, str]:
    """Every RPC that needs a scope of a role, with that scope."""
    return {
        method.full_name: scope
        for method in methods()
        if (scope := required_scope(method)) not in _BEYOND_ROLES
    }


def test_what_an_rpc_needs_some_role_has() -> None:
    held = {scope for scopes in SCOPES.values() for scope in scopes}
    needed = _needed()
    assert len(needed) > 40
    for rpc, scope in needed.items():
        assert scope in held, f"nobody can call {rpc}: no role has {scope}"


def test_what_a_role_has_some_rpc_needs() -> None:
    needed = set(_needed().values())
    for role, scopes in SCOPES.items():
        assert set(scopes) <= needed, f"{role} has scopes that nothing needs"
        assert len(scopes) == len(set(scopes)), role


def test_only_what_is_public_is_for_people_and_keys() -> None:
    for method in methods():
        public = method.GetOptions().HasExtension(annotations_pb2.http)
        assert public == (required_scope(method) not in {SERVICE, ADMIN}), method.full_name


def test_who_may_only_read_changes_nothing() -> None:
    for method in methods():
        scope = required_scope(method)
        if scope.endswith(":read"):
            assert is_query(method), method.full_name
    assert all(scope.endswith(":read") for scope in SCOPES["viewer"])


def test_keys_can_do_all_that_owners_can_but_end_the_business() -> None:
    assert set(SCOPES["owner"]) - set(KEY_SCOPES) == {"tenant:delete", "tenant:restore"}
    assert set(KEY_SCOPES) <= set(SCOPES["owner"])
