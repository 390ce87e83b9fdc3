"""Connecting channels, on the real database."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import ParseDict
from malha.assistants.v1.events_pb2 import AssistantDeleted
from malha.ingestion.v1.connection_pb2 import ConnectionStatus
from malha.ingestion.v1.connection_service_pb2 import CreateConnectionRequest
from malha.ingestion.v1.events_pb2 import ConnectionCreated, ConnectionUpdated

from services.ingestion.channels.whatsapp import WhatsAppConfig
from services.ingestion.connections.commands import create_connection
from services.ingestion.connections.directory import Connections
from services.ingestion.connections.events import drop_connection, release_connections
from services.ingestion.connections.model import (
    AssistantNotFound,
    ConnectionAlreadyExists,
    ConnectionNotFound,
)
from services.kit.clock import Clock
from services.kit.errors import InvalidRequest
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from tests.ingestion.connections.office import SEALER, SECRETS, URLS, Office, config


async def test_a_connected_channel_is_shown_without_its_secrets(office: Office) -> None:
    made = await office.connect(number="900000000000001")
    assert made.webhook_url == f"https://malha.example/webhooks/v1/whatsapp/{made.id}"
    assert made.status == ConnectionStatus.CONNECTION_STATUS_ACTIVE
    assert made.external_id == "900000000000001"
    assert made.account_id == "102290129340398"
    assert made.workspace_id == office.workspace_id
    assert await office.get(made.id) == made
    listed = await office.page()
    assert list(listed.connections) == [made]
    (event,) = await office.emitted("connection_created")
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
    assert await Connections(office.database, SEALER, Clock()).by_id(mine.id) is None
    assert await Connections(office.database, SEALER, Clock()).by_id(other.id) is not None


async def test_an_account_is_connected_once_whoever_owns_it(office: Office) -> None:
    made = await office.connect(number="900000000000002")
    for again in (office, office.other()):
        with pytest.raises(ConnectionAlreadyExists) as refused:
            await again.connect(number="900000000000002")
        assert refused.value.metadata == {"channel": "whatsapp"}
    found = await office.connections.by_external("whatsapp", "900000000000002")
    assert found is not None
    assert found.id == made.id


async def test_the_assistant_must_exist(office: Office) -> None:
    (assistant,) = office.assistant_ids
    made = await office.connect(assistant_id=assistant)
    assert made.assistant_id == assistant
    for attempt in (
        office.connect(assistant_id=new_id()),
        office.update(made.id, assistant_id=new_id()),
    ):
        with pytest.raises(AssistantNotFound) as refused:
            await attempt
        assert refused.value.reason == "ASSISTANT_NOT_FOUND"
    with pytest.raises(InvalidRequest, match="assistant_id"):
        await office.update(made.id, assistant_id="-" * 36)
    assert await office.get(made.id) == made
    assert len((await office.page()).connections) == 1


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
    events = await office.emitted("connection_updated")
    assert ConnectionUpdated.FromString(events[-1]).connection == cleared


async def test_an_update_of_what_has_changed_since_it_was_read_is_refused(office: Office) -> None:
    made = await office.connect()
    named = await office.update(made.id, display_name="Loja Centro", etag=made.etag)
    assert named.etag != made.etag
    for fields in ({"display_name": "x"}, {"config": {"access_token": "t"}}):
        with pytest.raises(EtagMismatch):
            await office.update(made.id, etag=made.etag, **fields)
    assert await office.get(made.id) == named
    assert (await office.page()).connections[0].etag == named.etag
    renewed = await office.update(made.id, etag=named.etag, config={"access_token": "t"})
    assert renewed.etag != named.etag
    overwritten = await office.update(made.id, display_name="y")
    assert overwritten.display_name == "y"


async def test_others_see_nothing_and_change_nothing(office: Office) -> None:
    made = await office.connect()
    neighbour = office.other()
    neighbour.tenant_id = office.tenant_id  # Another workspace of the same tenant.
    for stranger in (office.other(), neighbour):
        with pytest.raises(ConnectionNotFound):
            await stranger.get(made.id)
        with pytest.raises(ConnectionNotFound):
            await stranger.update(made.id, display_name="x")
        listed = await stranger.page()
        assert not listed.connections
    assert await office.get(made.id) == made


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
    deaf = Connections(office.database, SEALER, Clock())
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
    (event,) = await office.emitted("connection_updated")
    assert ConnectionUpdated.FromString(event).connection == await office.get(answered.id)
