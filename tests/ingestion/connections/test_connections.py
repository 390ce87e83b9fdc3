"""Connecting channels, on the real database."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from google.protobuf.json_format import ParseDict
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.events_pb2 import AssistantDeleted
from malha.ingestion.v1.connection_pb2 import Connection, ConnectionStatus
from malha.ingestion.v1.connection_service_pb2 import (
    CreateConnectionRequest,
    GetConnectionRequest,
    ListConnectionsRequest,
    UpdateConnectionRequest,
)
from malha.ingestion.v1.events_pb2 import ConnectionCreated, ConnectionUpdated
from pydantic import SecretStr

from services.ingestion.channels.base import HTTP
from services.ingestion.channels.whatsapp import WhatsAppConfig
from services.ingestion.connections.commands import create_connection, update_connection
from services.ingestion.connections.directory import Connections
from services.ingestion.connections.events import drop_connection, release_connections
from services.ingestion.connections.model import (
    ConnectionAlreadyExists,
    ConnectionNotFound,
    WebhookURLs,
)
from services.ingestion.connections.queries import get_connection, list_connections
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.errors import InvalidRequest, NotFound
from services.kit.ids import new_id
from services.kit.testing import FakePeers, partner_call
from services.kit.validate import validate

URLS = WebhookURLs("https://malha.example/")
SEALER = Sealer([SecretStr(base64.b64encode(b"c" * 32).decode())])
SECRETS = ("app-secret-x1", "verify-token-x2", "access-token-x3")


class Office:
    """Somebody of a workspace who connects channels."""

    def __init__(self, database: Database, http: HTTP, connections: Connections) -> None:
        self.database = database
        self.http = http
        self.connections = connections
        self.tenant_id, self.workspace_id = new_id(), new_id()
        self.peers = FakePeers({"AssistantService.GetAssistant": self._assistant})
        self.assistant_ids = {new_id()}

    def call(self, *, readonly: bool = False) -> Call:
        return partner_call(
            self.database,
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            peers=self.peers,
            readonly=readonly,
        )

    def other(self) -> Office:
        return Office(self.database, self.http, self.connections)

    async def connect(self, number: str = "", **fields: Any) -> Connection:
        request = CreateConnectionRequest(channel="whatsapp", display_name="Loja")
        ParseDict({"config": config(number) | fields.pop("config", {})}, request)
        request.MergeFrom(CreateConnectionRequest(**fields))
        validate(request)
        return await create_connection(
            self.call(),
            request,
            sealer=SEALER,
            connections=self.connections,
            http=self.http,
            clock=Clock(),
            urls=URLS,
        )

    async def update(self, connection_id: str, **fields: Any) -> Connection:
        request = UpdateConnectionRequest(id=connection_id, **fields)
        validate(request)
        return await update_connection(
            self.call(), request, connections=self.connections, clock=Clock(), urls=URLS
        )

    async def get(self, connection_id: str) -> Connection:
        request = GetConnectionRequest(id=connection_id)
        return await get_connection(self.call(readonly=True), request, urls=URLS)

    async def _assistant(self, request: Any) -> Assistant:
        if request.id not in self.assistant_ids:
            raise NotFound
        return Assistant(id=request.id)


def config(number: str = "") -> dict[str, Any]:
    return {
        "phone_number_id": number or str(int(new_id().replace("-", ""), 16))[-20:],
        "waba_id": "102290129340398",
        "app_secret": SECRETS[0],
        "verify_token": SECRETS[1],
        "access_token": SECRETS[2],
    }


@pytest.fixture
async def office(databases: Callable[[str], Awaitable[Database]]) -> AsyncIterator[Office]:
    database = await databases("ingestion")
    async with aiohttp.ClientSession() as session:
        # Nobody listens there: names of accounts cannot be had.
        http = HTTP(session, "http://127.0.0.1:9")
        yield Office(database, http, Connections(database, SEALER))


async def emitted(office: Office, kind: str) -> list[bytes]:
    rows = await office.database.pool.fetch(
        "SELECT payload FROM ingestion.outbox WHERE subject = $1 ORDER BY id",
        f"evt.ingestion.{office.tenant_id}.{kind}",
    )
    return [row["payload"] for row in rows]


async def test_a_connected_channel_is_shown_without_its_secrets(office: Office) -> None:
    made = await office.connect(number="900000000000001")
    assert made.webhook_url == f"https://malha.example/webhooks/v1/whatsapp/{made.id}"
    assert made.status == ConnectionStatus.CONNECTION_STATUS_ACTIVE
    assert made.external_id == "900000000000001"
    assert made.account_id == "102290129340398"
    assert made.workspace_id == office.workspace_id
    assert await office.get(made.id) == made
    listed = await list_connections(office.call(readonly=True), ListConnectionsRequest(), urls=URLS)
    assert list(listed.connections) == [made]
    (event,) = await emitted(office, "connection_created")
    assert ConnectionCreated.FromString(event).connection == made
    for text in (str(made), str(event)):
        assert not any(secret in text for secret in SECRETS)


async def test_secrets_are_sealed_where_they_rest(office: Office) -> None:
    made = await office.connect()
    async with office.call().transaction() as tx:
        sealed = await tx.value("SELECT config FROM ingestion.connections WHERE id = $1", made.id)
    assert not any(secret.encode() in sealed for secret in SECRETS)
    opened = await office.connections.by_id(made.id)
    assert opened is not None
    assert isinstance(opened.config, WhatsAppConfig)
    assert opened.config.app_secret.get_secret_value() == SECRETS[0]
    assert not any(secret in repr(opened) for secret in SECRETS)


async def test_a_sealed_configuration_opens_in_no_other_row(office: Office) -> None:
    mine, other = await office.connect(), await office.connect()
    async with office.call().transaction() as tx:
        await tx.run(
            "UPDATE ingestion.connections SET config = (SELECT config FROM ingestion.connections"
            " WHERE id = $1) WHERE id = $2",
            other.id,
            mine.id,
        )
    assert await Connections(office.database, SEALER).by_id(mine.id) is None
    assert await Connections(office.database, SEALER).by_id(other.id) is not None


async def test_an_account_is_connected_once_whoever_owns_it(office: Office) -> None:
    made = await office.connect(number="900000000000002")
    for again in (office, office.other()):
        with pytest.raises(ConnectionAlreadyExists) as refused:
            await again.connect(number="900000000000002")
        assert refused.value.metadata == {"channel": "whatsapp"}
    found = await office.connections.by_external("whatsapp", "900000000000002")
    assert found is not None
    assert found.id == made.id


async def test_every_field_at_fault_is_named_and_no_secret_is_quoted(office: Office) -> None:
    wrong = {"app_secret": "has spaces", "waba_id": 7, "colour": "blue", "verify_token": ""}
    with pytest.raises(InvalidRequest) as refused:
        await office.connect(config=wrong)
    violations = dict(refused.value.violations())
    assert set(violations) == {
        "config.app_secret",
        "config.waba_id",
        "config.colour",
        "config.verify_token",
    }
    assert "has spaces" not in str(violations)
    with pytest.raises(InvalidRequest, match="channel"):
        await office.connect(channel="telegraph")


async def test_the_assistant_must_exist(office: Office) -> None:
    (assistant,) = office.assistant_ids
    made = await office.connect(assistant_id=assistant)
    assert made.assistant_id == assistant
    with pytest.raises(InvalidRequest, match="assistant_id"):
        await office.connect(assistant_id=new_id())
    with pytest.raises(InvalidRequest, match="assistant_id"):
        await office.update(made.id, assistant_id=new_id())


async def test_a_name_that_cannot_be_had_does_not_stop_a_connection(office: Office) -> None:
    request = CreateConnectionRequest(channel="whatsapp")
    ParseDict({"config": config()}, request)
    made = await create_connection(
        office.call(),
        request,
        sealer=SEALER,
        connections=office.connections,
        http=office.http,
        clock=Clock(),
        urls=URLS,
    )
    assert made.display_name == "whatsapp"


async def test_an_update_changes_what_is_set_and_leaves_the_rest(office: Office) -> None:
    (assistant,) = office.assistant_ids
    made = await office.connect(assistant_id=assistant)
    named = await office.update(made.id, display_name="Loja Centro")
    assert (named.display_name, named.assistant_id) == ("Loja Centro", assistant)
    paused = await office.update(made.id, status=ConnectionStatus.CONNECTION_STATUS_PAUSED)
    assert paused.status == ConnectionStatus.CONNECTION_STATUS_PAUSED
    assert paused.display_name == "Loja Centro"
    cleared = await office.update(made.id, assistant_id="")
    assert cleared.assistant_id == ""
    assert cleared.update_time.ToDatetime() > made.update_time.ToDatetime()
    events = await emitted(office, "connection_updated")
    assert ConnectionUpdated.FromString(events[-1]).connection == cleared


async def test_others_see_nothing_and_change_nothing(office: Office) -> None:
    made = await office.connect()
    neighbour = office.other()
    neighbour.tenant_id = office.tenant_id  # Another workspace of the same tenant.
    for stranger in (office.other(), neighbour):
        with pytest.raises(ConnectionNotFound):
            await stranger.get(made.id)
        with pytest.raises(ConnectionNotFound):
            await stranger.update(made.id, display_name="x")
        listed = await list_connections(
            stranger.call(readonly=True), ListConnectionsRequest(), urls=URLS
        )
        assert not listed.connections
    assert await office.get(made.id) == made


async def test_pages_follow_each_other(office: Office) -> None:
    made = [(await office.connect()).id for _ in range(5)]
    seen, token = [], ""
    while True:
        request = ListConnectionsRequest(page_size=2, page_token=token)
        page = await list_connections(office.call(readonly=True), request, urls=URLS)
        seen += [connection.id for connection in page.connections]
        if not (token := page.next_page_token):
            break
    assert seen == made[::-1]


async def test_an_open_connection_is_found_by_either_id_before_the_tenant_is_known(
    office: Office,
) -> None:
    made = await office.connect(number="900000000000003")
    by_id = await office.connections.by_id(made.id)
    assert by_id is not None
    assert by_id is await office.connections.by_external("whatsapp", "900000000000003")
    assert (by_id.tenant_id, by_id.workspace_id) == (office.tenant_id, office.workspace_id)
    assert by_id.active
    assert by_id is await office.connections.by_id(made.id.upper())
    for unknown in ("", "x", new_id(), "../etc", made.id + "0"):
        assert await office.connections.by_id(unknown) is None
    for channel, external in (("whatsapp", ""), ("whatsapp", "1"), ("x", "900000000000003")):
        assert await office.connections.by_external(channel, external) is None


async def test_a_change_that_is_heard_is_seen_at_once_and_one_that_is_not_a_moment_later(
    office: Office,
) -> None:
    made = await office.connect()
    deaf = Connections(office.database, SEALER)
    assert await deaf.by_id(made.id) is not None
    paused = await office.update(made.id, status=ConnectionStatus.CONNECTION_STATUS_PAUSED)
    here = await office.connections.by_id(made.id)
    assert here is not None
    assert not here.active
    there = await deaf.by_id(made.id)
    assert there is not None
    assert there.active
    await drop_connection(office.call(), ConnectionUpdated(connection=paused), connections=deaf)
    there = await deaf.by_id(made.id)
    assert there is not None
    assert not there.active


async def test_an_account_just_connected_is_known_where_it_was_asked_for_before(
    office: Office,
) -> None:
    assert await office.connections.by_external("whatsapp", "900000000000004") is None
    made = await office.connect(number="900000000000004")
    found = await office.connections.by_external("whatsapp", "900000000000004")
    assert found is not None
    assert found.id == made.id


async def test_a_deleted_assistants_connections_are_left_to_people(office: Office) -> None:
    (assistant_id,) = office.assistant_ids
    answered = await office.connect(assistant_id=assistant_id)
    other = await office.connect()
    await release_connections(
        office.call(), AssistantDeleted(assistant_id=assistant_id), clock=Clock(), urls=URLS
    )
    assert (await office.get(answered.id)).assistant_id == ""
    assert await office.get(other.id) == other
    (event,) = await emitted(office, "connection_updated")
    assert ConnectionUpdated.FromString(event).connection == await office.get(answered.id)
