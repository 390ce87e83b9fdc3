"""The operators' commands, from the command line through gRPC to the record of who and why."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from unittest.mock import patch

import grpc
import pytest
from dishka import Provider, Scope, make_async_container
from malha.crm.v1.admin_service_pb2 import ListTenantChangesRequest

from services import operators
from services.crm import admin
from services.crm.admin.queries import list_tenant_changes
from services.crm.identity.directory import StoredAccess
from services.crm.passwords.hashing import Passwords
from services.crm.settings import CrmSettings
from services.kit.auth import Authenticator, ScopeMissing, Signer
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.errors import InvalidArgument, NotFound
from services.kit.ids import new_id
from services.kit.peers import Peers
from services.kit.rpc import Pipeline
from services.kit.settings import KitSettings
from services.kit.testing import kit_settings
from services.kit.wiring import Wiring
from tests.crm.business import PASSWORDS, Business, new_business, operator_call


@pytest.fixture
async def business(database: Database) -> Business:
    return await new_business(database, name="Loja Açaí")


@pytest.fixture
async def settings(database: Database, infra: Infra) -> AsyncIterator[KitSettings]:
    """What an operator's process reads: crm is served here, behind the real pipeline."""
    crm = kit_settings(infra.environment("crm"))
    provider = Provider(scope=Scope.APP)
    provider.provide(lambda: PASSWORDS, provides=Passwords)
    provider.provide(lambda: CrmSettings(), provides=CrmSettings)
    authenticator = Authenticator(crm.service_public_keys, StoredAccess(database))
    peers = Peers({}, Signer("crm", crm.service_key.get_secret_value()))
    server = grpc.aio.server()
    wiring = Wiring(make_async_container(provider))
    pipeline = Pipeline(authenticator, database, peers)
    (service,) = admin.CONTEXT.rpcs
    server.add_generic_rpc_handlers((await pipeline.bind(service, admin.CONTEXT, wiring),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    key = infra.wiring.operator()["MALHA_SERVICE_KEY"]
    yield crm.model_copy(
        update={
            "peers": {"crm": f"127.0.0.1:{port}"},
            "service_key": type(crm.service_key)(key),
        }
    )
    await server.stop(0)


async def _run(settings: KitSettings, *words: str) -> None:
    parser = argparse.ArgumentParser()
    operators.add_commands(parser.add_subparsers(required=True))
    with patch.object(operators, "read_settings", lambda _: settings):
        await operators.run(parser.parse_args(words))


async def test_an_operator_suspends_reactivates_and_moves_a_tenant(
    settings: KitSettings, business: Business, capsys: pytest.CaptureFixture[str]
) -> None:
    why = ("--name", "ana", "--reason", "unpaid")
    await _run(settings, "suspend-tenant", business.id, *why)
    await _run(settings, "reactivate-tenant", business.id, *why)
    await _run(settings, "set-plan", business.id, "pro", *why)
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(p["status"], p["plan"]) for p in printed] == [
        ("TENANT_STATUS_SUSPENDED", "free"),
        ("TENANT_STATUS_ACTIVE", "free"),
        ("TENANT_STATUS_ACTIVE", "pro"),
    ]
    changes = await list_tenant_changes(
        operator_call(business.database, readonly=True),
        ListTenantChangesRequest(tenant_id=business.id),
    )
    told = [(c.action, c.value, c.reason, c.actor) for c in changes.changes[:3]]
    assert told == [
        ("plan", "pro", "unpaid", "operator:ana"),
        ("status", "active", "unpaid", "operator:ana"),
        ("status", "suspended", "unpaid", "operator:ana"),
    ]


async def test_every_tenant_is_listed_on_its_own_line(
    settings: KitSettings, business: Business, capsys: pytest.CaptureFixture[str]
) -> None:
    other = await new_business(business.database)
    with patch.object(operators, "_PAGE", 1):
        await _run(settings, "tenants", "--name", "ana")
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [tenant["id"] for tenant in printed[:2]] == [other.id, business.id]
    assert printed[1]["name"] == "Loja Açaí"


async def test_a_token_is_printed_and_nothing_else(
    settings: KitSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await _run(settings, "operator-token", "--name", "ana", "--minutes", "5")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.count(".") == 2


async def test_what_crm_refuses_is_told(settings: KitSettings, business: Business) -> None:
    with pytest.raises(NotFound) as refused:
        await _run(settings, "suspend-tenant", new_id(), "--name", "ana", "--reason", "x")
    assert refused.value.reason == "TENANT_NOT_FOUND"
    with pytest.raises(InvalidArgument) as invalid:
        await _run(settings, "set-plan", business.id, "gold", "--name", "ana", "--reason", "x")
    assert invalid.value.reason == "INVALID_REQUEST"


async def test_no_other_service_is_an_operator(
    business: Business, infra: Infra, database: Database
) -> None:
    crm = kit_settings(infra.environment("crm"))
    authenticator = Authenticator(crm.service_public_keys, StoredAccess(database))
    signer = Signer("ingestion", infra.environment("ingestion")["MALHA_SERVICE_KEY"])
    token = signer.service_token(business.id, "")
    actor = await authenticator.identify({"authorization": f"Bearer {token}"})
    with pytest.raises(ScopeMissing):
        actor.require("admin")
