"""Tokens that are not right: each is refused, and nothing of it is remembered."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.auth import Authenticator, TokenInvalid
from tests.kit.test_auth import KEYS, PUBLIC, TENANT, Directory, bearer, signer


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def authenticator(directory: Directory) -> Authenticator:
    return Authenticator(PUBLIC, directory)


def _claims(issuer: str, **changes: object) -> dict[str, object]:
    now = int(time.time())
    claims: dict[str, object] = {
        "kind": "service",
        "sub": issuer,
        "iss": issuer,
        "aud": "malha",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "tid": TENANT,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _token(header: Mapping[str, object], claims: object, sign: Callable[[bytes], bytes]) -> str:
    """A token by hand: no library refuses to make a wrong one."""
    said = f"{_part(header)}.{_part(claims)}"
    return f"{said}.{_part(sign(said.encode()))}"


def forged(
    issuer: str = "processing",
    *,
    header: Mapping[str, object] | None = None,
    claims: object = None,
    **changes: object,
) -> str:
    """A token that the issuer signed; a claim that is None is left out."""
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(KEYS[issuer][0]))
    said = {"alg": "EdDSA", "typ": "JWT", "kid": issuer, **(header or {})}
    return _token(said, _claims(issuer, **changes) if claims is None else claims, key.sign)


def _with_secret(secret: bytes) -> str:
    return _token(
        {"alg": "HS256", "kid": "crm"},
        _claims("crm"),
        lambda said: hmac.digest(secret, said, "sha256"),
    )


def _under_anothers_signature(**changes: object) -> str:
    header, _, signature = forged().split(".")
    return f"{header}.{_part(_claims('processing', **changes))}.{signature}"


NOW = int(time.time())

BAD_TOKENS = {
    "an unknown signer": signer("stranger").service_token(TENANT, ""),
    "no algorithm": _token({"alg": "none", "kid": "crm"}, _claims("crm"), lambda _: b""),
    "no algorithm, but signed": forged(header={"alg": "none"}),
    "the public key as a shared secret": _with_secret(base64.b64decode(PUBLIC["crm"])),
    "the public key's text as a shared secret": _with_secret(PUBLIC["crm"].encode()),
    "no signature": forged().rpartition(".")[0] + ".",
    "another's claims under its signature": _under_anothers_signature(tid="t2"),
    "another service's name as signer": forged(header={"kid": "crm"}),
    "a signer that is no text": forged(header={"kid": ["processing"]}),
    "a signer that is a number": forged(header={"kid": 7}),
    "no signer": forged(header={"kid": None}),
    "an empty signer": forged(header={"kid": ""}),
    "a key of its own": forged(header={"kid": "stranger", "jwk": {"kty": "OKP"}}),
    "claims that are a list": forged(claims=["service"]),
    "claims that are no JSON": forged(claims=b"service"),
    "expired": forged(exp=NOW - 1),
    "an end that is no number": forged(exp="never"),
    "not yet valid": forged(nbf=NOW + 36_000),
    "for another audience": forged(aud="another"),
    "for no audience": forged(aud=None),
    "issued in another's name": forged(iss="crm"),
    "without issuer": forged(iss=None),
    "without end": forged(exp=None),
    "without beginning": forged(nbf=None),
    "without subject": forged(sub=None),
    "a subject that is no text": forged(sub=["processing"]),
    "without kind": forged(kind=None),
    "an unknown kind": forged(kind="root"),
    "a service in another's name": forged(sub="crm"),
    "a service that says it is a person": forged(kind="user", sid="s1"),
    "a service that says it is an operator": forged(kind="operator"),
    "crm that says it is an operator": forged("crm", kind="operator"),
    "an operator that says it is a person": forged("operator", kind="user", sid="s1"),
    "crm in a service's name": forged("crm", sub="processing"),
    "a person without session": forged("crm", kind="user", sub="u1"),
    "a person with an empty session": forged("crm", kind="user", sub="u1", sid=""),
    "malformed": "not.a.token",
    "two parts": "bm90.YQ",
    "not even that": "é" * 20,
    "a whole page": "x" * 100_000,
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
async def test_a_token_that_is_not_right_is_refused(
    authenticator: Authenticator, directory: Directory, token: str
) -> None:
    for _ in range(2):  # Nor is it remembered as right.
        with pytest.raises(TokenInvalid) as refused:
            await authenticator.identify(bearer(token))
    assert token not in refused.value.message
    assert directory.asked == []
