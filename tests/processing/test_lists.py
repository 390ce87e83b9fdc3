"""Every filter and order of the lists, paged through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malha.message.v1.message_pb2 import Message
from malha.processing.v1.conversation_pb2 import (
    CONVERSATION_STATUS_OPEN,
    CONVERSATION_STATUS_RESOLVED,
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    HANDLER_ASSISTANT,
    HANDLER_PERSON,
    ConversationMessage,
)
from malha.processing.v1.conversation_service_pb2 import (
    GetMessageRequest,
    ListConversationsRequest,
    ListMessagesRequest,
    SendMessageRequest,
)

from services.kit.call import Call
from services.kit.errors import InvalidRequest
from services.kit.ids import new_id
from services.kit.pages import PageTokenInvalid
from services.processing.conversations.changes import ConversationNotFound
from services.processing.conversations.commands import send_message
from services.processing.conversations.queries import (
    MessageNotFound,
    get_message,
    list_conversations,
    list_messages,
)
from tests.processing.stage import START, Stage

STATUSES: dict[str, Any] = {
    "": 0,
    "open": CONVERSATION_STATUS_OPEN,
    "resolved": CONVERSATION_STATUS_RESOLVED,
}
HANDLERS: dict[str, Any] = {"": 0, "assistant": HANDLER_ASSISTANT, "person": HANDLER_PERSON}
WORKSPACES, CONNECTIONS, ASSISTANTS = ([new_id() for _ in range(count)] for count in (2, 3, 2))


@dataclass(frozen=True)
class Known:
    """A conversation as the test made it."""

    id: str
    workspace_id: str
    connection_id: str
    participant_id: str
    assistant_id: str
    status: str
    handler: str
    time: datetime


_made: dict[str, list[Known]] = {}


async def _conversations(stage: Stage, count: int) -> list[Known]:
    """Conversations of every kind; many were active in the very same second."""
    random = Random(count)
    made = [
        Known(
            id=new_id(),
            workspace_id=random.choice(WORKSPACES),
            connection_id=random.choice(CONNECTIONS),
            participant_id=new_id(),
            assistant_id=random.choice([*ASSISTANTS, ""]),
            status=random.choice(["open", "resolved"]),
            handler=random.choice(["assistant", "person"]),
            time=START + timedelta(seconds=random.randrange(count // 3)),
        )
        for _ in range(count)
    ]
    async with stage.call().transaction() as tx:
        for one in made:
            await tx.run(
                """WITH person AS (
                     INSERT INTO processing.participants
                       (id, workspace_id, connection_id, display_name, identifier, kind)
                     VALUES ($1, $2, $3, '', $1::uuid::text, 'wa_id'))
                   INSERT INTO processing.conversations
                     (id, workspace_id, connection_id, channel, participant_id, assistant_id,
                      status, handler, create_time, last_message_time)
                   VALUES ($4, $2, $3, 'whatsapp', $1, $5, $6, $7, $8, $8)""",
                one.participant_id,
                one.workspace_id,
                one.connection_id,
                one.id,
                one.assistant_id or None,
                one.status,
                one.handler,
                one.time,
            )
    _made[stage.tenant_id] = made
    return made


async def _all(call: Call, request: ListConversationsRequest) -> list[str]:
    seen: list[str] = []
    while True:
        page = await list_conversations(call, request)
        assert len(page.conversations) <= request.page_size
        seen += [conversation.id for conversation in page.conversations]
        if not page.next_page_token:
            return seen
        request.page_token = page.next_page_token


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    workspace_id=st.sampled_from([*WORKSPACES, "", new_id()]),
    connection_id=st.sampled_from(["", "", *CONNECTIONS, new_id()]),
    assistant_id=st.sampled_from(["", "", *ASSISTANTS, new_id()]),
    participant=st.sampled_from([None, None, None, 0, 1, 60]),
    status=st.sampled_from(["", "open", "resolved"]),
    handler=st.sampled_from(["", "assistant", "person"]),
    order_by=st.sampled_from(["", "last_message_time", "last_message_time desc"]),
    page_size=st.sampled_from([1, 7, 60, 200]),
)
async def test_every_filter_and_order_lists_what_a_model_of_it_lists(
    stage: Stage,
    workspace_id: str,
    connection_id: str,
    assistant_id: str,
    participant: int | None,
    status: str,
    handler: str,
    order_by: str,
    page_size: int,
) -> None:
    known = _made.get(stage.tenant_id) or await _conversations(stage, 60)
    people = [*(one.participant_id for one in known), new_id()]
    participant_id = "" if participant is None else people[participant]
    expected = [
        one
        for one in known
        if workspace_id in ("", one.workspace_id)
        and connection_id in ("", one.connection_id)
        and assistant_id in ("", one.assistant_id)
        and participant_id in ("", one.participant_id)
        and status in ("", one.status)
        and handler in ("", one.handler)
    ]
    expected.sort(key=lambda one: (one.time, one.id), reverse=order_by != "last_message_time")
    request = ListConversationsRequest(
        connection_id=connection_id,
        assistant_id=assistant_id,
        participant_id=participant_id,
        status=STATUSES[status],
        handler=HANDLERS[handler],
        order_by=order_by,
        page_size=page_size,
    )
    found = await _all(stage.partner(workspace_id), request)
    assert found == [one.id for one in expected]


async def _thousand(stage: Stage) -> tuple[str, list[str]]:
    await stage.say("m0")
    conversation_id = (await stage.conversation())["id"]
    (first,) = await stage.messages()
    ids = [first["id"], *(new_id() for _ in range(999))]
    message = Message.FromString(first["content"])
    contents = []
    for message.id in ids[1:]:
        contents.append(message.SerializeToString())
    async with stage.call().transaction() as tx:
        await tx.run(
            """INSERT INTO processing.messages
                 (id, conversation_id, connection_id, direction, author, status, content,
                  message_time, correlation_id, create_time)
               SELECT said.id, m.conversation_id, m.connection_id,
                      kind.direction::processing.direction, kind.author::processing.author,
                      kind.status::processing.message_status,
                      said.content, m.message_time, m.correlation_id,
                      m.create_time + n * interval '1 second'
                 FROM processing.messages m,
                      unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS said (id, content, n)
                 JOIN (VALUES (false, 'inbound', 'customer', 'received'),
                              (true, 'outbound', 'api', 'sent'))
                      AS kind (fourth, direction, author, status) ON kind.fourth = (n % 4 = 0)
                WHERE m.id = $3""",
            ids[1:],
            contents,
            ids[0],
        )
    return conversation_id, ids


@pytest.mark.parametrize("order_by", ["", "create_time desc", "create_time"])
async def test_a_thousand_messages_are_paged_through_while_more_arrive(
    stage: Stage, order_by: str
) -> None:
    conversation_id, before = await _thousand(stage)
    request = ListMessagesRequest(conversation_id=conversation_id, order_by=order_by, page_size=70)
    seen: list[str] = []
    arrived: list[str] = []
    while True:
        page = await list_messages(stage.partner(), request)
        seen += [one.message.id for one in page.messages]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        arrived.append((await stage.say(f"and {len(arrived)}")).message.id)
    assert len(arrived) > 10
    if order_by == "create_time":
        assert seen == before + arrived
    else:
        assert seen == before[::-1]


def _at(seconds: int) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(START + timedelta(seconds=seconds))
    return time


@pytest.mark.parametrize("order_by", ["create_time desc", "create_time"])
@pytest.mark.parametrize("direction", [0, DIRECTION_INBOUND, DIRECTION_OUTBOUND])
async def test_messages_are_filtered_by_direction_and_the_time_they_were_stored(
    stage: Stage, order_by: str, direction: Any
) -> None:
    conversation_id, ids = await _thousand(stage)
    request = ListMessagesRequest(
        conversation_id=conversation_id,
        direction=direction,
        since=_at(100),
        until=_at(300),
        order_by=order_by,
        page_size=33,
    )
    seen: list[ConversationMessage] = []
    while True:
        page = await list_messages(stage.partner(), request)
        seen += page.messages
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    inbound = {0: (True, False), DIRECTION_INBOUND: (True,), DIRECTION_OUTBOUND: (False,)}
    expected = [ids[n] for n in range(100, 300) if (n % 4 != 0) in inbound[direction]]
    if order_by != "create_time":
        expected.reverse()
    assert [one.message.id for one in seen] == expected
    times = [one.create_time.ToDatetime(UTC) for one in seen]
    assert all((a < b) == (order_by == "create_time") for a, b in pairwise(times))


async def test_a_page_token_is_of_use_in_its_own_list_only(stage: Stage) -> None:
    conversation_id, _ = await _thousand(stage)
    request = ListMessagesRequest(conversation_id=conversation_id, page_size=1)
    token = (await list_messages(stage.partner(), request)).next_page_token
    for other in (
        ListMessagesRequest(conversation_id=new_id()),
        ListMessagesRequest(conversation_id=conversation_id, direction=DIRECTION_INBOUND),
        ListMessagesRequest(conversation_id=conversation_id, order_by="create_time"),
        ListMessagesRequest(conversation_id=conversation_id, since=_at(0)),
    ):
        other.page_token = token
        with pytest.raises(PageTokenInvalid) as refused:
            await list_messages(stage.partner(), other)
        assert [field for field, _ in refused.value.violations()] == ["page_token"]


async def test_a_conversation_without_such_messages_is_found_and_its_list_is_empty(
    stage: Stage,
) -> None:
    await stage.say()
    id = (await stage.conversation())["id"]
    request = ListMessagesRequest(conversation_id=id, direction=DIRECTION_OUTBOUND)
    assert not (await list_messages(stage.partner(), request)).messages
    with pytest.raises(ConversationNotFound):
        await list_messages(stage.partner(), ListMessagesRequest(conversation_id=new_id()))


async def test_a_time_beyond_the_calendar_is_refused_by_its_name(stage: Stage) -> None:
    request = ListMessagesRequest(conversation_id=new_id(), until=Timestamp(seconds=10**15))
    with pytest.raises(InvalidRequest) as refused:
        await list_messages(stage.partner(), request)
    assert [field for field, _ in refused.value.violations()] == ["until"]


async def test_a_message_is_found_in_its_own_conversation_and_workspace_only(stage: Stage) -> None:
    said = await stage.say("oi")
    conversation_id = (await stage.conversation())["id"]
    sent = await send_message(
        stage.partner(),
        SendMessageRequest(conversation_id=conversation_id, text="Seu pedido saiu."),
        limiter=stage.limiter,
        clock=stage.clock,
    )
    for id in (said.message.id, sent.message.id):
        request = GetMessageRequest(conversation_id=conversation_id, id=id)
        found = await get_message(stage.partner(), request)
        listed = (
            await list_messages(
                stage.partner(), ListMessagesRequest(conversation_id=conversation_id)
            )
        ).messages
        assert found in listed
        assert found.message.id == id
        for call, wrong in (
            (stage.partner(new_id()), request),
            (stage.partner(), GetMessageRequest(conversation_id=new_id(), id=id)),
            (stage.partner(), GetMessageRequest(conversation_id=conversation_id, id=new_id())),
        ):
            with pytest.raises(MessageNotFound):
                await get_message(call, wrong)
