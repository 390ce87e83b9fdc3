"""What must hold although everything is against it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus
from malha.message.v1.message_pb2 import (
    MESSAGE_TYPE_REACTION,
    MESSAGE_TYPE_TEXT,
    Content,
    Party,
    Reaction,
    Text,
)
from malha.processing.v1.conversation_service_pb2 import SendMessageRequest

from services.kit.auth import Actor
from services.kit.call import Call
from services.kit.db import TextNotStorable
from services.kit.ids import new_id
from services.processing.conversations.commands import RequestIdReused, send_message
from services.processing.conversations.handover import take_over
from tests.processing.stage import Stage

CANCELLED = DeliveryStatus.DELIVERY_STATUS_CANCELLED
WORDS = Content(text=Text(text="qual o prazo?"))
BY_PHONE = Party(id="5511987654321", kind="wa_id")
BY_SCOPED_ID = Party(id="BR.1349", kind="bsuid")
BOTH = Party(id="BR.1349", kind="bsuid", aliases={"wa_id": "5511987654321"})


async def test_a_reply_that_was_held_up_does_not_leave_after_a_person_took_over(
    stage: Stage,
) -> None:
    await stage.say()
    delivery = await stage.reply()
    assert (await stage.claim(delivery)).granted  # The provider throttles: it was not sent.
    async with stage.call().transaction() as tx:
        await take_over(tx, delivery.message.conversation_id, stage.clock.now())
    again = await stage.claim(delivery)
    assert (again.granted, again.reason) == (False, "PERSON_TOOK_OVER")
    await stage.deliver((delivery.message.id, CANCELLED), reason=again.reason)
    (turn,) = await stage.turns()
    assert (turn["status"], turn["failure_reason"]) == ("cancelled", "PERSON_TOOK_OVER")


@pytest.mark.parametrize("to_a_person", [False, True])
async def test_a_question_outlives_that_its_sender_turns_out_to_be_somebody_known(
    stage: Stage, to_a_person: bool
) -> None:
    await stage.receive(stage.inbound(WORDS, MESSAGE_TYPE_TEXT, BY_PHONE))
    stage.clock.pass_(seconds=3)
    await stage.attend()
    survivor = (await stage.conversation())["id"]
    if to_a_person:
        async with stage.call().transaction() as tx:
            await take_over(tx, survivor, stage.clock.now())
    question = stage.inbound(WORDS, MESSAGE_TYPE_TEXT, BY_SCOPED_ID)
    await stage.receive(question)
    due = stage.clock.now().timestamp() + 3
    stage.clock.pass_(seconds=1)
    thumb = Content(reaction=Reaction(external_message_id="x", emoji="👍"))
    await stage.receive(stage.inbound(thumb, MESSAGE_TYPE_REACTION, BOTH))
    (buffer,) = await stage.rows("SELECT * FROM processing.buffers")
    assert (buffer["conversation_id"], buffer["due_time"].timestamp()) == (survivor, due)
    stage.clock.pass_(seconds=5)
    attended = await stage.attend(survivor)
    assert attended.message_ids == (() if to_a_person else (question.message.id,))
    assert not await stage.messages("waits")


async def test_a_message_that_cannot_be_stored_does_not_hold_back_the_others(stage: Stage) -> None:
    poison = stage.inbound(
        WORDS, MESSAGE_TYPE_TEXT, Party(id="5511900000000", kind="wa_id", display_name="a\0b")
    )
    said = [stage.text("oi"), poison, stage.text("qual o prazo?")]
    for _ in range(2):
        with pytest.raises(TextNotStorable):
            await stage.receive(*said)
    stored = [row["id"] for row in await stage.messages()]
    assert stored == [said[0].message.id, said[2].message.id]
    assert (await stage.flush()).attempt == 1


async def test_a_request_id_belongs_to_one_conversation(stage: Stage) -> None:
    await stage.say()
    first = await stage.conversation()
    await stage.say(sender="5511900000000")
    (second,) = await stage.rows(
        "SELECT * FROM processing.conversations WHERE id <> $1", first["id"]
    )
    request_id = new_id()
    actor = Actor("api_key", new_id(), stage.tenant_id, stage.workspace_id)
    call = Call(actor, database=stage.database, correlation_id=new_id())
    request = SendMessageRequest(
        conversation_id=first["id"], text="Seu pedido saiu.", request_id=request_id
    )
    await send_message(call, request, limiter=stage.limiter, clock=stage.clock)
    request.conversation_id = second["id"]
    with pytest.raises(RequestIdReused):
        await send_message(call, request, limiter=stage.limiter, clock=stage.clock)


async def test_a_clock_ahead_of_ours_does_not_reorder_a_conversation(stage: Stage) -> None:
    await stage.receive(stage.text("agora", written=datetime(2099, 1, 1, tzinfo=UTC)))
    reply = await stage.reply()
    await stage.claim(reply)
    await stage.deliver((reply.message.id, DeliveryStatus.DELIVERY_STATUS_SENT))
    await stage.say("depois disso?")
    await stage.generate(await stage.flush())
    assert [said.text for said in stage.llm.prompts[-1].turns] == [
        "agora",
        reply.message.content.text.text,
        "depois disso?",
    ]
