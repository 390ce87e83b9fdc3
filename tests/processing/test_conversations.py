"""What partners and people read and send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.ingestion.v1.delivery_service_pb2 import Delivery, ListDeliveriesResponse
from malha.ingestion.v1.webhook_event_pb2 import WebhookEvent, WebhookStatus
from malha.ingestion.v1.webhook_event_service_pb2 import ListWebhookEventsResponse
from malha.processing.v1.conversation_pb2 import (
    AUTHOR_API,
    AUTHOR_PERSON,
    CONVERSATION_STATUS_OPEN,
    CONVERSATION_STATUS_RESOLVED,
    MESSAGE_STATUS_PENDING,
)
from malha.processing.v1.conversation_service_pb2 import (
    GetConversationRequest,
    GetTimelineRequest,
    ListConversationsRequest,
    ListMessagesRequest,
    SendMessageRequest,
)

from services.kit.auth import Actor
from services.kit.call import Call
from services.kit.errors import InvalidRequest
from services.kit.ids import new_id
from services.kit.validate import validate
from services.processing.conversations.changes import ConversationNotFound
from services.processing.conversations.commands import send_message
from services.processing.conversations.events import ask_delivery_again
from services.processing.conversations.queries import (
    TimelineNotFound,
    get_conversation,
    get_timeline,
    list_conversations,
    list_messages,
)
from tests.processing.stage import SENT, START, Stage


def _call(stage: Stage, kind: Any = "api_key", workspace_id: str | None = None) -> Call:
    workspace = stage.workspace_id if workspace_id is None else workspace_id
    return Call(
        Actor(kind, new_id(), stage.tenant_id, workspace),
        database=stage.database,
        peers=stage.peers,  # type: ignore[arg-type]
        correlation_id=new_id(),
        readonly=False,
    )


async def _send(stage: Stage, text: str, kind: str = "api_key", request_id: str = "") -> Any:
    request = SendMessageRequest(
        conversation_id=(await stage.conversation())["id"], text=text, request_id=request_id
    )
    return await send_message(_call(stage, kind), request, limiter=stage.limiter, clock=stage.clock)


async def test_conversations_are_listed_by_activity_page_by_page(stage: Stage) -> None:
    for n in range(5):
        stage.clock.pass_(seconds=1)
        await stage.say(sender=f"55119{n}")
    stage.clock.pass_(seconds=1)
    await stage.say(sender="551191")
    seen, token = [], ""
    while True:
        page = await list_conversations(
            _call(stage), ListConversationsRequest(page_size=2, page_token=token)
        )
        seen += [conversation.participant.identifier for conversation in page.conversations]
        token = page.next_page_token
        if not token:
            break
    assert seen == [f"55119{n}" for n in (1, 4, 3, 2, 0)]
    open_ = ListConversationsRequest(status=CONVERSATION_STATUS_OPEN)
    assert len((await list_conversations(_call(stage), open_)).conversations) == 5
    resolved = ListConversationsRequest(status=CONVERSATION_STATUS_RESOLVED)
    assert not (await list_conversations(_call(stage), resolved)).conversations
    elsewhere = ListConversationsRequest(connection_id=new_id())
    assert not (await list_conversations(_call(stage), elsewhere)).conversations


async def test_messages_are_listed_newest_first(stage: Stage) -> None:
    for n in range(3):
        await stage.say(str(n))
    id = (await stage.conversation())["id"]
    page = await list_messages(_call(stage), ListMessagesRequest(conversation_id=id, page_size=2))
    assert [m.message.content.text.text for m in page.messages] == ["2", "1"]
    rest = await list_messages(
        _call(stage),
        ListMessagesRequest(conversation_id=id, page_size=2, page_token=page.next_page_token),
    )
    assert [m.message.content.text.text for m in rest.messages] == ["0"]
    assert rest.messages[0].message.conversation_id == id


async def test_other_tenants_and_workspaces_find_nothing(stage: Stage) -> None:
    await stage.say()
    id = (await stage.conversation())["id"]
    other_tenant = Stage(
        stage.database, stage.cache, stage.timers, stage.limiter, new_id(), stage.workspace_id
    )
    for call in (_call(other_tenant), _call(stage, workspace_id=new_id())):
        assert not (await list_conversations(call, ListConversationsRequest())).conversations
        with pytest.raises(ConversationNotFound):
            await get_conversation(call, GetConversationRequest(id=id))
        with pytest.raises(ConversationNotFound):
            await list_messages(call, ListMessagesRequest(conversation_id=id))
        with pytest.raises(ConversationNotFound):
            await send_message(
                call,
                SendMessageRequest(conversation_id=id, text="x"),
                limiter=stage.limiter,
                clock=stage.clock,
            )
    assert (await get_conversation(_call(stage), GetConversationRequest(id=id))).id == id


async def test_a_partners_message_goes_out_and_leaves_the_assistant_in_charge(
    stage: Stage,
) -> None:
    await stage.say()
    sent = await _send(stage, "Seu pedido saiu.")
    assert (sent.author, sent.status) == (AUTHOR_API, MESSAGE_STATUS_PENDING)
    (delivery,) = await stage.sent(DeliverMessage)
    assert delivery.message.id == sent.message.id
    assert delivery.message.recipient.id == "5511987654321"
    assert not delivery.turn_id
    assert (await stage.conversation())["handler"] == "assistant"


async def test_a_persons_message_takes_over(stage: Stage) -> None:
    await stage.say()
    reply = await stage.reply()
    sent = await _send(stage, "Oi, aqui é a Marta.", "user")
    assert sent.author == AUTHOR_PERSON
    assert (await stage.conversation())["handler"] == "person"
    assert (await stage.claim(reply)).reason == "PERSON_TOOK_OVER"


async def test_the_same_request_id_sends_once(stage: Stage) -> None:
    await stage.say()
    request_id = new_id()
    first = await _send(stage, "Seu pedido saiu.", request_id=request_id)
    again = await _send(stage, "Seu pedido saiu.", request_id=request_id)
    assert first.message == again.message
    assert len(await stage.sent(DeliverMessage)) == 1


async def test_a_sent_message_without_news_is_delivered_again(stage: Stage) -> None:
    await stage.say()
    sent = await _send(stage, "Seu pedido saiu.")
    await ask_delivery_again(stage.call(), sent.message.id, clock=stage.clock)
    assert len(await stage.sent(DeliverMessage)) == 2
    await stage.deliver((sent.message.id, SENT))
    await ask_delivery_again(stage.call(), sent.message.id, clock=stage.clock)
    assert len(await stage.sent(DeliverMessage)) == 2
    timers = "SELECT FROM processing.timers WHERE kind = 'message' AND tenant_id = current_tenant()"
    assert not await stage.rows(timers)


async def test_a_timeline_leads_from_the_webhook_to_the_status(stage: Stage) -> None:
    first = await stage.say("qual o prazo?")
    last = await stage.say("da troca")
    delivery = await stage.reply()
    await stage.claim(delivery)
    # Providers tell whole seconds: this is before the reply was ready.
    stage.clock.pass_(seconds=-0.5)
    await stage.deliver((delivery.message.id, SENT))

    async def webhooks(request: Any) -> ListWebhookEventsResponse:
        event = WebhookEvent(
            id=new_id(), kind="message", status=WebhookStatus.WEBHOOK_STATUS_ACCEPTED
        )
        event.receive_time.FromDatetime(START - timedelta(seconds=1))
        event.process_time.FromDatetime(START - timedelta(milliseconds=500))
        known = request.correlation_id in (first.correlation_id, last.correlation_id)
        return ListWebhookEventsResponse(webhook_events=[event] if known else [])

    async def deliveries(request: Any) -> ListDeliveriesResponse:
        one = Delivery(message_id=delivery.message.id, attempts=2)
        mine = request.correlation_id == last.correlation_id
        return ListDeliveriesResponse(deliveries=[one] if mine else [])

    stage.peers.answers["WebhookEventService.ListWebhookEvents"] = webhooks
    stage.peers.answers["DeliveryService.ListDeliveries"] = deliveries
    for correlation_id in (first.correlation_id, last.correlation_id):
        timeline = await get_timeline(
            _call(stage), GetTimelineRequest(correlation_id=correlation_id)
        )
        assert [entry.step for entry in timeline.entries] == [
            "webhook_received",
            "webhook_accepted",
            "message_stored",
            "turn_opened",
            "reply_ready",
            "reply_sent",
        ]
        assert timeline.entries[3].detail == "quiet, 2 message(s)"
        assert timeline.entries[-1].detail == "2 attempt(s)"
        assert timeline.conversation_id == (await stage.conversation())["id"]
    with pytest.raises(TimelineNotFound):
        await get_timeline(_call(stage), GetTimelineRequest(correlation_id=new_id()))


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "\u00a0", "x" * 4097])
def test_a_text_that_says_nothing_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(SendMessageRequest(conversation_id=new_id(), text=text))
    assert [name for name, _ in refused.value.violations()] == ["text"]
    validate(SendMessageRequest(conversation_id=new_id(), text=" oi "))
