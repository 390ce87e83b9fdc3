"""How many messages a plan lets a tenant send."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis.asyncio as redis
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.processing.v1.conversation_pb2 import ConversationMessage
from malha.processing.v1.conversation_service_pb2 import SendMessageRequest

from services.kit.call import Call
from services.kit.errors import ResourceExhausted
from services.kit.ids import new_id
from services.kit.limits import Limits
from services.kit.ratelimit import RateLimiter
from services.processing.conversations.commands import (
    MessageLimitReached,
    RequestIdReused,
    send_message,
)
from tests.processing.stage import Stage

TWO = Limits(messages_per_minute=2)


async def _send(stage: Stage, call: Call, request_id: str = "", **more: Any) -> ConversationMessage:
    request = SendMessageRequest(
        conversation_id=(await stage.conversation())["id"],
        text="Seu pedido saiu.",
        request_id=request_id,
    )
    return await send_message(
        call, request, **{"limiter": stage.limiter, "clock": stage.clock, **more}
    )


async def test_above_the_plans_messages_a_minute_nothing_is_sent_and_the_wait_is_told(
    stage: Stage,
) -> None:
    await stage.say()
    sends = [_send(stage, stage.partner(limits=TWO)) for _ in range(6)]
    ended = await asyncio.gather(*sends, return_exceptions=True)
    refused = [end for end in ended if isinstance(end, MessageLimitReached)]
    assert len(refused) == 4
    assert isinstance(refused[0], ResourceExhausted)
    assert all(0 < (one.retry_after or 0) <= 60 for one in refused)
    assert refused[0].metadata == {"limit": "2"}
    assert len(await stage.sent(DeliverMessage)) == 2
    assert len(await stage.messages("direction = 'outbound'")) == 2
    assert await stage.limiter.used(stage.tenant_id, "messages", 2) == 2


async def test_a_repeated_request_id_is_answered_whatever_the_limit(stage: Stage) -> None:
    await stage.say()
    request_id = new_id()
    first = await _send(stage, stage.partner(limits=TWO), request_id)
    for _ in range(4):
        again = await _send(stage, stage.partner(limits=TWO), request_id)
        assert again.message.id == first.message.id
    with pytest.raises(MessageLimitReached):
        await _send(stage, stage.partner(limits=TWO), new_id())
    assert len(await stage.sent(DeliverMessage)) == 1


async def test_malhas_own_services_other_tenants_and_plans_without_a_limit_go_on(
    stage: Stage,
) -> None:
    await stage.say()
    for _ in range(3):
        await _send(stage, stage.partner())
        await _send(stage, stage.call())
    other = Stage(stage.database, stage.cache, stage.timers, stage.limiter, new_id(), new_id())
    await other.say()
    await _send(stage, stage.partner(limits=TWO))
    await _send(stage, stage.partner(limits=TWO))
    await _send(other, other.partner(limits=TWO))
    await other.forget()


async def test_without_valkey_messages_are_sent_all_the_same(stage: Stage) -> None:
    await stage.say()
    away = RateLimiter(redis.Redis(unix_socket_path="/nowhere.sock"))
    for _ in range(3):
        await _send(stage, stage.partner(limits=TWO), limiter=away)


async def test_a_request_id_that_sent_to_another_conversation_stays_refused(stage: Stage) -> None:
    await stage.say()
    request_id = new_id()
    await _send(stage, stage.partner(), request_id)
    await stage.say(sender="5511900000000")
    first, second = await stage.rows("SELECT id FROM processing.conversations ORDER BY id")
    request = SendMessageRequest(conversation_id=second["id"], text="x", request_id=request_id)
    assert first["id"] != second["id"]
    with pytest.raises(RequestIdReused):
        await send_message(stage.partner(), request, limiter=stage.limiter, clock=stage.clock)
