"""Statuses only move forward, and end the same in whatever order they arrive."""

from __future__ import annotations

import itertools

import pytest
from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus

from services.processing.turns.model import NEWS
from tests.processing.stage import SENT, Stage

DELIVERED = DeliveryStatus.DELIVERY_STATUS_DELIVERED
READ = DeliveryStatus.DELIVERY_STATUS_READ
UNKNOWN = DeliveryStatus.DELIVERY_STATUS_UNKNOWN
FAILED = DeliveryStatus.DELIVERY_STATUS_FAILED


async def _replied(stage: Stage) -> str:
    await stage.say()
    delivery = await stage.reply()
    assert (await stage.claim(delivery)).granted
    return str(delivery.message.id)


@pytest.mark.parametrize(
    ("statuses", "end", "turn"),
    [
        ((UNKNOWN, SENT, DELIVERED, READ), "read", "done"),
        ((UNKNOWN, SENT, FAILED), "failed", "failed"),
        ((SENT, FAILED, DELIVERED), "delivered", "done"),
    ],
)
async def test_every_order_ends_the_same(
    stage: Stage, statuses: tuple[int, ...], end: str, turn: str
) -> None:
    ends = set()
    for order in itertools.permutations(statuses):
        id = await _replied(stage)
        for status in order:
            stage.clock.pass_(seconds=1)
            await stage.deliver((id, status), reason="131026" if status == FAILED else "")
            await stage.deliver((id, status), reason="131026" if status == FAILED else "")
        (row,) = await stage.messages(f"id = '{id}'")
        (ended,) = await stage.rows(f"SELECT * FROM processing.turns WHERE id = '{row['turn_id']}'")
        ends.add((row["status"], ended["status"], row["sent_time"] is not None))
    assert ends == {(end, turn, True)}


async def test_one_event_moves_a_message_through_several_statuses(stage: Stage) -> None:
    id = await _replied(stage)
    await stage.deliver((id, READ), (id, SENT), (id, DELIVERED), external_id="wamid.7")
    (row,) = await stage.messages("direction = 'outbound'")
    assert (row["status"], row["external_id"]) == ("read", "wamid.7")
    assert row["sent_time"] and row["delivered_time"] and row["read_time"]


async def test_an_unknown_outcome_is_visible_until_it_is_settled(stage: Stage) -> None:
    id = await _replied(stage)
    await stage.deliver((id, UNKNOWN), reason="NO_ANSWER")
    (row,) = await stage.messages("direction = 'outbound'")
    assert (row["status"], row["failure_reason"]) == ("unknown", "NO_ANSWER")
    assert (await stage.turns())[0]["status"] == "sending"
    await stage.deliver((id, SENT))
    (row,) = await stage.messages("direction = 'outbound'")
    assert (row["status"], row["failure_reason"]) == ("sent", "")
    assert (await stage.turns())[0]["status"] == "done"


async def test_an_echo_of_our_own_message_that_was_faster_does_no_harm(stage: Stage) -> None:
    id = await _replied(stage)
    await stage.receive(stage.text("Uma resposta.", echo=True, external_id="wamid.own"))
    await stage.deliver((id, SENT), external_id="wamid.own")
    (row,) = await stage.messages(f"id = '{id}'")
    assert (row["status"], row["external_id"]) == ("sent", "")


async def test_news_of_messages_we_do_not_know_are_no_error(stage: Stage) -> None:
    await stage.say()
    (inbound,) = await stage.messages()
    await stage.deliver((stage.connection_id, SENT), (inbound["id"], READ))
    (row,) = await stage.messages()
    assert row["status"] == "received"


async def test_the_database_orders_statuses_as_the_model_does(stage: Stage) -> None:
    (row,) = await stage.rows("SELECT enum_range(NULL::processing.message_status)::text AS names")
    assert row["names"] == f"{{received,pending,{','.join(NEWS.values())}}}"
