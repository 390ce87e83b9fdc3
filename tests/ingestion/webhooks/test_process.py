"""Verdicts on the real stores, and what follows from them."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malha.crm.v1.events_pb2 import TenantUpdated
from malha.crm.v1.tenant_pb2 import Tenant, TenantStatus
from malha.ingestion.v1.events_pb2 import WebhookAccepted, WebhookRejected

from services.ingestion.webhooks.events import drop_tenant
from services.kit.errors import Unavailable
from services.kit.ids import new_id
from services.kit.testing import FakePeers, service_call
from tests.conftest import TestTenant
from tests.ingestion.webhooks.world import Number, World, sign


async def test_an_accepted_message_reaches_processing_complete(
    world: World, tenant: TestTenant
) -> None:
    assistant = new_id()
    number = await world.connect(tenant.id, assistant_id=assistant)
    await world.receive_and_process(number.webhook(number.text("wamid.1")))
    (row,) = await world.ledger(tenant.id)
    assert (row["verdict"], row["reason"]) == ("accepted", "")
    assert row["process_time"] is not None
    (inbound,) = await world.messages(tenant.id)
    message = inbound.message
    assert inbound.correlation_id == row["id"]
    assert not inbound.echo
    assert message.id == row["id"]  # So messages sort by receipt, and making one twice is one.
    assert message.tenant_id == tenant.id
    assert message.workspace_id == number.workspace_id
    assert message.channel_id == number.id
    assert message.context.assistant_id == assistant
    assert message.content.text.text == "oi wamid.1"
    assert message.external_id == "wamid.1"
    (event,) = await world.sent(tenant.id, WebhookAccepted)
    assert (event.webhook_event_id, event.kind) == (row["id"], "message")
    assert await world.timers(tenant.id) == 0


async def test_a_second_delivery_is_a_duplicate_whenever_it_comes(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    twice = number.webhook(number.text("wamid.1", "wamid.1"))
    assert await world.receive_and_process(twice) == [200]
    assert await world.receive_and_process(number.webhook(number.text("wamid.1"))) == [200]
    assert await world.verdicts(tenant.id) == [
        ("accepted", ""),
        ("rejected", "DUPLICATE"),
        ("rejected", "DUPLICATE"),
    ]
    assert len(await world.messages(tenant.id)) == 1


async def test_the_same_post_fifty_times_at_once_is_one_message(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    posts = [number.webhook(number.text("a", "b"), number.text("c")) for _ in range(50)]
    await asyncio.gather(*(world.receive(post) for post in posts))
    batches = {row["batch_id"] for row in await world.ledger(tenant.id)}
    assert len(batches) == 50
    await asyncio.gather(*(world.process(tenant.id, batch) for batch in batches))
    assert Counter(await world.verdicts(tenant.id)) == {
        ("accepted", ""): 3,
        ("rejected", "DUPLICATE"): 147,
    }
    assert len(await world.messages(tenant.id)) == 3


async def test_two_workers_on_one_batch_do_its_work_once(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    await world.receive(number.webhook(number.text(*"abcdef"), number.status("w")))
    (batch,) = {row["batch_id"] for row in await world.ledger(tenant.id)}
    await asyncio.gather(*(world.process(tenant.id, batch) for _ in range(4)))
    assert {verdict for verdict, _ in await world.verdicts(tenant.id)} == {"accepted"}
    assert len(await world.messages(tenant.id)) == 6
    assert len(await world.sent(tenant.id, WebhookAccepted)) == 7


async def test_another_connection_may_receive_the_same_id(world: World, tenant: TestTenant) -> None:
    one, two = await world.connect(tenant.id), await world.connect(tenant.id)
    await world.receive_and_process(one.webhook(one.text("w")), two.webhook(two.text("w")))
    assert await world.verdicts(tenant.id) == [("accepted", "")] * 2


async def test_an_item_goes_to_the_number_it_is_for(world: World, tenant: TestTenant) -> None:
    one, two = await world.connect(tenant.id), await world.connect(tenant.id)
    await world.receive_and_process(one.webhook(one.text("w", number=two.phone_number_id)))
    (row,) = await world.ledger(tenant.id)
    assert (row["connection_id"], row["workspace_id"]) == (two.id, two.workspace_id)
    assert (await world.messages(tenant.id))[0].message.channel_id == two.id


async def test_an_item_for_another_tenants_number_reaches_nobody(
    world: World, tenant: TestTenant
) -> None:
    other = new_id()
    mine, theirs = await world.connect(tenant.id), await world.connect(other)
    await world.receive_and_process(
        mine.webhook(
            mine.text("a", number=theirs.phone_number_id),
            mine.text("b", number="1"),
            mine.text("c"),
        )
    )
    assert await world.verdicts(tenant.id) == [
        ("rejected", "ROUTE_NOT_FOUND"),
        ("rejected", "ROUTE_NOT_FOUND"),
        ("accepted", ""),
    ]
    assert await world.ledger(other) == []
    assert await world.messages(other) == []


async def test_a_paused_connection_rejects(world: World, tenant: TestTenant) -> None:
    paused = await world.connect(tenant.id, active=False)
    active = await world.connect(tenant.id)
    statuses = await world.receive_and_process(
        paused.webhook(paused.text("a")),
        active.webhook(active.text("b", number=paused.phone_number_id)),
        active.webhook(active.text("c")),
    )
    assert statuses == [200, 200, 200]
    assert await world.verdicts(tenant.id) == [
        ("rejected", "CONNECTION_PAUSED"),
        ("rejected", "CONNECTION_PAUSED"),
        ("accepted", ""),
    ]
    assert len(await world.sent(tenant.id, WebhookRejected)) == 2


async def test_a_suspended_tenant_rejects_until_it_is_served_again(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    served = world.tenants_by_id[tenant.id]
    suspended = Tenant(id=tenant.id, status=TenantStatus.TENANT_STATUS_SUSPENDED)
    world.tenants_by_id[tenant.id] = suspended
    assert await world.receive_and_process(number.webhook(number.text("a"))) == [200]
    world.tenants_by_id[tenant.id] = served
    await world.receive_and_process(number.webhook(number.text("b")))
    await drop_tenant(world.call(tenant.id), TenantUpdated(tenant=served), tenants=world.tenants)
    await world.receive_and_process(number.webhook(number.text("c")))
    assert await world.verdicts(tenant.id) == [
        ("rejected", "TENANT_SUSPENDED"),
        ("rejected", "TENANT_SUSPENDED"),  # Nobody said yet that it had changed.
        ("accepted", ""),
    ]


async def test_above_the_rate_events_are_rejected_and_only_there(
    world: World, tenant: TestTenant
) -> None:
    other = new_id()
    mine, theirs = await world.connect(tenant.id), await world.connect(other)
    world.tenants_by_id[tenant.id].webhooks_per_minute = 5
    webhooks = [mine.webhook(mine.text(f"{i}")) for i in range(8)]
    statuses = await world.receive_and_process(*webhooks, theirs.webhook(theirs.text("x")))
    assert set(statuses) == {200}
    assert (
        await world.verdicts(tenant.id)
        == [("accepted", "")] * 5 + [("rejected", "RATE_LIMITED")] * 3
    )
    assert await world.verdicts(other) == [("accepted", "")]


async def test_without_valkey_nobody_is_limited(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    world.tenants_by_id[tenant.id].webhooks_per_minute = 1
    await world.valkey.set(f"rate_limit:{tenant.id}", "not a bucket")  # The script fails.
    await world.receive_and_process(number.webhook(number.text("a", "b", "c")))
    assert await world.verdicts(tenant.id) == [("accepted", "")] * 3


async def test_crm_is_asked_once_and_not_missed_while_it_restarts(
    world: World, tenant: TestTenant
) -> None:
    asked = []

    async def get_tenant(request: object) -> object:
        asked.append(request)
        if len(asked) > 1:
            raise Unavailable
        return world.tenants_by_id[tenant.id]

    await world.connect(tenant.id)
    call = service_call(
        world.database,
        tenant_id=tenant.id,
        peers=FakePeers({"TenantService.GetTenant": get_tenant}),
    )
    known = await world.tenants.of(call)
    assert await world.tenants.of(call) == known
    assert len(asked) == 1
    await world.tenants.forget(tenant.id)
    assert await world.tenants.of(call) == known
    assert len(asked) == 2


async def test_nobody_is_judged_by_a_tenant_that_is_not_known(
    world: World, tenant: TestTenant
) -> None:
    async def get_tenant(_request: object) -> object:
        raise Unavailable

    peers = FakePeers({"TenantService.GetTenant": get_tenant})
    call = service_call(world.database, tenant_id=tenant.id, peers=peers)
    with pytest.raises(Unavailable):
        await world.tenants.of(call)


async def test_one_malformed_item_leaves_the_others_alone(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    change = number.text(*"0123456789")
    del change["value"]["messages"][4]["id"]
    change["value"]["messages"][7]["type"] = "hologram"
    change["value"]["messages"][8]["surprise"] = {"unknown": ["field"]}
    assert await world.receive_and_process(number.webhook(change)) == [200]
    verdicts = await world.verdicts(tenant.id)
    assert verdicts[4] == ("rejected", "ITEM_UNREADABLE")
    assert Counter(verdicts) == {("accepted", ""): 9, ("rejected", "ITEM_UNREADABLE"): 1}
    kinds = [m.message.content.WhichOneof("kind") for m in await world.messages(tenant.id)]
    assert kinds == ["text"] * 6 + ["unsupported"] + ["text"] * 2


async def test_a_message_beyond_the_protocol_is_rejected_alone(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    long = number.text("long")
    long["value"]["messages"][0]["text"]["body"] = "x" * 70_000
    await world.receive_and_process(number.webhook(number.text("a"), long, number.text("b")))
    verdicts = await world.verdicts(tenant.id)
    assert verdicts[0] == verdicts[2] == ("accepted", "")
    messages = await world.messages(tenant.id)
    assert len(messages) == sum(verdict == "accepted" for verdict, _ in verdicts)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b"7", b'{"object":"page","entry":[{}]}', b"[" * 2000 + b"]" * 2000],
)
async def test_what_is_signed_but_no_envelope_is_kept_and_not_asked_for_again(
    world: World, tenant: TestTenant, body: bytes
) -> None:
    number = await world.connect(tenant.id)
    webhook = number.raw(body, **{"x-hub-signature-256": sign(body)})
    (status,) = await world.receive_and_process(webhook)
    (row,) = await world.ledger(tenant.id)
    assert row["payload"] == body
    assert (status, row["reason"]) in ((200, "ENVELOPE_UNKNOWN"), (400, "BODY_UNREADABLE"))


async def test_what_nobody_acts_on_is_kept_as_rejected(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    await world.receive_and_process(
        number.webhook({"field": "account_alerts", "value": {"alert_type": "x"}})
    )
    assert await world.verdicts(tenant.id) == [("rejected", "TYPE_UNSUPPORTED")]


async def test_a_status_takes_the_correlation_of_the_delivery_it_settles(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    message_id, correlation_id = new_id(), new_id()
    await world.all(
        tenant.id,
        """INSERT INTO ingestion.deliveries
             (message_id, part, parts, connection_id, lane, correlation_id, status, external_id,
              due_time, create_time)
           VALUES ($1, 0, 1, $2, 'lane', $3, 'sent', 'wamid.out', now(), now())""",
        message_id,
        number.id,
        correlation_id,
    )
    await world.receive_and_process(
        number.webhook(number.status("wamid.out")), number.webhook(number.status("wamid.who"))
    )
    known, unknown = await world.ledger(tenant.id)
    assert known["correlation_id"] == correlation_id
    assert unknown["correlation_id"] is None
    (row,) = await world.all(tenant.id, "SELECT status::text FROM ingestion.deliveries")
    assert row["status"] == "delivered"


_SENT = st.sampled_from(
    ["text", "twin", "status", "other", "broken", "elsewhere", "forged", "garbage", "nowhere"]
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_SENT, min_size=1, max_size=12), st.integers(1, 8))
async def test_received_is_accepted_and_rejected(
    world: World, sent: list[str], per_minute: int
) -> None:
    tenant_id = new_id()
    number = await world.connect(tenant_id)
    world.tenants_by_id = {tenant_id: world.tenants_by_id[tenant_id]}
    world.tenants_by_id[tenant_id].webhooks_per_minute = per_minute
    webhooks = [_webhook(number, kind, place) for place, kind in enumerate(sent)]
    statuses = await world.receive_and_process(*webhooks)
    verdicts = Counter(verdict for verdict, _ in await world.verdicts(tenant_id))
    assert len(statuses) == len(sent)
    assert verdicts["queued"] == 0
    assert verdicts["accepted"] + verdicts["rejected"] == sum(kind != "nowhere" for kind in sent)
    assert verdicts["accepted"] <= per_minute + 1
    told = [
        *await world.sent(tenant_id, WebhookAccepted),
        *await world.sent(tenant_id, WebhookRejected),
    ]
    assert len(told) == verdicts.total()
    accepted_ids = [message.message.external_id for message in await world.messages(tenant_id)]
    assert len(set(accepted_ids)) == len(accepted_ids)


def _webhook(number: Number, kind: str, place: int):  # type: ignore[no-untyped-def]
    match kind:
        case "text":
            return number.webhook(number.text(f"wamid.{place}"))
        case "twin":
            return number.webhook(number.text("wamid.twin"))
        case "status":
            return number.webhook(number.status(f"wamid.{place}"))
        case "other":
            return number.webhook({"field": "security", "value": {"event": f"{place}"}})
        case "broken":
            return number.webhook({"field": "messages", "value": place})
        case "elsewhere":
            return number.webhook(number.text(f"wamid.{place}", number="1"))
        case "forged":
            return number.webhook(number.text("x"), **{"x-hub-signature-256": "sha256=00"})
        case "garbage":
            return number.raw(b"<xml/>")
        case _:
            webhook = number.webhook(number.text("x"))
            webhook.connection_id = new_id()
            return webhook


async def test_the_messages_of_one_post_keep_their_order(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    await world.receive_and_process(number.webhook(number.text("c", "a", "b")))
    await world.receive_and_process(number.webhook(number.text("next")))
    messages = sorted((m.message for m in await world.messages(tenant.id)), key=lambda m: m.id)
    assert [message.external_id for message in messages] == ["c", "a", "b", "next"]
