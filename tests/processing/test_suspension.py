"""A tenant that is not served is silent, and what waits meanwhile is not forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
)
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus
from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.conversation_pb2 import HANDLER_PERSON
from malha.processing.v1.events_pb2 import MessageStatusChanged, TurnFailed

from services.kit.errors import NotFound, Unavailable
from services.processing.buffering.model import Act
from tests.processing.stage import SENT, Stage

CANCELLED = DeliveryStatus.DELIVERY_STATUS_CANCELLED
UNKNOWN = DeliveryStatus.DELIVERY_STATUS_UNKNOWN


async def _answered(stage: Stage) -> str:
    """Serves the tenant again; what the assistant then says, once."""
    await stage.become(TENANT_STATUS_ACTIVE)
    due = await stage.timer()
    assert due is not None, "somebody looks again"
    assert due <= stage.clock.now() + timedelta(minutes=1)
    stage.clock.time = due
    asked = len(stage.llm.prompts)
    assert (await stage.attend()).act is Act.OPEN
    await stage.generate((await stage.sent(GenerateReply))[-1])
    delivery = (await stage.sent(DeliverMessage))[-1]
    assert (await stage.claim(delivery)).granted
    await stage.deliver((delivery.message.id, SENT))
    assert len(stage.llm.prompts) == asked + 1
    assert not await stage.messages("waits OR (direction = 'inbound' AND turn_id IS NULL)")
    assert (await stage.turns())[-1]["status"] == "done"
    stage.clock.pass_(minutes=5)
    assert (await stage.attend()).act is Act.REST
    return delivery.message.id


@pytest.mark.parametrize("status", [TENANT_STATUS_SUSPENDED, TENANT_STATUS_DELETED])
async def test_a_buffer_that_comes_due_waits_until_the_tenant_is_served_again(
    stage: Stage, status: Any
) -> None:
    await stage.say("qual o prazo?")
    await stage.become(status)
    for _ in range(30):
        stage.clock.pass_(minutes=10)
        assert (await stage.attend()).act is Act.REST
    assert not await stage.turns()
    assert not await stage.sent(GenerateReply)
    await _answered(stage)
    assert stage.llm.prompts[-1].open == ("qual o prazo?",)


async def test_no_model_is_asked_and_the_turns_messages_wait_again(stage: Stage) -> None:
    await stage.say("qual o prazo?")
    command = await stage.flush()
    await stage.become(TENANT_STATUS_SUSPENDED)
    await stage.generate(command)
    assert not stage.llm.prompts
    assert not await stage.sent(DeliverMessage)
    stage.clock.pass_(minutes=20)
    assert (await stage.attend()).act is Act.REST
    await _answered(stage)
    await stage.generate(command)
    assert len(stage.llm.prompts) == 1, "the old command is stale"
    first, second = await stage.turns()
    assert (first["status"], first["failure_reason"]) == ("cancelled", "TENANT_SUSPENDED")
    assert [row["turn_id"] for row in await stage.messages("direction = 'inbound'")] == [
        second["id"]
    ]
    assert not await stage.emitted(TurnFailed)


async def test_a_turn_nobody_hears_of_is_neither_asked_again_nor_given_up(stage: Stage) -> None:
    await stage.say()
    await stage.flush()
    await stage.become(TENANT_STATUS_SUSPENDED)
    for _ in range(10):
        stage.clock.pass_(minutes=1)
        assert (await stage.attend()).act is Act.REST
    assert len(await stage.sent(GenerateReply)) == 1
    assert not await stage.sent(DeliverMessage), "not even an apology"
    await _answered(stage)


@pytest.mark.parametrize("throttled", [False, True])
async def test_a_ready_answer_does_not_leave_and_a_new_one_is_made_later(
    stage: Stage, throttled: bool
) -> None:
    await stage.say("qual o prazo?")
    old = await stage.reply()
    if throttled:  # The provider keeps it waiting; it was not sent.
        assert (await stage.claim(old)).granted
    await stage.become(TENANT_STATUS_SUSPENDED)
    for _ in range(2):
        claim = await stage.claim(old)
        assert not claim.granted
    await stage.deliver((old.message.id, CANCELLED), reason=claim.reason)
    (held,) = await stage.messages("direction = 'outbound'")
    assert (held["status"], held["failure_reason"]) == ("cancelled", "TENANT_SUSPENDED")
    assert len(await stage.emitted(MessageStatusChanged)) == 1
    new = await _answered(stage)
    assert new != old.message.id
    assert not (await stage.claim(old)).granted


async def test_the_fence_tells_why(stage: Stage) -> None:
    await stage.say()
    delivery = await stage.reply()
    await stage.become(TENANT_STATUS_SUSPENDED)
    assert (await stage.claim(delivery)).reason == "TENANT_SUSPENDED"


async def test_what_may_have_left_is_not_answered_again(stage: Stage) -> None:
    await stage.say()
    delivery = await stage.reply()
    await stage.claim(delivery)
    await stage.deliver((delivery.message.id, UNKNOWN))
    await stage.become(TENANT_STATUS_SUSPENDED)
    await stage.claim(delivery)
    await stage.attend()
    (turn,) = await stage.turns()
    assert turn["status"] == "sending"
    assert not await stage.messages("waits")


async def test_after_a_day_what_waits_stays_unanswered(stage: Stage) -> None:
    await stage.say("qual o prazo?")
    await stage.generate(await stage.flush())
    await stage.become(TENANT_STATUS_SUSPENDED)
    await stage.attend()
    stage.clock.pass_(hours=23)
    await stage.attend()
    assert await stage.timer() is not None
    stage.clock.pass_(hours=2)
    await stage.attend()
    assert await stage.timer() is None, "nobody looks any more"
    await stage.become(TENANT_STATUS_ACTIVE)
    assert (await stage.attend()).act is Act.REST
    assert not await stage.messages("waits")
    await stage.say("ainda estão aí?")
    await stage.generate(await stage.flush())
    (_, turn) = await stage.turns()
    covered = await stage.messages(f"turn_id = '{turn['id']}' AND direction = 'inbound'")
    assert len(covered) == 1


async def test_what_waits_when_a_person_takes_over_meanwhile_is_theirs(stage: Stage) -> None:
    await stage.say()
    command = await stage.flush()
    await stage.become(TENANT_STATUS_SUSPENDED)
    await stage.update(handler=HANDLER_PERSON)
    await stage.generate(command)
    await stage.attend()
    await stage.become(TENANT_STATUS_ACTIVE)
    assert (await stage.attend()).act is Act.REST
    assert not await stage.messages("waits")


async def test_a_tenant_nobody_can_tell_about_is_answered_one_that_is_gone_is_not(
    stage: Stage,
) -> None:
    async def away(request: Any) -> Any:
        raise Unavailable

    async def gone(request: Any) -> Any:
        raise NotFound

    stage.peers.answers["TenantService.GetTenant"] = away
    await stage.say()
    delivery = await stage.reply()
    assert (await stage.claim(delivery)).granted
    await stage.deliver((delivery.message.id, SENT))
    stage.peers.answers["TenantService.GetTenant"] = gone
    await stage.say("oi?")
    stage.clock.pass_(seconds=3)
    assert (await stage.attend()).act is Act.REST


async def test_whether_a_tenant_is_served_costs_nothing_once_it_is_known(stage: Stage) -> None:
    await stage.say()
    await stage.claim(await stage.reply())
    asked = [name for name, _ in stage.peers.asked]
    assert asked.count("TenantService.GetTenant") == 1
    stage.tenants._cache = None  # type: ignore[assignment]
    await stage.say("e pix?")
    await stage.claim(await stage.reply())
