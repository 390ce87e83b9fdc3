"""A person who took over answers until they hand back, whatever becomes of the assistant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.conversation_pb2 import (
    CONVERSATION_STATUS_OPEN,
    CONVERSATION_STATUS_RESOLVED,
    HANDLER_ASSISTANT,
    HANDLER_PERSON,
)
from malha.processing.v1.conversation_service_pb2 import (
    GetConversationRequest,
    SendMessageRequest,
)
from malha.processing.v1.events_pb2 import ConversationUpdated

from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.processing.buffering.model import Act
from services.processing.conversations.changes import AssistantMissing
from services.processing.conversations.commands import send_message
from services.processing.conversations.queries import get_conversation
from tests.processing.stage import Stage


async def _get(stage: Stage) -> Any:
    request = GetConversationRequest(id=(await stage.conversation())["id"])
    return await get_conversation(stage.partner(), request)


@pytest.mark.parametrize("while_there_is_none", [False, True])
@pytest.mark.parametrize("how", ["an update", "an echo", "a message"])
async def test_a_takeover_outlasts_the_connections_assistants(
    stage: Stage, how: str, while_there_is_none: bool
) -> None:
    await stage.say()
    if while_there_is_none:
        stage.connected_to = ""
        await stage.say("alguém?")
    if how == "an update":
        await stage.update(handler=HANDLER_PERSON)
    elif how == "an echo":
        await stage.receive(stage.text("Oi, aqui é a Marta.", echo=True))
    else:
        request = SendMessageRequest(conversation_id=(await stage.conversation())["id"], text="Oi!")
        await send_message(stage.person(), request, limiter=stage.limiter, clock=stage.clock)
    stage.connected_to = ""
    await stage.say("e o preço?")
    stage.connected_to = stage.assistant.id
    told = len(await stage.emitted(ConversationUpdated))
    before = await _get(stage)
    stage.clock.pass_(seconds=1)
    for words in ("e pix?", "e boleto?"):
        await stage.say(words)
        found = await _get(stage)
        assert (found.handler, found.assistant_id) == (HANDLER_PERSON, stage.assistant.id)
        assert found.etag == before.etag
    assert not await stage.messages("waits")
    assert len(await stage.emitted(ConversationUpdated)) == told, "nothing has changed"
    await stage.update(handler=HANDLER_ASSISTANT)
    assert (await stage.attend()).act is Act.OPEN


async def test_the_assistant_answers_again_where_nobody_took_over(stage: Stage) -> None:
    await stage.say()
    stage.connected_to = ""
    await stage.say("alguém?")
    stage.clock.pass_(seconds=3)
    await stage.attend()
    assert not await stage.turns()
    stage.connected_to = stage.assistant.id
    await stage.say("e pix?")
    assert (await _get(stage)).handler == HANDLER_ASSISTANT
    handlers = [one.conversation.handler for one in await stage.emitted(ConversationUpdated)]
    assert handlers == [HANDLER_PERSON, HANDLER_ASSISTANT]


@pytest.mark.parametrize("assistants", ["one", "none, then one"])
async def test_a_settled_conversation_opened_by_a_message_is_nobodys_anymore(
    stage: Stage, assistants: str
) -> None:
    await stage.say()
    await stage.update(handler=HANDLER_PERSON, status=CONVERSATION_STATUS_RESOLVED)
    if assistants != "one":
        stage.connected_to = ""
        await stage.say("de novo")
        stage.connected_to = stage.assistant.id
    await stage.say("e pix?")
    assert (await _get(stage)).handler == HANDLER_ASSISTANT


async def test_a_takeover_outlasts_a_conversation_settled_and_opened_by_hand(
    stage: Stage,
) -> None:
    await stage.say()
    await stage.update(handler=HANDLER_PERSON, status=CONVERSATION_STATUS_RESOLVED)
    await stage.update(status=CONVERSATION_STATUS_OPEN)
    await stage.say("de novo")
    assert (await _get(stage)).handler == HANDLER_PERSON


async def test_a_late_echo_that_opens_a_conversation_ends_no_takeover(stage: Stage) -> None:
    await stage.say()
    await stage.update(handler=HANDLER_PERSON, status=CONVERSATION_STATUS_RESOLVED)
    written = stage.clock.now() - timedelta(hours=2)
    await stage.receive(stage.text("Até logo!", echo=True, written=written))
    stage.connected_to = ""
    await stage.say("de novo")
    stage.connected_to = stage.assistant.id
    await stage.say("e pix?")
    assert (await _get(stage)).handler == HANDLER_PERSON


async def test_a_handed_back_conversation_can_lose_its_assistant_and_get_it_again(
    stage: Stage,
) -> None:
    await stage.say()
    await stage.update(handler=HANDLER_PERSON)
    await stage.update(handler=HANDLER_ASSISTANT)
    stage.connected_to = ""
    await stage.say("alguém?")
    assert (await _get(stage)).handler == HANDLER_PERSON
    stage.connected_to = stage.assistant.id
    await stage.say("e pix?")
    assert (await _get(stage)).handler == HANDLER_ASSISTANT


async def test_a_hand_back_gives_to_the_assistant_that_the_connection_has_now(
    stage: Stage,
) -> None:
    before, stage.connected_to = stage.connected_to, ""
    await stage.say("qual o prazo?")
    stage.connected_to = before
    back = await stage.update(handler=HANDLER_ASSISTANT)
    assert (back.handler, back.assistant_id) == (HANDLER_ASSISTANT, before)
    await stage.update(handler=HANDLER_PERSON)
    stage.connected_to = stage.assistant.id = new_id()
    back = await stage.update(handler=HANDLER_ASSISTANT)
    assert back.assistant_id == stage.assistant.id
    assert (await stage.attend()).act is Act.OPEN
    await stage.generate((await stage.sent(GenerateReply))[-1])
    assert stage.llm.prompts[-1].open == ("qual o prazo?",)


@pytest.mark.parametrize("gone", ["assistant", "connection"])
async def test_a_hand_back_asks_no_message_whether_there_is_an_assistant(
    stage: Stage, gone: str
) -> None:
    await stage.say()
    await stage.update(handler=HANDLER_PERSON)
    before = await _get(stage)
    if gone == "assistant":
        stage.connected_to = ""
    else:
        stage.connection_id = new_id()
    with pytest.raises(AssistantMissing):
        await stage.update(handler=HANDLER_ASSISTANT)
    with pytest.raises(EtagMismatch):
        await stage.update(handler=HANDLER_ASSISTANT, etag="another")
    assert await _get(stage) == before


async def test_nobody_is_asked_for_what_needs_no_assistant(stage: Stage) -> None:
    await stage.say()
    stage.peers.asked.clear()
    await stage.update(handler=HANDLER_PERSON)
    await stage.update(status=CONVERSATION_STATUS_RESOLVED)
    assert not stage.peers.asked
