"""Webhooks to a connection that was deleted, or connected anew by somebody else."""

from malha.ingestion.v1.connection_service_pb2 import DeleteConnectionRequest
from malha.ingestion.v1.webhook_event_service_pb2 import ListWebhookEventsRequest

from services.ingestion.connections.commands import delete_connection
from services.ingestion.connections.model import WebhookURLs
from services.ingestion.webhooks.queries import list_webhook_events
from services.kit.ids import new_id
from services.kit.testing import partner_call
from tests.conftest import TestTenant
from tests.ingestion.webhooks.world import Number, World


async def disconnect(world: World, number: Number) -> None:
    await delete_connection(
        world.call(number.tenant_id),
        DeleteConnectionRequest(id=number.id),
        connections=world.connections,
        clock=world.clock,
        urls=WebhookURLs("https://malha.example"),
    )


async def test_they_are_answered_as_those_to_an_unknown_connection(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    assert await world.receive_and_process(number.webhook(number.text("a"))) == [200]
    await disconnect(world, number)
    unknown = number.webhook(number.text("b"))
    unknown.connection_id = new_id()
    answers = await world.receive(number.webhook(number.text("b")), unknown)
    assert [(answer.http_status, answer.reason) for answer in answers] == [
        (404, "CONNECTION_NOT_FOUND")
    ] * 2
    assert await world.verdicts(tenant.id) == [("accepted", "")]


async def test_one_that_was_acknowledged_before_is_rejected_with_a_reason(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    await world.receive(number.webhook(number.text("a")))
    await disconnect(world, number)
    await world.receive_and_process()
    assert await world.verdicts(tenant.id) == [("rejected", "ROUTE_NOT_FOUND")]
    assert await world.timers(tenant.id) == 0


async def test_what_was_received_stays_to_be_read(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    await world.receive_and_process(number.webhook(number.text("a")))
    await disconnect(world, number)
    call = partner_call(
        world.database, tenant_id=tenant.id, workspace_id=tenant.workspace_id, readonly=True
    )
    for request in (ListWebhookEventsRequest(), ListWebhookEventsRequest(connection_id=number.id)):
        page = await list_webhook_events(call, request)
        assert [event.external_id for event in page.webhook_events] == ["a"]


async def test_a_number_that_another_business_connected_is_its_own(
    world: World, tenant: TestTenant
) -> None:
    heir = TestTenant(new_id(), new_id())
    first, beside = await world.connect(tenant.id), await world.connect(tenant.id)
    # Learned by way of another number of the same business.
    through = beside.webhook(beside.text("a", number=first.phone_number_id))
    await world.receive_and_process(through)
    assert await world.verdicts(tenant.id) == [("accepted", "")]
    await disconnect(world, first)
    second = await world.connect(heir.id, phone=first.phone_number_id)
    again = beside.webhook(beside.text("b", number=first.phone_number_id))
    await world.receive_and_process(again, second.webhook(second.text("c")))
    assert (await world.verdicts(tenant.id))[1:] == [("rejected", "ROUTE_NOT_FOUND")]
    assert await world.verdicts(heir.id) == [("accepted", "")]
