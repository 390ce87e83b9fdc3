"""Whoever is not who they say gets a documented status with a reason, and learns nothing more."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from malha.assistants.v1.assistant_service_pb2 import ListAssistantsRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub

from services.kit.auth import AUDIENCE, Signer
from services.kit.devstack.mesh import Mesh
from services.kit.ids import new_id
from tests.outside import Answer, Outside

INTERNAL = ("Traceback", "asyncpg", "grpc.aio", "services/", "malha.crm", "postgres")


def _claims(world: Outside, **changes: Any) -> dict[str, Any]:
    """What crm would say of the demo's owner."""
    now = int(time.time())
    told = {
        "kind": "user",
        "sub": new_id(),
        "sid": new_id(),
        "tid": world.demo["tenant_id"],
        "wid": world.demo["workspace_id"],
        "role": "owner",
        "scope": "assistants:read tenant:delete",
        "iss": "crm",
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


def _unsigned(claims: dict[str, Any]) -> str:
    header = {"alg": "none", "typ": "JWT", "kid": "crm"}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, claims))
    return ".".join(part.decode().rstrip("=") for part in parts) + "."


def _check(answer: Answer, status: int, *reasons: str) -> None:
    assert (answer.status, answer.reason) in [(status, reason) for reason in reasons], answer
    assert not [word for word in INTERNAL if word in json.dumps(answer.body)]
    assert answer.headers["x-request-id"]
    assert answer.headers["x-correlation-id"]


@pytest.mark.parametrize(
    "forgery", ["alg_none", "strangers_key", "hs256", "no_session", "expired", "audience"]
)
async def test_a_forged_token_is_refused(world: Outside, mesh: Mesh, forgery: str) -> None:
    signer = Signer("crm", mesh.wiring.service("crm")["MALHA_SERVICE_KEY"])
    headers = {"kid": "crm"}
    public = json.loads(mesh.wiring.service("crm")["MALHA_SERVICE_PUBLIC_KEYS"])["crm"]
    token = {
        "alg_none": lambda: _unsigned(_claims(world)),
        "strangers_key": lambda: jwt.encode(
            _claims(world), Ed25519PrivateKey.generate(), "EdDSA", headers
        ),
        "hs256": lambda: jwt.encode(_claims(world), public, "HS256", headers),
        # Signed by crm itself, and yet nothing to go by.
        "no_session": lambda: signer.sign(_claims(world), 600),
        "expired": lambda: signer.sign(_claims(world), -600),
        "audience": lambda: jwt.encode(
            _claims(world, aud="elsewhere"), signer._key, "EdDSA", headers
        ),
    }[forgery]()
    answer = await world.rest(
        "GET", "/v1/assistants", key="", headers={"authorization": f"Bearer {token}"}
    )
    _check(answer, 401, "TOKEN_INVALID", "SESSION_ENDED")


@pytest.mark.parametrize(
    "key", ["x", "malha_", "malha_" + "0" * 32 + "_" + "a" * 43 + "_00000000", "é" * 40]
)
async def test_a_key_that_is_none_is_refused(world: Outside, key: str) -> None:
    _check(await world.rest("GET", "/v1/assistants", key=key), 401, "API_KEY_INVALID")


async def test_a_key_works_only_from_its_networks(world: Outside) -> None:
    async def made(networks: list[str]) -> str:
        answer = await world.rest(
            "POST",
            "/v1/api-keys",
            {"name": "rede", "scopes": ["assistants:read"], "allowedNetworks": networks},
        )
        assert answer.status == 200, answer
        return str(answer.body["key"])

    here, elsewhere = await made(["127.0.0.0/8", "::1"]), await made(["203.0.113.0/24"])
    assert (await world.rest("GET", "/v1/assistants", key=here)).status == 200
    claimed = {"x-forwarded-for": "203.0.113.7", "x-envoy-external-address": "203.0.113.7"}
    for headers in ({}, claimed):
        answer = await world.rest("GET", "/v1/assistants", key=elsewhere, headers=headers)
        _check(answer, 403, "ADDRESS_NOT_ALLOWED")
    async with grpc.aio.insecure_channel(world.demo["grpc_url"]) as channel:
        metadata = (("x-api-key", elsewhere), *claimed.items())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await AssistantServiceStub(channel).ListAssistants(
                ListAssistantsRequest(), metadata=metadata
            )
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_key_does_what_its_scopes_say_and_no_more(world: Outside) -> None:
    made = await world.rest(
        "POST", "/v1/api-keys", {"name": "leitura", "scopes": ["assistants:read"]}
    )
    key = made.body["key"]
    assert (await world.rest("GET", "/v1/assistants", key=key)).status == 200
    for method, path, body in (
        ("POST", "/v1/assistants", {"name": "x"}),
        ("GET", "/v1/users", None),
        ("POST", "/v1/api-keys", {"name": "mais", "scopes": ["users:write"]}),
        ("POST", "/v1/tenant:delete", {"confirmName": "Loja Aurora"}),
    ):
        _check(await world.rest(method, path, body, key=key), 403, "SCOPE_MISSING")
    _check(await world.rest("GET", "/v1/users/me", key=key), 401, "PEOPLE_ONLY")


async def test_nobody_gains_a_scope_by_making_a_key(world: Outside) -> None:
    made = await world.rest(
        "POST", "/v1/api-keys", {"name": "chaves", "scopes": ["api_keys:write", "api_keys:read"]}
    )
    answer = await world.rest(
        "POST",
        "/v1/api-keys",
        {"name": "mais", "scopes": ["assistants:write"]},
        key=made.body["key"],
    )
    _check(answer, 403, "SCOPE_NOT_HELD")
