"""Tokens and keys: what is accepted, and what is refused with which reason."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from malha.crm.v1.identity_service_pb2 import Access
from malha.crm.v1.plan_pb2 import PlanLimits
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
)

from services.kit.auth import (
    ANONYMOUS,
    AccessDirectory,
    AddressNotAllowed,
    ApiKeyInvalid,
    Authenticator,
    CredentialsMissing,
    PeopleOnly,
    ScopeMissing,
    SessionEnded,
    Signer,
    TenantDeleted,
    TokenInvalid,
)
from services.kit.errors import AppError, Unavailable

TENANT, WORKSPACE = "t1", "w1"


def _pair() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    return base64.b64encode(raw[0]).decode(), base64.b64encode(raw[1]).decode()


KEYS = {name: _pair() for name in ("crm", "processing", "operator", "stranger")}
PUBLIC = {name: pair[1] for name, pair in KEYS.items() if name != "stranger"}


def signer(name: str) -> Signer:
    return Signer(name, KEYS[name][0])


class Directory(AccessDirectory):
    """The key "good" and the session "s1", and how often each was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False
        self.access = Access(
            id="k1",
            tenant_id=TENANT,
            workspace_id=WORKSPACE,
            scopes=["assistants:read"],
            tenant_status=TENANT_STATUS_ACTIVE,
            limits=PlanLimits(requests_per_minute=1000, assistants=3),
        )

    async def of_api_key(self, api_key: str) -> Access:
        return self._answer(api_key, api_key == "good", ApiKeyInvalid)

    async def of_session(self, session_id: str, tenant_id: str) -> Access:
        return self._answer(session_id, (session_id, tenant_id) == ("s1", TENANT), SessionEnded)

    def _answer(self, what: str, known: bool, refusal: type[AppError]) -> Access:
        self.asked.append(what)
        if self.away:
            raise Unavailable
        if not known:
            raise refusal
        return self.access


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def authenticator(directory: Directory) -> Authenticator:
    return Authenticator(PUBLIC, directory)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def user_token(seconds: int = 36_000, **changes: str) -> str:
    """Good for longer than a run of all tests: some are made as the tests are collected."""
    claims = {"kind": "user", "sub": "u1", "sid": "s1", "tid": TENANT, "wid": "w2"}
    return signer("crm").sign({**claims, **changes}, seconds)


# What each kind of caller is known as.


async def test_a_service_speaks_for_the_tenant_its_token_names(
    authenticator: Authenticator,
) -> None:
    actor = await authenticator.identify(bearer(signer("processing").service_token("t9", "w9")))
    assert (actor.kind, actor.id) == ("service", "processing")
    assert (actor.tenant_id, actor.workspace_id) == ("t9", "w9")
    assert actor.limits.requests_per_minute == 0
    for scope in ("public", "service", "assistants:read"):
        actor.require(scope)
    with pytest.raises(ScopeMissing):
        actor.require("admin")
    with pytest.raises(PeopleOnly):
        actor.require("user")


async def test_an_api_key_may_what_crm_says(
    authenticator: Authenticator, directory: Directory
) -> None:
    actor = await authenticator.identify({"x-api-key": "good"})
    assert (actor.kind, actor.id) == ("api_key", "k1")
    assert (actor.tenant_id, actor.workspace_id) == (TENANT, WORKSPACE)
    assert (actor.limits.requests_per_minute, actor.limits.assistants) == (1000, 3)
    actor.require("assistants:read")
    for scope in ("assistants:write", "service", "admin"):
        with pytest.raises(ScopeMissing):
            actor.require(scope)
    with pytest.raises(PeopleOnly):
        actor.require("user")


async def test_a_person_may_what_crm_says_of_the_session_in_the_tokens_workspace(
    authenticator: Authenticator, directory: Directory
) -> None:
    directory.access.id = "u1"
    actor = await authenticator.identify(bearer(user_token(scope="assistants:write")))
    assert (actor.kind, actor.id, actor.session_id) == ("user", "u1", "s1")
    assert (actor.tenant_id, actor.workspace_id) == (TENANT, "w2")
    actor.require("assistants:read")
    actor.require("user")
    for scope in ("assistants:write", "service", "admin"):  # The token's own word is nothing.
        with pytest.raises(ScopeMissing):
            actor.require(scope)


@pytest.mark.parametrize("scope", ["service", "admin"])
@pytest.mark.parametrize("headers", [{"x-api-key": "good"}, bearer(user_token())])
async def test_nobodys_stored_scopes_open_what_is_internal(
    authenticator: Authenticator, directory: Directory, headers: Mapping[str, str], scope: str
) -> None:
    directory.access.scopes.append(scope)
    actor = await authenticator.identify(headers)
    with pytest.raises(ScopeMissing):
        actor.require(scope)


async def test_only_the_operator_operates(authenticator: Authenticator) -> None:
    for token in (
        signer("operator").service_token("", ""),
        signer("operator").sign({"kind": "operator", "sub": "ana"}, 60),
    ):
        actor = await authenticator.identify(bearer(token))
        actor.require("admin")
        assert actor.limits.requests_per_minute == 0
    assert actor.kind == "operator"
    for scope in ("service", "assistants:read"):
        with pytest.raises(ScopeMissing):
            actor.require(scope)


def test_nobody_may_only_what_is_public() -> None:
    ANONYMOUS.require("public")
    for scope in ("assistants:read", "service", "admin"):
        with pytest.raises(ScopeMissing):
            ANONYMOUS.require(scope)
    with pytest.raises(PeopleOnly):
        ANONYMOUS.require("user")


# What is refused.


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-tenant-id": TENANT, "x-user-id": "u1"},
        {"x-api-key": ""},
        {"x-api-key": "", **bearer(user_token())},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {base64.b64encode(b'crm:x').decode()}"},
        {"authorization": signer("processing").service_token(TENANT, "")},
    ],
)
async def test_who_shows_nothing_is_told_what_to_show(
    authenticator: Authenticator, headers: dict[str, str]
) -> None:
    with pytest.raises(CredentialsMissing):
        await authenticator.identify(headers)


async def test_the_scheme_may_be_written_in_any_case(authenticator: Authenticator) -> None:
    token = signer("processing").service_token(TENANT, "")
    assert (await authenticator.identify({"authorization": f"bEARER {token}"})).id == "processing"


async def test_a_signer_whose_clock_is_a_little_ahead_is_understood(
    authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    with monkeypatch.context() as ahead:
        ahead.setattr("services.kit.auth.time.time", lambda: real() + 3)
        token = signer("processing").service_token(TENANT, "")
    assert (await authenticator.identify(bearer(token))).id == "processing"


async def test_a_token_that_was_right_ends_all_the_same(
    authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = {"kind": "service", "sub": "processing", "tid": TENANT}
    service, person = signer("processing").sign(claims, 600), user_token(600)
    ends = time.time() + 600
    for token in (service, person):
        await authenticator.identify(bearer(token))
    monkeypatch.setattr("services.kit.auth.time.time", lambda: ends + 100.0)
    for token in (service, person):
        with pytest.raises(TokenInvalid, match="expired"):
            await authenticator.identify(bearer(token))


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [({"x-api-key": "good"}, ApiKeyInvalid), (bearer(user_token()), SessionEnded)],
    ids=["an API key", "a session"],
)
async def test_what_crm_says_ends_then_ends_then_whoever_remembers_it(
    authenticator: Authenticator,
    directory: Directory,
    monkeypatch: pytest.MonkeyPatch,
    headers: Mapping[str, str],
    refusal: type[AppError],
) -> None:
    ends = int(time.time()) + 300
    directory.access.expire_time.FromSeconds(ends)
    assert (await authenticator.identify(headers)).expire_time == ends
    monkeypatch.setattr("services.kit.auth.time.time", lambda: float(ends))
    with pytest.raises(refusal):
        await authenticator.identify(headers)


async def test_a_session_of_another_tenant_is_none(authenticator: Authenticator) -> None:
    with pytest.raises(SessionEnded):
        await authenticator.identify(bearer(user_token(tid="t2")))
    with pytest.raises(SessionEnded):
        await authenticator.identify(bearer(user_token(sid="s2")))


async def test_a_token_is_no_api_key_and_a_key_no_token(
    authenticator: Authenticator, directory: Directory
) -> None:
    token = user_token()
    await authenticator.identify(bearer(token))
    with pytest.raises(ApiKeyInvalid):
        await authenticator.identify({"x-api-key": token})
    assert (await authenticator.identify(bearer(token))).kind == "user"


# What is remembered.


@pytest.mark.parametrize("headers", [{"x-api-key": "good"}, bearer(user_token())])
async def test_crm_is_asked_once_until_it_changes(
    authenticator: Authenticator, directory: Directory, headers: Mapping[str, str]
) -> None:
    for _ in range(3):
        assert (await authenticator.identify(headers)).tenant_id == TENANT
    assert len(directory.asked) == 1
    authenticator.forget(TENANT)
    directory.access.tenant_status = TENANT_STATUS_SUSPENDED
    assert (await authenticator.identify(headers)).tenant_status == TENANT_STATUS_SUSPENDED


@pytest.mark.parametrize(
    ("tenant_id", "ids", "asked_again"),
    [
        (TENANT, frozenset(), ["good", "s1"]),
        (TENANT, frozenset({"k1"}), ["good"]),
        (TENANT, frozenset({"s1"}), ["s1"]),
        (TENANT, frozenset({"u1"}), ["s1"]),
        (TENANT, frozenset({"k1", "s1"}), ["good", "s1"]),
        (TENANT, frozenset({"k2"}), []),
        ("t2", frozenset(), []),
        ("t2", frozenset({"k1"}), []),
    ],
)
async def test_only_what_has_changed_is_asked_again(
    authenticator: Authenticator,
    directory: Directory,
    tenant_id: str,
    ids: frozenset[str],
    asked_again: list[str],
) -> None:
    key, person = {"x-api-key": "good"}, bearer(user_token())
    await authenticator.identify(key)
    directory.access = Access(id="u1", tenant_id=TENANT, tenant_status=TENANT_STATUS_ACTIVE)
    await authenticator.identify(person)
    directory.asked.clear()
    authenticator.forget(tenant_id, ids)
    for headers in (key, person):
        await authenticator.identify(headers)
    assert directory.asked == asked_again


async def test_a_wrong_key_is_not_looked_up_at_every_guess(
    authenticator: Authenticator, directory: Directory
) -> None:
    for _ in range(3):
        with pytest.raises(ApiKeyInvalid):
            await authenticator.identify({"x-api-key": "bad"})
    assert directory.asked == ["bad"]


async def test_without_crm_whoever_is_not_known_is_told_to_try_again(
    authenticator: Authenticator, directory: Directory
) -> None:
    directory.away = True
    with pytest.raises(Unavailable):
        await authenticator.identify({"x-api-key": "good"})
    directory.away = False
    assert (await authenticator.identify({"x-api-key": "good"})).id == "k1"


def test_a_service_signs_once_and_renews_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = signer("processing")
    token = made.service_token(TENANT, "")
    assert made.service_token(TENANT, "") is token
    assert made.service_token("t2", "") != token
    assert made.service_token(TENANT, WORKSPACE) != token


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "good"},
        bearer(user_token()),
    ],
)
async def test_the_status_and_networks_of_an_actor_are_those_crm_says(
    authenticator: Authenticator, directory: Directory, headers: Mapping[str, str]
) -> None:
    directory.access.allowed_networks.append("203.0.113.0/24")
    directory.access.tenant_status = TENANT_STATUS_DELETED
    actor = await authenticator.identify(headers)
    with pytest.raises(AddressNotAllowed):
        actor.require("assistants:read", "198.51.100.1")
    with pytest.raises(TenantDeleted):
        actor.require("assistants:read", "203.0.113.1")
