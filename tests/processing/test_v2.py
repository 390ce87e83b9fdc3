"""Version 2: the same conversations, with what an inbox shows beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.message.v1.message_pb2 import MESSAGE_TYPE_IMAGE, Content, Image, Party
from malha.processing.v1 import conversation_service_pb2 as v1
from malha.processing.v1.conversation_pb2 import (
    CONVERSATION_STATUS_OPEN,
    CONVERSATION_STATUS_RESOLVED,
    DIRECTION_INBOUND,
    HANDLER_ASSISTANT,
    HANDLER_PERSON,
)
from malha.processing.v1.conversation_pb2 import Conversation as Version1
from malha.processing.v2 import conversation_service_pb2 as v2
from malha.processing.v2.conversation_pb2 import (
    TURN_PHASE_ANSWERING,
    TURN_PHASE_COLLECTING,
    TURN_PHASE_IDLE,
    Conversation,
)
from malha.processing.v2.conversation_service_pb2 import OutgoingContent, OutgoingText

from services.kit.errors import InvalidRequest
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.limits import Limits
from services.kit.validate import validate
from services.processing.conversations import queries as queries1
from services.processing.conversations.changes import AssistantMissing, ConversationNotFound
from services.processing.conversations.commands import MessageLimitReached
from services.processing.conversations.queries import MessageNotFound
from services.processing.v2 import commands as commands2
from services.processing.v2 import queries as queries2
from tests.processing.stage import SENT, START, Stage

IMAGE = Content(image=Image())


async def _get(stage: Stage) -> Conversation:
    request = v2.GetConversationRequest(id=(await stage.conversation())["id"])
    return await queries2.get_conversation(stage.partner(), request)


async def _update(stage: Stage, **fields: Any) -> Conversation:
    return await commands2.update_conversation(
        stage.partner(),
        v2.UpdateConversationRequest(id=(await stage.conversation())["id"], **fields),
        timers=stage.timers,
        clock=stage.clock,
        settings=stage.settings,
    )


def _text(conversation_id: str, text: str) -> v2.SendMessageRequest:
    content = OutgoingContent(text=OutgoingText(body=text))
    return v2.SendMessageRequest(conversation_id=conversation_id, content=content)


def _flat(conversation: Conversation) -> Version1:
    """What version 1 says of the same conversation."""
    return Version1(
        id=conversation.id,
        workspace_id=conversation.workspace_id,
        connection_id=conversation.channel.connection_id,
        channel=conversation.channel.slug,
        assistant_id=conversation.assistant_id,
        participant=conversation.participant,
        status=conversation.status,
        handler=conversation.handler,
        create_time=conversation.create_time,
        last_message_time=conversation.last_message_time,
        update_time=conversation.update_time,
        etag=conversation.etag,
    )


def _due(seconds: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(START + timedelta(seconds=seconds))
    return time


async def test_a_turn_is_told_in_each_of_its_phases(stage: Stage) -> None:
    await stage.say("qual o prazo?")
    first = await _get(stage)
    assert first.turn.phase == TURN_PHASE_COLLECTING
    assert (first.turn.waiting_messages, first.turn.turn_id) == (1, "")
    assert first.turn.due_time == _due(3)
    stage.clock.pass_(seconds=1)
    await stage.say("da troca")
    second = await _get(stage)
    assert (second.turn.waiting_messages, second.turn.due_time) == (2, _due(4))

    command = await stage.flush()
    answering = await _get(stage)
    assert answering.turn.phase == TURN_PHASE_ANSWERING
    assert (answering.turn.turn_id, answering.turn.waiting_messages) == (command.turn_id, 2)
    assert not answering.turn.HasField("due_time")
    await stage.say("alguém?")
    joined = await _get(stage)
    assert (joined.turn.phase, joined.turn.waiting_messages) == (TURN_PHASE_ANSWERING, 3)
    assert not joined.turn.HasField("due_time")

    delivery = await stage.reply()
    ready = await _get(stage)
    assert (ready.turn.phase, ready.turn.turn_id) == (TURN_PHASE_ANSWERING, command.turn_id)
    await stage.claim(delivery)
    await stage.deliver((delivery.message.id, SENT))
    done = await _get(stage)
    assert (done.turn.phase, done.turn.waiting_messages) == (TURN_PHASE_IDLE, 0)
    assert done.turn.turn_id == command.turn_id
    assert done.last_message.message.id == delivery.message.id

    await stage.say("e pix?")
    again = await _get(stage)
    assert again.turn.phase == TURN_PHASE_COLLECTING
    assert (again.turn.turn_id, again.turn.waiting_messages) == (command.turn_id, 1)
    taken = await _update(stage, handler=HANDLER_PERSON)
    assert (taken.turn.phase, taken.turn.waiting_messages) == (TURN_PHASE_IDLE, 0)
    back = await _update(stage, handler=HANDLER_ASSISTANT)
    assert (back.turn.phase, back.turn.waiting_messages) == (TURN_PHASE_COLLECTING, 1)


async def test_a_picture_that_nobody_will_answer_does_not_wait(stage: Stage) -> None:
    sender = Party(id="5511987654321", kind="wa_id")
    await stage.receive(stage.inbound(IMAGE, MESSAGE_TYPE_IMAGE, sender))
    found = await _get(stage)
    assert (found.turn.phase, found.turn.waiting_messages) == (TURN_PHASE_IDLE, 0)
    assert found.last_message.message.content.HasField("image")


async def test_the_last_message_is_the_one_that_lists_show_first(stage: Stage) -> None:
    await stage.say("1")
    for text in ("2", "3"):
        await stage.say(text)
        found = await _get(stage)
        listed = await queries2.list_messages(
            stage.partner(), v2.ListMessagesRequest(conversation_id=found.id)
        )
        assert found.last_message == listed.messages[0]
        assert found.last_message.message.content.text.text == text


async def test_both_versions_list_the_same(stage: Stage) -> None:
    for n in range(7):
        stage.clock.pass_(seconds=1)
        await stage.say(f"{n}", sender=f"55119{n}")
    for order_by in ("", "last_message_time"):
        for filters in (
            {},
            {"status": CONVERSATION_STATUS_OPEN, "handler": HANDLER_ASSISTANT},
            {"status": CONVERSATION_STATUS_RESOLVED},
            {"connection_id": stage.connection_id},
            {"assistant_id": stage.assistant.id},
            {"assistant_id": new_id()},
            {
                "participant_id": (await stage.rows("SELECT id FROM processing.participants"))[0][
                    "id"
                ]
            },
        ):
            one: Any = v1.ListConversationsRequest(page_size=3, order_by=order_by, **filters)
            two: Any = v2.ListConversationsRequest(page_size=3, order_by=order_by, **filters)
            while True:
                page1 = await queries1.list_conversations(stage.partner(), one)
                page2 = await queries2.list_conversations(stage.partner(), two)
                assert [_flat(found) for found in page2.conversations] == list(page1.conversations)
                for found in page2.conversations:
                    words = found.last_message.message.content.text.text
                    assert found.participant.identifier == f"55119{words}"
                assert bool(page1.next_page_token) == bool(page2.next_page_token)
                if not page1.next_page_token:
                    break
                one.page_token, two.page_token = page1.next_page_token, page2.next_page_token


async def test_a_page_costs_two_statements_however_long_it_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        await stage.say(sender=f"55119{n}")
    asked: list[str] = []
    read = stage.database.read

    async def counted(tenant_id: str, query: str, *args: Any) -> Any:
        asked.append(query)
        return await read(tenant_id, query, *args)

    monkeypatch.setattr(stage.database, "read", counted)
    page = await queries2.list_conversations(stage.partner(), v2.ListConversationsRequest())
    assert len(page.conversations) == 5
    assert len(asked) == 2


async def test_both_versions_list_the_same_messages(stage: Stage) -> None:
    for n in range(5):
        await stage.say(f"{n}")
    id = (await stage.conversation())["id"]
    for fields in (
        {},
        {"order_by": "create_time"},
        {"direction": DIRECTION_INBOUND},
        {"since": _due(-1), "until": _due(1)},
        {"since": _due(1)},
        {"until": _due(0)},
    ):
        more: Any = {"conversation_id": id, "page_size": 200, **fields}
        page1 = await queries1.list_messages(stage.partner(), v1.ListMessagesRequest(**more))
        page2 = await queries2.list_messages(stage.partner(), v2.ListMessagesRequest(**more))
        assert list(page1.messages) == list(page2.messages)
        for message in page2.messages:
            request = v2.GetMessageRequest(conversation_id=id, id=message.message.id)
            assert await queries2.get_message(stage.partner(), request) == message


async def test_an_update_by_one_version_is_seen_by_the_other(stage: Stage) -> None:
    await stage.say()
    before = await _get(stage)
    stage.clock.pass_(seconds=1)
    updated = await _update(
        stage, status=CONVERSATION_STATUS_RESOLVED, handler=HANDLER_PERSON, etag=before.etag
    )
    assert updated == await _get(stage)
    request = v1.GetConversationRequest(id=before.id)
    assert _flat(updated) == await queries1.get_conversation(stage.partner(), request)
    with pytest.raises(EtagMismatch):
        await stage.update(status=CONVERSATION_STATUS_OPEN, etag=before.etag)
    await stage.update(status=CONVERSATION_STATUS_OPEN, etag=updated.etag)
    with pytest.raises(EtagMismatch):
        await _update(stage, handler=HANDLER_ASSISTANT, etag=updated.etag)
    assert _flat(await _update(stage)) == await queries1.get_conversation(stage.partner(), request)


async def test_a_message_is_sent_and_refused_as_by_version_1(stage: Stage) -> None:
    await stage.say()
    id = (await stage.conversation())["id"]
    limits = Limits(messages_per_minute=1)
    sent = await commands2.send_message(
        stage.partner(limits=limits),
        _text(id, "Seu pedido saiu."),
        limiter=stage.limiter,
        clock=stage.clock,
    )
    (delivery,) = await stage.sent(DeliverMessage)
    assert delivery.message.content.text.text == "Seu pedido saiu."
    assert sent == (await _get(stage)).last_message
    with pytest.raises(MessageLimitReached):
        await commands2.send_message(
            stage.partner(limits=limits),
            _text(id, "De novo."),
            limiter=stage.limiter,
            clock=stage.clock,
        )


async def test_both_versions_fail_for_the_same_reasons(stage: Stage) -> None:
    stage.connected_to = ""
    await stage.say()
    id = (await stage.conversation())["id"]
    elsewhere = stage.partner(new_id())
    with pytest.raises(ConversationNotFound):
        await queries2.get_conversation(elsewhere, v2.GetConversationRequest(id=id))
    with pytest.raises(ConversationNotFound):
        await queries2.list_messages(elsewhere, v2.ListMessagesRequest(conversation_id=id))
    with pytest.raises(MessageNotFound):
        await queries2.get_message(
            stage.partner(), v2.GetMessageRequest(conversation_id=id, id=new_id())
        )
    with pytest.raises(ConversationNotFound):
        await commands2.send_message(
            elsewhere, _text(id, "x"), limiter=stage.limiter, clock=stage.clock
        )
    with pytest.raises(AssistantMissing):
        await _update(stage, handler=HANDLER_ASSISTANT)


@pytest.mark.parametrize(
    ("break_it", "field"),
    [
        (lambda request: request.ClearField("content"), "content"),
        (lambda request: request.content.ClearField("text"), "content.text"),
        (lambda request: request.content.text.ClearField("body"), "content.text.body"),
        (lambda request: setattr(request.content.text, "body", " \n\u00a0"), "content.text.body"),
        (lambda request: setattr(request.content.text, "body", "x" * 4097), "content.text.body"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(
    break_it: Callable[[v2.SendMessageRequest], None], field: str
) -> None:
    request = _text(new_id(), "oi")
    validate(request)
    break_it(request)
    with pytest.raises(InvalidRequest) as refused:
        validate(request)
    assert [name for name, _ in refused.value.violations()] == [field]
