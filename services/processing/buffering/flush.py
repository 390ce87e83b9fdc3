"""Looks after one conversation: hands on what is due, and carries on what has stopped.

Everything that could start this (Valkey's timer, the durable timer, a turn that ended) may do so at
any time, twice, or not at all: what is done is decided under the conversation's lock alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.events_pb2 import MessageStatusChanged, TurnOpened

from services.kit.call import Call
from services.kit.db import Transaction
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.sql import load_sql
from services.kit.tenants import Tenants
from services.processing.assistants import Assistants
from services.processing.buffering.model import (
    Act,
    OpenTurn,
    Patience,
    Waiting,
    next_step,
)
from services.processing.conversations.handover import take_over
from services.processing.records import message_status, turn_of
from services.processing.settings import ProcessingSettings
from services.processing.telemetry import (
    buffer_seconds,
    flush_lag_seconds,
    turns_opened,
    turns_superseded,
)
from services.processing.timers import WATCH
from services.processing.turns.replies import apologise, deliver_again
from services.processing.turns.silence import may_speak, put_back

log = get_logger(__name__)
sql = load_sql(__package__, "buffering.sql")


@dataclass(frozen=True, slots=True)
class Attended:
    """What came of it."""

    act: Act
    message_ids: tuple[str, ...] = ()
    """What was handed on."""
    due: datetime | None = None
    """When what waits is due, if it is not yet."""


async def attend(
    call: Call,
    conversation_id: str,
    now: datetime,
    assistants: Assistants,
    tenants: Tenants,
    settings: ProcessingSettings,
) -> Attended:
    """Do what a conversation needs now."""
    served = await may_speak(call, tenants)
    async with call.transaction() as tx:
        conversation = await tx.maybe(sql.lock_conversation, conversation_id)
        if conversation is None:
            tx.disarm(WATCH, conversation_id)
            return Attended(Act.REST)
        state = await tx.one(sql.state, conversation_id)
        waiting = _waiting(state)
        if waiting and conversation["handler"] == "person":
            # Its connection lost its assistant.
            await take_over(tx, conversation_id, now, by_person=False)
            state, waiting = {**state, "turn_id": None}, None
        if not served:
            return await _keep_silent(tx, conversation_id, state, waiting, now, settings)
        step = next_step(
            now, waiting, _open_turn(state), state["claimed_asked_time"], patience_of(settings)
        )
        message_ids: tuple[str, ...] = ()
        match step.act:
            case Act.OPEN | Act.SUPERSEDE:
                assert waiting is not None
                message_ids = await _hand_on(tx, conversation, state, now)
                buffer_seconds.observe((now - waiting.first_time).total_seconds())
                flush_lag_seconds.observe((now - waiting.due_time).total_seconds())
            case Act.ASK_AGAIN:
                await _ask_again(tx, conversation_id, state, now)
            case Act.DELIVER_AGAIN:
                await tx.run(sql.ask_again, state["claimed_id"], now)
                await deliver_again(tx, state["claimed_reply_id"])
            case Act.GIVE_UP:
                language = assistants.language(call.tenant_id, conversation["assistant_id"] or "")
                reason = "NO_ANSWER_IN_TIME"
                await apologise(tx, state["turn_id"], state["attempt"], reason, language, now)
            case Act.REST:
                pass
        if step.look_again:
            tx.arm(WATCH, conversation_id, step.look_again)
        else:
            tx.disarm(WATCH, conversation_id)
    early = waiting is not None and waiting.due_time > now
    return Attended(step.act, message_ids, waiting.due_time if waiting and early else None)


async def _keep_silent(
    tx: Transaction,
    conversation_id: str,
    state: Mapping[str, Any],
    waiting: Waiting | None,
    now: datetime,
    settings: ProcessingSettings,
) -> Attended:
    put_back_now = state["turn_id"] is not None and await put_back(tx, state["turn_id"], now)
    if waiting is not None and waiting.due_time + settings.answer_within < now:
        dropped = await tx.run(sql.leave_unanswered, conversation_id)
        log.info("left unanswered", conversation=conversation_id, messages=dropped)
        waiting, put_back_now = None, False
    if waiting is not None or put_back_now or state["claimed_id"] is not None:
        tx.arm(WATCH, conversation_id, now + settings.ask_again_after)
    else:
        tx.disarm(WATCH, conversation_id)
    return Attended(Act.REST)


def patience_of(settings: ProcessingSettings) -> Patience:
    """The settings as the rule takes them."""
    return Patience(
        sweep_after=settings.sweep_after,
        hold_for=settings.hold_for,
        ask_again_after=settings.ask_again_after,
        give_up_after=settings.give_up_after,
        max_supersedes=settings.max_supersedes,
    )


async def _hand_on(
    tx: Transaction, conversation: Mapping[str, Any], state: Mapping[str, Any], now: datetime
) -> tuple[str, ...]:
    id = conversation["id"]
    if state["turn_id"] is None:
        turn = await tx.maybe(sql.open_turn, id, new_id(), conversation["assistant_id"], now)
    else:
        turn = await tx.maybe(sql.supersede_turn, id, state["turn_id"], now)
    if turn is None:
        return ()  # A buffer in which nothing waits: it is gone now.
    correlation = turn["correlation_id"]
    tx.emit(TurnOpened(turn=turn_of(turn)), correlation_id=correlation)
    if turn["cancelled_id"]:
        tx.emit(
            MessageStatusChanged(
                message_id=turn["cancelled_id"],
                conversation_id=id,
                status=message_status("cancelled"),
                failure_reason="SUPERSEDED",
            ),
            correlation_id=correlation,
        )
    command = GenerateReply(turn_id=turn["id"], attempt=turn["attempt"])
    tx.send(command, key=id, correlation_id=correlation)
    if state["turn_id"] is None:
        turns_opened.labels(turn["flush_reason"]).inc()
    else:
        turns_superseded.inc()
    log.info(
        "buffer handed on",
        conversation=id,
        turn=turn["id"],
        attempt=turn["attempt"],
        messages=len(turn["collected_ids"]),
        reason=turn["flush_reason"],
    )
    return tuple(turn["collected_ids"])


async def _ask_again(
    tx: Transaction, conversation_id: str, state: Mapping[str, Any], now: datetime
) -> None:
    log.warning("turn asked again", turn=state["turn_id"], status=state["status"])
    await tx.run(sql.ask_again, state["turn_id"], now)
    if state["status"] == "ready":
        await deliver_again(tx, state["reply_message_id"])
    else:
        tx.send(
            GenerateReply(turn_id=state["turn_id"], attempt=state["attempt"]),
            key=conversation_id,
            correlation_id=state["correlation_id"],
        )


def _waiting(state: Mapping[str, Any]) -> Waiting | None:
    if state["due_time"] is None:
        return None
    return Waiting(state["first_time"], state["due_time"])


def _open_turn(state: Mapping[str, Any]) -> OpenTurn | None:
    if state["turn_id"] is None:
        return None
    return OpenTurn(
        ready=state["status"] == "ready",
        supersedes=state["supersedes"],
        attempt_time=state["attempt_time"],
        asked_time=state["asked_time"],
    )
