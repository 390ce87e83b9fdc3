"""The ledger from either end, between two times, and by what became of the events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from malha.ingestion.v1.webhook_event_pb2 import WebhookStatus
from malha.ingestion.v1.webhook_event_service_pb2 import ListWebhookEventsRequest

from services.ingestion.webhooks import queries
from services.ingestion.webhooks.queries import list_webhook_events
from services.kit.errors import InvalidRequest
from services.kit.pages import PageTokenInvalid, turned_round
from services.kit.readers import as_tenant
from services.kit.testing import partner_call
from services.kit.validate import validate
from tests.conftest import TestTenant
from tests.ingestion.webhooks.world import Number, World

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
QUEUED = WebhookStatus.WEBHOOK_STATUS_QUEUED
ACCEPTED = WebhookStatus.WEBHOOK_STATUS_ACCEPTED
REJECTED = WebhookStatus.WEBHOOK_STATUS_REJECTED


def at(minutes: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(NOON + timedelta(minutes=minutes))
    return time


class Reader:
    """Somebody of a workspace who reads the ledger."""

    def __init__(self, world: World, tenant_id: str, workspace_id: str) -> None:
        self.world = world
        self.call = partner_call(
            world.database, tenant_id=tenant_id, workspace_id=workspace_id, readonly=True
        )

    async def found(self, **fields: Any) -> list[str]:
        """The ids that the provider gave, over every page of two."""
        seen: list[str] = []
        token = ""
        while True:
            request = ListWebhookEventsRequest(page_size=2, page_token=token, **fields)
            validate(request)
            page = await list_webhook_events(self.call, request)
            assert len(page.webhook_events) <= 2
            seen += [event.external_id or event.reason for event in page.webhook_events]
            if not (token := page.next_page_token):
                return seen


async def receive(world: World, number: Number, id: str, minutes: float) -> None:
    """A message that was received so many minutes after noon, whenever it was stored."""
    webhook = number.webhook(number.text(id))
    webhook.receive_time.CopyFrom(at(minutes))
    await world.receive_and_process(webhook)


@pytest.fixture
async def reader(world: World, tenant: TestTenant) -> Reader:
    """Two numbers: `a` to `e` were received at 0, 1, 1, 2 and 3 minutes, stored out of order."""
    one = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    two = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    elsewhere = await world.connect(tenant.id)  # Another workspace of the same tenant.
    await receive(world, two, "d", 2)
    await receive(world, one, "a", 0)
    await receive(world, one, "b", 1)
    await receive(world, two, "c", 1)
    await receive(world, elsewhere, "x", 1)
    await receive(world, one, "e", 3)
    return Reader(world, tenant.id, tenant.workspace_id)


@pytest.mark.parametrize(
    ("order_by", "ids"),
    [("", "edcba"), ("receive_time desc", "edcba"), ("receive_time", "abcde")],
)
async def test_they_come_in_the_order_of_receipt_from_either_end(
    reader: Reader, order_by: str, ids: str
) -> None:
    assert await reader.found(order_by=order_by) == list(ids)
    assert await reader.found(order_by=order_by, status=ACCEPTED) == list(ids)


async def test_since_is_included_and_until_is_not(reader: Reader) -> None:
    for order_by, turn in (("", -1), ("receive_time", 1)):
        assert await reader.found(since=at(1), order_by=order_by) == list("bcde"[::turn])
        assert await reader.found(until=at(1), order_by=order_by) == ["a"]
        between = await reader.found(since=at(1), until=at(3), order_by=order_by)
        assert between == list("bcd"[::turn])
        assert await reader.found(since=at(3), until=at(1), order_by=order_by) == []
        assert await reader.found(since=at(1.001), until=at(2), order_by=order_by) == []


async def test_every_filter_goes_with_every_other(world: World, tenant: TestTenant) -> None:
    one = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    two = await world.connect(tenant.id, workspace_id=tenant.workspace_id)
    for minute, (number, id) in enumerate([(one, "a"), (two, "b"), (one, "a"), (two, "b")]):
        await receive(world, number, id, minute)
    for minute, number in enumerate([one, two]):
        webhook = number.webhook(number.text("queued"))
        webhook.receive_time.CopyFrom(at(minute + 4))
        await world.receive(webhook)
    reader = Reader(world, tenant.id, tenant.workspace_id)
    rows = await world.ledger(tenant.id)
    ledger = [
        (row["verdict"], row["connection_id"], row["receive_time"], row["external_id"])
        for row in sorted(rows, key=lambda row: row["receive_time"])
    ]
    assert [verdict for verdict, *_ in ledger] == ["accepted"] * 2 + ["rejected"] * 2 + [
        "queued"
    ] * 2
    for status, name in ((ACCEPTED, "accepted"), (REJECTED, "rejected"), (QUEUED, "queued")):
        for connection_id in ("", one.id, two.id):
            for since, until in ((0, 9), (1, 3), (3, 5)):
                expected = [
                    external_id
                    for verdict, connection, time, external_id in ledger
                    if verdict == name
                    and connection_id in ("", connection)
                    and at(since).ToDatetime(UTC) <= time < at(until).ToDatetime(UTC)
                ]
                found = await reader.found(
                    status=status,
                    connection_id=connection_id,
                    since=at(since),
                    until=at(until),
                    order_by="receive_time",
                )
                assert found == expected
    everything = [external_id or "" for *_, external_id in ledger]
    assert await reader.found(order_by="receive_time") == everything
    for row in rows:
        for status in (ACCEPTED, REJECTED, QUEUED):
            count = int(WebhookStatus.Name(status).endswith(row["verdict"].upper()))
            assert len(await reader.found(correlation_id=row["id"], status=status)) == count


async def test_times_that_no_calendar_has_are_refused_by_name(
    world: World, tenant: TestTenant
) -> None:
    reader = Reader(world, tenant.id, tenant.workspace_id)
    for field in ("since", "until"):
        for seconds in (1 << 60, -(1 << 60)):
            with pytest.raises(InvalidRequest) as refused:
                await reader.found(**{field: Timestamp(seconds=seconds)})
            assert [name for name, _ in refused.value.violations()] == [field]
    assert await reader.found(since=Timestamp(seconds=-62135596800)) == []


async def test_a_token_of_one_order_is_of_no_use_in_the_other(reader: Reader) -> None:
    page = await list_webhook_events(reader.call, ListWebhookEventsRequest(page_size=2))
    for other in ({"order_by": "receive_time"}, {"since": at(0)}, {"status": ACCEPTED}):
        request = ListWebhookEventsRequest(page_size=2, page_token=page.next_page_token, **other)
        with pytest.raises(PageTokenInvalid):
            await list_webhook_events(reader.call, request)


@pytest.mark.parametrize(
    ("query", "arguments", "index"),
    [
        ("list_webhook_events", 8, "webhook_events_judged"),
        ("list_rejected_events", 7, "webhook_events_rejected"),
        ("list_queued_events", 7, "webhook_events_tenant_id_batch_id_idx"),
        ("list_correlated_events", 10, "webhook_events_tenant_id_correlation_id_idx"),
    ],
)
async def test_each_way_of_reading_has_an_index_for_it(
    world: World, tenant: TestTenant, query: str, arguments: int, index: str
) -> None:
    number = await world.connect(tenant.id)
    text = as_tenant(getattr(queries.sql, query), arguments)
    with pytest.raises(Rollback):  # The planner must not meet these rows in other tests.
        async with world.call(tenant.id).transaction() as tx:
            await tx.run(_MANY, number.workspace_id, number.id, NOON)
            for turned in (text, turned_round(text)):
                nulls = ", ".join(["NULL"] * (arguments + 1))
                await tx.run(f"PREPARE reading AS {turned}")
                rows = await tx.all(f"EXPLAIN EXECUTE reading ({nulls})")
                await tx.run("DEALLOCATE reading")
                plan = "\n".join(row["QUERY PLAN"] for row in rows)
                assert index in plan, plan
                assert "Seq Scan on webhook_events" not in plan, plan
            raise Rollback


class Rollback(Exception):
    pass


_MANY = """
    INSERT INTO ingestion.webhook_events
      (id, batch_id, request_id, item, workspace_id, connection_id, source, status, reason, kind,
       external_id, payload, signature, receive_time)
    SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, $1, $2, 'whatsapp',
           (CASE n % 1000 WHEN 0 THEN 'queued' WHEN 1 THEN 'rejected' ELSE 'accepted'
            END)::ingestion.webhook_status,
           CASE n % 1000 WHEN 1 THEN 'X' ELSE '' END, 'message', n::text, '', '',
           $3::timestamptz + n * interval '1 second'
      FROM generate_series(1, 20000) AS n"""
