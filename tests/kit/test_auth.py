"""Tokens and keys: what is accepted, and what is refused with which reason."""

from __future__ import annotations

import base64
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.auth import (
    ANONYMOUS,
    Actor,
    ApiKeyInvalid,
    Authenticator,
    CredentialsMissing,
    KeyDirectory,
    ScopeMissing,
    Signer,
    TokenInvalid,
)


def _pair() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    return base64.b64encode(raw[0]).decode(), base64.b64encode(raw[1]).decode()


KEYS = {name: _pair() for name in ("crm", "processing", "operator", "stranger")}
PUBLIC = {name: pair[1] for name, pair in KEYS.items() if name != "stranger"}


def signer(name: str) -> Signer:
    return Signer(name, KEYS[name][0])


class Directory(KeyDirectory):
    """One good key, and how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def owner_of(self, api_key: str) -> Actor:
        self.asked.append(api_key)
        if api_key != "good":
            raise ApiKeyInvalid
        return Actor("api_key", "k1", "t1", "w1", frozenset({"assistants:read"}))


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def authenticator(directory: Directory) -> Authenticator:
    return Authenticator(PUBLIC, directory)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_service_speaks_for_the_tenant_its_token_names(
    authenticator: Authenticator,
) -> None:
    actor = await authenticator.identify(_bearer(signer("processing").service_token("t9", "w9")))
    assert (actor.kind, actor.id, actor.tenant_id) == ("service", "processing", "t9")
    actor.require("assistants:read")
    with pytest.raises(ScopeMissing):
        actor.require("operator")


async def test_only_the_operator_operates(authenticator: Authenticator) -> None:
    actor = await authenticator.identify(_bearer(signer("operator").service_token("", "")))
    actor.require("operator")


async def test_a_person_may_what_the_token_says(authenticator: Authenticator) -> None:
    claims = {"kind": "user", "sub": "u1", "tid": "t1", "wid": "w1", "scope": "assistants:read"}
    actor = await authenticator.identify(_bearer(signer("crm").sign(claims, 60)))
    actor.require("assistants:read")
    with pytest.raises(ScopeMissing):
        actor.require("assistants:write")
    with pytest.raises(ScopeMissing):
        actor.require("service")


def _forged(**changes: object) -> str:
    now = int(time.time())
    claims = {
        "kind": "service",
        "sub": "processing",
        "iss": "processing",
        "aud": "malha",
        "nbf": now,
        "exp": now + 60,
        "tid": "t1",
        **changes,
    }
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(KEYS["processing"][0]))
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "processing"})


@pytest.mark.parametrize(
    "token",
    [
        signer("stranger").service_token("t1", ""),
        jwt.encode({"sub": "crm", "aud": "malha"}, None, algorithm="none", headers={"kid": "crm"}),
        jwt.encode(
            {"sub": "crm", "aud": "malha", "exp": time.time() + 60},
            PUBLIC["crm"].ljust(44, "="),
            algorithm="HS256",
            headers={"kid": "crm"},
        ),
        _forged(exp=int(time.time()) - 1),
        _forged(nbf=int(time.time()) + 60),
        _forged(aud="another"),
        _forged(iss="crm"),
        _forged(kind="user"),
        _forged(sub="crm"),
        _forged(kind="operator"),
        "not.a.token",
        "",
    ],
    ids=[
        "an unknown signer",
        "no algorithm",
        "the public key as a shared secret",
        "expired",
        "not yet valid",
        "for another audience",
        "issued in another's name",
        "a service that makes user tokens",
        "a service in another's name",
        "an unknown kind",
        "malformed",
        "empty",
    ],
)
async def test_a_token_that_is_not_right_is_refused(
    authenticator: Authenticator, token: str
) -> None:
    with pytest.raises((TokenInvalid, CredentialsMissing)):
        await authenticator.identify(_bearer(token))


async def test_identity_headers_count_for_nothing(authenticator: Authenticator) -> None:
    with pytest.raises(CredentialsMissing):
        await authenticator.identify({"x-tenant-id": "t1", "x-user-id": "u1"})


async def test_a_key_is_looked_up_once_and_forgotten_with_its_tenant(
    authenticator: Authenticator, directory: Directory
) -> None:
    for _ in range(3):
        assert (await authenticator.identify({"x-api-key": "good"})).tenant_id == "t1"
    assert directory.asked == ["good"]
    authenticator.forget_tenant("t1")
    await authenticator.identify({"x-api-key": "good"})
    assert directory.asked == ["good", "good"]


async def test_a_wrong_key_is_not_looked_up_at_every_guess(
    authenticator: Authenticator, directory: Directory
) -> None:
    for _ in range(3):
        with pytest.raises(ApiKeyInvalid):
            await authenticator.identify({"x-api-key": "bad"})
    assert directory.asked == ["bad"]


def test_nobody_may_only_what_is_public() -> None:
    ANONYMOUS.require("public")
    with pytest.raises(ScopeMissing):
        ANONYMOUS.require("assistants:read")
