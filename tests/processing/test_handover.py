"""Who answers: a person takes over, the assistant gets a conversation back, somebody settles it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus
from malha.message.v1.message_pb2 import (
    MESSAGE_TYPE_IMAGE,
    MESSAGE_TYPE_REACTION,
    Content,
    Image,
    Party,
    Reaction,
)
from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.conversation_pb2 import (
    CONVERSATION_STATUS_OPEN,
    CONVERSATION_STATUS_RESOLVED,
    HANDLER_ASSISTANT,
    HANDLER_PERSON,
)
from malha.processing.v1.conversation_service_pb2 import (
    GetConversationRequest,
    ListConversationsRequest,
    SendMessageRequest,
)
from malha.processing.v1.events_pb2 import (
    ConversationOpened,
    ConversationUpdated,
    MessageStatusChanged,
    TurnOpened,
)

from services.kit.ai.answers import Draft
from services.kit.ai.base import Prompt
from services.kit.ai.fake import Fake
from services.kit.etags import EtagMismatch
from services.processing.buffering.model import Act
from services.processing.conversations.changes import AssistantMissing, ConversationNotFound
from services.processing.conversations.commands import send_message
from services.processing.conversations.queries import get_conversation, list_conversations
from tests.outside import until
from tests.processing.stage import SENT, Stage

CANCELLED = DeliveryStatus.DELIVERY_STATUS_CANCELLED
CUSTOMER = Party(id="5511987654321", kind="wa_id")


class Thinks(Fake):
    """A model that says when it has begun, and ends when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def ask(self, prompt: Prompt) -> Draft:
        self.begun.set()
        await self.may_end.wait()
        return await super().ask(prompt)


@asynccontextmanager
async def held_up(stage: Stage, table: str, waiting: int) -> AsyncIterator[None]:
    """A row that everybody in the block needs; given back when so many of them wait for it."""
    async with stage.call().transaction() as tx:
        await tx.run(f"SELECT FROM processing.{table} FOR UPDATE")

        async def all_wait() -> bool:
            blocked = await tx.value("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(blocked >= waiting)

        yield
        await until(all_wait)


async def _get(stage: Stage) -> Any:
    request = GetConversationRequest(id=(await stage.conversation())["id"])
    return await get_conversation(stage.partner(), request)


async def test_a_person_takes_over_while_the_model_thinks_and_no_answer_leaves(
    stage: Stage,
) -> None:
    await stage.say("qual o prazo?")
    command = await stage.flush()
    model = Thinks()
    thinking = asyncio.create_task(stage.generate(command, model))
    await model.begun.wait()
    taken = await stage.update(handler=HANDLER_PERSON)
    assert taken.handler == HANDLER_PERSON
    model.may_end.set()
    await thinking
    assert not await stage.sent(DeliverMessage)
    assert not await stage.messages("direction = 'outbound'")
    (turn,) = await stage.turns()
    assert (turn["status"], turn["failure_reason"]) == ("cancelled", "PERSON_TOOK_OVER")
    stage.clock.pass_(minutes=5)
    assert (await stage.attend()).act is Act.REST
    assert await stage.timer() is None


async def test_a_ready_answer_does_not_leave_after_a_person_took_over(stage: Stage) -> None:
    await stage.say()
    delivery = await stage.reply()
    await stage.update(handler=HANDLER_PERSON)
    claim = await stage.claim(delivery)
    assert (claim.granted, claim.reason) == (False, "PERSON_TOOK_OVER")
    (changed,) = await stage.emitted(MessageStatusChanged)
    assert (changed.message_id, changed.failure_reason) == (delivery.message.id, "PERSON_TOOK_OVER")


@pytest.mark.parametrize("table", ["turns", "conversations"])
async def test_takeover_and_claim_at_once_end_as_if_one_had_come_first(
    stage: Stage, table: str
) -> None:
    await stage.say()
    delivery = await stage.reply()
    async with held_up(stage, table, waiting=1):
        claims = [asyncio.create_task(stage.claim(delivery)) for _ in range(2)]
        takeover = asyncio.create_task(stage.update(handler=HANDLER_PERSON))
    granted = {(await claim).granted for claim in claims}
    await takeover
    (turn,) = await stage.turns()
    assert turn["status"] == ("sending" if True in granted else "cancelled")
    assert not (await stage.claim(delivery)).granted, "and from then on nothing leaves"


async def test_takeover_and_the_end_of_the_model_at_once_never_send(stage: Stage) -> None:
    await stage.say()
    command = await stage.flush()
    async with held_up(stage, "conversations", waiting=2):
        answer = asyncio.create_task(stage.generate(command))
        takeover = asyncio.create_task(stage.update(handler=HANDLER_PERSON))
    await asyncio.gather(answer, takeover)
    for delivery in await stage.sent(DeliverMessage):
        assert not (await stage.claim(delivery)).granted
    assert not await stage.messages("direction = 'outbound' AND status <> 'cancelled'")


async def test_what_waits_when_a_person_hands_back_is_answered_exactly_once(stage: Stage) -> None:
    first = await stage.say("oi")
    await stage.update(handler=HANDLER_PERSON)
    said = [await stage.say("qual o prazo?"), await stage.say("e pix?")]
    thumb = Content(reaction=Reaction(external_message_id="x", emoji="👍"))
    await stage.receive(stage.inbound(thumb, MESSAGE_TYPE_REACTION, CUSTOMER))
    assert not await stage.messages("waits")
    async with held_up(stage, "conversations", waiting=5):
        back = [asyncio.create_task(stage.update(handler=HANDLER_ASSISTANT)) for _ in range(5)]
    await asyncio.gather(*back)
    assert len(await stage.emitted(ConversationUpdated)) == 2, "taken over, and handed back once"
    attended = await asyncio.gather(*(stage.attend() for _ in range(5)))
    assert [one.act for one in attended].count(Act.OPEN) == 1
    (command,) = await stage.sent(GenerateReply)
    await asyncio.gather(*(stage.generate(command) for _ in range(3)))
    (opened,) = await stage.emitted(TurnOpened)
    assert list(opened.turn.message_ids) == [one.message.id for one in (first, *said)]
    (delivery,) = await stage.sent(DeliverMessage)
    assert (await stage.claim(delivery)).granted
    await stage.deliver((delivery.message.id, SENT))
    await stage.update(handler=HANDLER_PERSON)
    await stage.update(handler=HANDLER_ASSISTANT)
    assert (await stage.attend()).act is Act.REST, "what was answered is answered"


async def test_a_turn_that_was_cut_short_is_answered_after_the_hand_back(stage: Stage) -> None:
    await stage.say("qual o prazo?")
    old = await stage.reply()
    await stage.update(handler=HANDLER_PERSON)
    await stage.update(handler=HANDLER_ASSISTANT)
    assert (await stage.attend()).act is Act.OPEN
    await stage.generate((await stage.sent(GenerateReply))[-1])
    new = (await stage.sent(DeliverMessage))[-1]
    assert stage.llm.prompts[-1].open == ("qual o prazo?",)
    assert not (await stage.claim(old)).granted
    assert (await stage.claim(new)).granted


async def test_what_a_person_answered_or_is_a_day_old_is_not_answered_after_the_hand_back(
    stage: Stage,
) -> None:
    await stage.say("antiga")
    await stage.update(handler=HANDLER_PERSON)
    stage.clock.pass_(hours=25)
    await stage.update(handler=HANDLER_ASSISTANT)
    assert (await stage.attend()).act is Act.REST
    await stage.say("qual o prazo?")
    await stage.update(handler=HANDLER_PERSON)
    request = SendMessageRequest(
        conversation_id=(await stage.conversation())["id"], text="30 dias."
    )
    await send_message(stage.person(), request, limiter=stage.limiter, clock=stage.clock)
    await stage.update(handler=HANDLER_ASSISTANT)
    assert (await stage.attend()).act is Act.REST
    assert not await stage.turns()


async def test_a_picture_alone_does_not_set_off_an_answer_when_handed_back(stage: Stage) -> None:
    await stage.say("oi")
    await stage.update(handler=HANDLER_PERSON)
    request = SendMessageRequest(conversation_id=(await stage.conversation())["id"], text="Oi!")
    await send_message(stage.person(), request, limiter=stage.limiter, clock=stage.clock)
    await stage.receive(stage.inbound(Content(image=Image()), MESSAGE_TYPE_IMAGE, CUSTOMER))
    await stage.update(handler=HANDLER_ASSISTANT)
    assert (await stage.attend()).act is Act.REST
    await stage.say("e esse?")
    await stage.generate(await stage.flush())
    assert stage.llm.prompts[-1].open == ("[imagem]", "e esse?")


async def test_a_reply_withheld_for_a_person_who_handed_back_is_made_again(stage: Stage) -> None:
    await stage.say("qual o prazo?")
    delivery = await stage.reply()
    assert (await stage.claim(delivery)).granted  # The provider throttles: it was not sent.
    await stage.update(handler=HANDLER_PERSON)
    withheld = await stage.claim(delivery)
    await stage.update(handler=HANDLER_ASSISTANT)
    assert (await stage.attend()).act is Act.REST, "it may yet have left"
    await stage.deliver((delivery.message.id, CANCELLED), reason=withheld.reason)
    assert (await stage.attend()).act is Act.OPEN
    await stage.generate((await stage.sent(GenerateReply))[-1])
    assert stage.llm.prompts[-1].open == ("qual o prazo?",)


async def test_nobody_hands_back_to_an_assistant_that_is_not_there(stage: Stage) -> None:
    stage.connected_to = ""
    await stage.say()
    assert (await _get(stage)).handler == HANDLER_PERSON
    with pytest.raises(AssistantMissing):
        await stage.update(handler=HANDLER_ASSISTANT, status=CONVERSATION_STATUS_RESOLVED)
    assert (await _get(stage)).status == CONVERSATION_STATUS_OPEN


async def test_a_settled_conversation_is_opened_by_hand_or_by_the_next_message(
    stage: Stage,
) -> None:
    await stage.say()
    stage.clock.pass_(seconds=1)
    settled = await stage.update(status=CONVERSATION_STATUS_RESOLVED, handler=HANDLER_PERSON)
    assert settled.update_time.ToDatetime() == stage.clock.now().replace(tzinfo=None)
    (told,) = await stage.emitted(ConversationUpdated)
    assert told.conversation == settled == await _get(stage)
    open_ = ListConversationsRequest(status=CONVERSATION_STATUS_OPEN)
    assert not (await list_conversations(stage.partner(), open_)).conversations
    assert (await stage.update(status=CONVERSATION_STATUS_OPEN)).status == CONVERSATION_STATUS_OPEN
    await stage.update(status=CONVERSATION_STATUS_RESOLVED)
    stage.clock.pass_(seconds=1)
    await stage.say("de novo")
    opened = await _get(stage)
    assert (opened.status, opened.handler) == (CONVERSATION_STATUS_OPEN, HANDLER_ASSISTANT)
    assert opened.update_time.ToDatetime() == stage.clock.now().replace(tzinfo=None)
    assert (await stage.emitted(ConversationOpened))[-1].conversation == opened


async def test_an_update_that_changes_nothing_tells_nothing(stage: Stage) -> None:
    await stage.say()
    before = await _get(stage)
    stage.clock.pass_(seconds=1)
    assert await stage.update() == before
    assert await stage.update(handler=HANDLER_ASSISTANT, status=CONVERSATION_STATUS_OPEN) == before
    assert not await stage.emitted(ConversationUpdated)


async def test_an_etag_refuses_to_overwrite_another_update_but_not_a_customers_message(
    stage: Stage,
) -> None:
    await stage.say()
    etag = (await _get(stage)).etag
    assert etag
    stage.clock.pass_(seconds=1)
    await stage.say("mais uma")
    async with held_up(stage, "conversations", waiting=4):
        updates = [
            asyncio.create_task(stage.update(handler=handler, status=status, etag=etag))
            for handler in (None, HANDLER_PERSON)
            for status in (CONVERSATION_STATUS_RESOLVED,) * 2
        ]
    ended = await asyncio.gather(*updates, return_exceptions=True)
    assert sorted(type(end).__name__ for end in ended) == ["Conversation"] + ["EtagMismatch"] * 3
    now = await _get(stage)
    assert now.etag != etag
    with pytest.raises(EtagMismatch):
        await stage.update(status=CONVERSATION_STATUS_OPEN, etag=etag)
    await stage.update(status=CONVERSATION_STATUS_OPEN, etag=now.etag)


async def test_every_takeover_is_told(stage: Stage) -> None:
    await stage.say()
    await stage.receive(stage.text("Oi, aqui é a Marta.", echo=True))
    await stage.receive(stage.text("Tudo bem?", echo=True))
    (by_phone,) = await stage.emitted(ConversationUpdated)
    assert by_phone.conversation.handler == HANDLER_PERSON
    await stage.update(handler=HANDLER_ASSISTANT)
    request = SendMessageRequest(conversation_id=(await stage.conversation())["id"], text="Oi!")
    for _ in range(2):
        await send_message(stage.person(), request, limiter=stage.limiter, clock=stage.clock)
    handlers = [one.conversation.handler for one in await stage.emitted(ConversationUpdated)]
    assert handlers == [HANDLER_PERSON, HANDLER_ASSISTANT, HANDLER_PERSON]


async def test_a_connection_that_loses_its_assistant_leaves_its_conversations_to_people(
    stage: Stage,
) -> None:
    await stage.say()
    stage.clock.pass_(seconds=1)
    await stage.say(assistant_id="")
    (told,) = await stage.emitted(ConversationUpdated)
    assert told.conversation == await _get(stage)
    assert told.conversation.handler == HANDLER_PERSON
    assert told.conversation.update_time.ToDatetime() == stage.clock.now().replace(tzinfo=None)


async def test_other_workspaces_change_nothing(stage: Stage) -> None:
    await stage.say()
    before = await _get(stage)
    call = stage.partner("01a20436-0000-7000-8000-000000000000")
    for handler in (HANDLER_PERSON, HANDLER_ASSISTANT):
        with pytest.raises(ConversationNotFound):
            await stage.update(handler=handler, call=call)
    other = Stage(
        stage.database, stage.cache, stage.timers, stage.limiter, stage.workspace_id, before.id
    )
    with pytest.raises(ConversationNotFound):
        await stage.update(handler=HANDLER_PERSON, call=other.partner(stage.workspace_id))
    assert await _get(stage) == before
