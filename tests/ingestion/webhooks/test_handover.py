"""Accepted messages reach processing, whatever the bus forgets and whoever is cut short."""

from datetime import timedelta
from typing import Any

from malha.processing.v1.conversation_service_pb2 import (
    FindStoredMessagesRequest,
    FindStoredMessagesResponse,
)

from services.ingestion.webhooks.events import check_arrival
from services.kit.call import Call
from services.kit.testing import FakePeers, service_call
from tests.conftest import TestTenant
from tests.ingestion.webhooks.world import World, sign


def _call(world: World, tenant_id: str, stored: set[str]) -> Call:
    async def find(request: FindStoredMessagesRequest) -> FindStoredMessagesResponse:
        return FindStoredMessagesResponse(message_ids=stored & set(request.message_ids))

    peers: Any = FakePeers({"ConversationService.FindStoredMessages": find})
    return service_call(world.database, tenant_id=tenant_id, peers=peers)


async def test_messages_that_the_bus_forgot_are_handed_on_again(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    await world.receive_and_process(number.webhook(number.text("a", "b")))
    first, second = [inbound.message.id for inbound in await world.messages(tenant.id)]
    (timer,) = await world.all(
        tenant.id,
        "SELECT id, due_time FROM ingestion.timers WHERE tenant_id = $1 AND kind = 'handover'",
        tenant.id,
    )
    assert timer["due_time"] > world.clock.now() + timedelta(seconds=50)
    for stored, handed_on in (({first}, [first, second, second]), ({first, second}, None)):
        await check_arrival(_call(world, tenant.id, stored), timer["id"], clock=world.clock)
        if handed_on:
            assert [m.message.id for m in await world.messages(tenant.id)] == handed_on
    assert not await world.all(tenant.id, "SELECT FROM ingestion.handovers")
    assert not await world.all(
        tenant.id, "SELECT FROM ingestion.timers WHERE tenant_id = $1", tenant.id
    )


async def test_half_a_character_does_not_hold_back_a_webhook(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    for half in (rb"\ud83d", rb"\udc4d", rb"\ud83d\ud83d", b"\xf0\x9f", rb"\\ud83d \ud83d"):
        whole = number.webhook(number.text(f"a{half.hex()}"), number.text(f"b{half.hex()}")).body
        body = whole.replace(b'"Ana"', b'"Ana ' + half + b'"', 1)
        webhook = number.raw(body, **{"x-hub-signature-256": sign(body)})
        assert await world.receive_and_process(webhook) == [200]
    assert {verdict for verdict, _ in await world.verdicts(tenant.id)} == {"accepted"}
    names = [m.message.sender.display_name for m in await world.messages(tenant.id)]
    assert [name.removeprefix("Ana ") for name in names[::2]] == [
        "\ufffd",
        "\ufffd",
        "\ufffd\ufffd",
        "\ufffd",
        "\\ud83d \ufffd",
    ]
    assert set(names[1::2]) == {"Ana"}
