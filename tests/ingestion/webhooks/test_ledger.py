"""The ledger as its owner reads it, and the handshake."""

import pytest
from malha.ingestion.v1.webhook_event_pb2 import WebhookStatus
from malha.ingestion.v1.webhook_event_service_pb2 import (
    GetWebhookEventRequest,
    ListWebhookEventsRequest,
)
from malha.ingestion.v1.webhook_service_pb2 import VerifySubscriptionRequest

from services.ingestion.channels.base import VerifyTokenMismatch
from services.ingestion.connections.model import ConnectionNotFound
from services.ingestion.webhooks.queries import (
    WebhookEventNotFound,
    get_webhook_event,
    list_webhook_events,
    verify_subscription,
)
from services.kit.call import Call
from services.kit.ids import new_id
from services.kit.testing import partner_call
from tests.conftest import TestTenant
from tests.ingestion.webhooks.world import World


def reading(world: World, tenant_id: str, workspace_id: str) -> Call:
    return partner_call(
        world.database, tenant_id=tenant_id, workspace_id=workspace_id, readonly=True
    )


async def test_events_are_listed_newest_first_in_pages(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    await world.receive_and_process(number.webhook(number.text(*"abcde")))
    call = reading(world, tenant.id, tenant.workspace_id)
    seen, token = [], ""
    while True:
        page = await list_webhook_events(
            call, ListWebhookEventsRequest(page_size=2, page_token=token)
        )
        assert len(page.webhook_events) <= 2
        seen += page.webhook_events
        token = page.next_page_token
        if not token:
            break
    assert [event.external_id for event in seen] == list("edcba")
    assert all(event.payload == "" for event in seen)
    assert all(event.correlation_id == event.id for event in seen)
    assert {event.status for event in seen} == {WebhookStatus.WEBHOOK_STATUS_ACCEPTED}


async def test_events_are_filtered(world: World, tenant: TestTenant) -> None:
    one = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    two = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    await world.receive_and_process(
        one.webhook(one.text("a", "a")), two.webhook(two.text("b")), two.raw(b"{}")
    )
    call = reading(world, tenant.id, tenant.workspace_id)

    async def found(**fields: object) -> list[tuple[str, str]]:
        page = await list_webhook_events(call, ListWebhookEventsRequest(**fields))
        return sorted((event.external_id, event.reason) for event in page.webhook_events)

    rejected = [("", "SIGNATURE_MISMATCH"), ("a", "DUPLICATE")]
    assert await found(status=WebhookStatus.WEBHOOK_STATUS_REJECTED) == rejected
    assert await found(connection_id=one.id) == [("a", ""), ("a", "DUPLICATE")]
    assert await found(status=WebhookStatus.WEBHOOK_STATUS_QUEUED) == []
    (row,) = [row for row in await world.ledger(tenant.id) if row["external_id"] == "b"]
    assert await found(correlation_id=row["id"]) == [("b", "")]
    assert await found(correlation_id="no-id-at-all") == []


async def test_one_event_has_its_payload(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    webhook = number.webhook(number.text("a"))
    await world.receive_and_process(webhook, number.raw(b"\xff\xfe"))
    call = reading(world, tenant.id, tenant.workspace_id)
    good, bad = [
        await get_webhook_event(call, GetWebhookEventRequest(id=row["id"]))
        for row in await world.ledger(tenant.id)
    ][:2]
    payloads = {good.payload, bad.payload}
    assert payloads == {webhook.body.decode(), "\ufffd\ufffd"}


async def test_events_of_others_do_not_exist(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    await world.receive(number.webhook(number.text("a")))
    (row,) = await world.ledger(tenant.id)
    for call in (
        reading(world, new_id(), tenant.workspace_id),
        reading(world, tenant.id, new_id()),
    ):
        with pytest.raises(WebhookEventNotFound):
            await get_webhook_event(call, GetWebhookEventRequest(id=row["id"]))
        page = await list_webhook_events(call, ListWebhookEventsRequest())
        assert not page.webhook_events


async def test_a_handshake_needs_the_connections_own_token(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)

    async def shake(channel: str, connection_id: str, token: str) -> str:
        reply = await verify_subscription(
            world.call(),
            VerifySubscriptionRequest(
                channel=channel,
                connection_id=connection_id,
                query={
                    "hub.mode": "subscribe",
                    "hub.verify_token": token,
                    "hub.challenge": "1158201444",
                },
            ),
            connections=world.connections,
        )
        return str(reply.challenge)

    assert await shake("whatsapp", number.id, "open-sesame") == "1158201444"
    with pytest.raises(VerifyTokenMismatch):
        await shake("whatsapp", number.id, "sesame")
    with pytest.raises(ConnectionNotFound):
        await shake("whatsapp", new_id(), "open-sesame")
    with pytest.raises(ConnectionNotFound):
        await shake("instagram", number.id, "open-sesame")
