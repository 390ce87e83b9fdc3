"""Disconnecting a channel: its secrets are gone, its account is free, what it received stays."""

from __future__ import annotations

import asyncio

import pytest
from malha.ingestion.v1.connection_pb2 import Connection
from malha.ingestion.v1.events_pb2 import ConnectionCreated, ConnectionDeleted

from services.ingestion.connections.directory import Connections
from services.ingestion.connections.events import drop_deleted_connection, notice_connection
from services.ingestion.connections.model import ConnectionAlreadyExists, ConnectionNotFound
from services.kit.clock import Clock
from services.kit.ids import new_id
from tests.ingestion.connections.office import SEALER, Office


async def test_a_deleted_connection_is_found_no_more(office: Office) -> None:
    made, other = await office.connect(), await office.connect()
    await office.disconnect(made.id)
    for attempt in (
        office.get(made.id),
        office.update(made.id, display_name="x"),
        office.disconnect(made.id),
        office.disconnect(new_id()),
    ):
        with pytest.raises(ConnectionNotFound):
            await attempt
    assert list((await office.page()).connections) == [other]
    assert await office.connections.by_id(made.id) is None
    (event,) = await office.emitted("connection_deleted")
    assert ConnectionDeleted.FromString(event).connection.id == made.id


async def test_its_secrets_are_erased_and_its_row_is_kept(office: Office) -> None:
    made = await office.connect()
    await office.disconnect(made.id)
    async with office.call().transaction() as tx:
        row = await tx.one("SELECT * FROM ingestion.connections WHERE id = $1", made.id)
    assert row["config"] is None
    assert row["delete_time"] is not None
    assert row["external_id"] == made.external_id


async def test_others_cannot_disconnect_it(office: Office) -> None:
    made = await office.connect()
    neighbour = office.other()
    neighbour.tenant_id = office.tenant_id  # Another workspace of the same tenant.
    for stranger in (office.other(), neighbour):
        with pytest.raises(ConnectionNotFound):
            await stranger.disconnect(made.id)
    assert await office.get(made.id) == made
    with pytest.raises(ConnectionAlreadyExists):
        await office.other().connect(number=made.external_id)


async def test_its_account_can_be_connected_anew_by_another_business(office: Office) -> None:
    first = await office.connect()
    number = first.external_id
    heir = office.other()
    known = await office.connections.by_external("whatsapp", number)
    assert known is not None
    await office.disconnect(first.id)
    assert await office.connections.by_external("whatsapp", number) is None
    second = await heir.connect(number=number)
    found = await office.connections.by_external("whatsapp", number)
    assert found is not None
    assert (found.id, found.tenant_id) == (second.id, heir.tenant_id)
    with pytest.raises(ConnectionAlreadyExists):
        await office.connect(number=number)
    await heir.disconnect(second.id)
    assert (await office.connect(number=number)).id not in (first.id, second.id)


async def test_only_one_takes_an_account_that_was_let_go(office: Office) -> None:
    first = await office.connect()
    rivals = [office, *(office.other() for _ in range(5))]
    outcomes = await asyncio.gather(
        office.disconnect(first.id),
        *(rival.connect(number=first.external_id) for rival in rivals),
        return_exceptions=True,
    )
    made = [outcome for outcome in outcomes if isinstance(outcome, Connection)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, ConnectionAlreadyExists)]
    assert outcomes[0] is None
    assert len(made) <= 1
    assert len(made) + len(refused) == len(rivals)


async def test_an_update_at_the_same_time_brings_no_secret_back(office: Office) -> None:
    for _ in range(5):
        made = await office.connect()
        updated, deleted = await asyncio.gather(
            office.update(made.id, config={"access_token": "new"}),
            office.disconnect(made.id),
            return_exceptions=True,
        )
        assert isinstance(updated, Connection | ConnectionNotFound)
        assert deleted is None
        async with office.call().transaction() as tx:
            query = "SELECT config FROM ingestion.connections WHERE id = $1"
            assert await tx.value(query, made.id) is None


async def test_every_process_that_hears_of_it_forgets_it_and_learns_of_the_next_one(
    office: Office,
) -> None:
    made = await office.connect()
    elsewhere = Connections(office.database, SEALER, Clock())
    assert await elsewhere.by_external("whatsapp", made.external_id) is not None
    await office.disconnect(made.id)
    assert await elsewhere.by_id(made.id) is not None  # It has not heard of it yet.
    (event,) = await office.emitted("connection_deleted")
    await drop_deleted_connection(
        office.call(), ConnectionDeleted.FromString(event), connections=elsewhere
    )
    assert await elsewhere.by_id(made.id) is None
    assert await elsewhere.by_external("whatsapp", made.external_id) is None
    heir = office.other()
    again = await heir.connect(number=made.external_id)
    (event,) = await heir.emitted("connection_created")
    await notice_connection(heir.call(), ConnectionCreated.FromString(event), connections=elsewhere)
    found = await elsewhere.by_external("whatsapp", made.external_id)
    assert found is not None
    assert found.id == again.id
