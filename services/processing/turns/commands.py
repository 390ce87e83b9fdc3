"""Making the answer, and the last fence before it leaves."""

import asyncio
from dataclasses import replace
from datetime import datetime

from malha.knowledge.v1.search_service_pb2 import SearchPassagesRequest
from malha.knowledge.v1.search_service_pb2_grpc import SearchServiceStub
from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.events_pb2 import MessageStatusChanged
from malha.processing.v1.turn_service_pb2 import ClaimReplyRequest, ClaimReplyResponse

from services.kit.ai.base import Completion, Prompt
from services.kit.ai.questions import questions_of, searches_of
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Record, Transaction
from services.kit.errors import AppError, NotFound, Unavailable
from services.kit.log import get_logger
from services.kit.sql import load_sql
from services.kit.tenants import Tenants
from services.processing.assistants import AssistantNotFound, Assistants
from services.processing.records import message_status
from services.processing.settings import ProcessingSettings
from services.processing.timers import WATCH, BufferTimers, Place
from services.processing.turns.model import refusal
from services.processing.turns.models import Models
from services.processing.turns.prompts import (
    SUMMARISED,
    VERBATIM,
    conversation_prompt,
    titles_of,
    with_passages,
)
from services.processing.turns.replies import apologise, fail, next_look, store_reply
from services.processing.turns.silence import REASON, may_speak, put_back

log = get_logger(__name__)
sql = load_sql(__package__, "turns.sql")

_PASSAGES = 5


class TurnNotFound(NotFound):
    """No turn has the id {id}."""


class ModelTooSlow(Unavailable):
    """No model answered within {seconds} seconds."""


async def generate_reply(
    call: Call,
    command: GenerateReply,
    *,
    assistants: Assistants,
    tenants: Tenants,
    models: Models,
    clock: Clock,
    settings: ProcessingSettings,
) -> None:
    """Answer what a turn has collected, from what the business knows."""
    served = await may_speak(call, tenants)
    async with call.transaction() as tx:
        turn = await tx.one(
            sql.turn_to_answer, command.turn_id, missing=TurnNotFound(id=command.turn_id)
        )
        if turn["status"] != "generating" or turn["attempt"] != command.attempt:
            return  # Answered before, ended, or a later attempt carries these messages too.
        if not served:
            conversation = await tx.one(sql.lock_conversation_of, command.turn_id)
            await put_back(tx, command.turn_id, clock.now())
            tx.arm(WATCH, conversation["id"], clock.now() + settings.ask_again_after)
            return
        said = await tx.all(
            sql.said, turn["conversation_id"], VERBATIM + SUMMARISED, command.turn_id
        )
    try:
        prompt, completion = await _answer(call, turn, said, assistants, models, settings)
    except AppError as error:
        now = clock.now()
        if error.retryable and now < turn["attempt_time"] + settings.give_up_after:
            raise
        await _give_up(call, turn, error, assistants, now)
        return
    now = clock.now()
    async with call.transaction() as tx:
        ready = await store_reply(
            tx,
            turn,
            completion.text,
            now,
            sources=titles_of(prompt, completion.citations),
            model=completion.model,
        )
        if ready is not None:
            look = next_look(now, ready["due_time"], settings.ask_again_after, settings.sweep_after)
            tx.arm(WATCH, turn["conversation_id"], look)


async def _answer(
    call: Call,
    turn: Record,
    said: list[Record],
    assistants: Assistants,
    models: Models,
    settings: ProcessingSettings,
) -> tuple[Prompt, Completion]:
    assistant = await assistants.get(call, turn["assistant_id"])
    prompt = conversation_prompt(said, turn["id"], assistant)
    questions = questions_of(prompt.open)
    if questions:
        search = call.stub(SearchServiceStub)
        found = await search.SearchPassages(
            SearchPassagesRequest(
                assistant_id=assistant.id,
                queries=searches_of(questions),
                limit=_PASSAGES,
                min_score=assistant.min_score,
            )
        )
        prompt = with_passages(prompt, questions, found, assistant.min_score)
    seconds = min(settings.model_seconds, call.remaining())
    try:
        async with asyncio.timeout(seconds):
            completion = await models.of(assistant.models).complete(
                replace(prompt, deadline=seconds)
            )
    except TimeoutError:
        raise ModelTooSlow(seconds=seconds) from None
    return prompt, completion


async def _give_up(
    call: Call, turn: Record, error: AppError, assistants: Assistants, now: datetime
) -> None:
    async with call.transaction() as tx:
        if isinstance(error, AssistantNotFound):
            # The business took its assistant away: it would not want it to speak once more.
            await fail(tx, turn, error.reason, now)
            return
        language = assistants.language(call.tenant_id, turn["assistant_id"])
        await apologise(tx, turn["id"], turn["attempt"], error.reason, language, now)


async def claim_reply(
    call: Call,
    request: ClaimReplyRequest,
    *,
    timers: BufferTimers,
    tenants: Tenants,
    clock: Clock,
    settings: ProcessingSettings,
) -> ClaimReplyResponse:
    """Let a reply leave, if it is still the one to send; what waited for that goes on."""
    served = await may_speak(call, tenants)
    async with call.transaction() as tx:
        if not served and await _hold_back(tx, request, clock.now(), settings):
            return ClaimReplyResponse(granted=False, reason=REASON)
        claimed = await tx.maybe(sql.claim_reply, request.turn_id, request.message_id)
        if claimed is not None:
            due = claimed["due_time"]
            if due is not None and due <= clock.now():
                place = Place(call.tenant_id, call.workspace_id, claimed["conversation_id"])
                tx.after_commit(lambda: timers.wake(place, due))
            return ClaimReplyResponse(granted=True)
        turn = await tx.one(sql.withhold_reply, request.turn_id, request.message_id)
        if turn["cancelled_id"] is not None:
            tx.emit(
                MessageStatusChanged(
                    message_id=turn["cancelled_id"],
                    conversation_id=turn["conversation_id"],
                    status=message_status("cancelled"),
                    failure_reason="TURN_ENDED",
                )
            )
        reason = refusal(
            turn["status"],
            turn["failure_reason"] or "",
            turn["reply_message_id"] == request.message_id,
        )
    log.info("reply withheld", turn=request.turn_id, reason=reason)
    return ClaimReplyResponse(granted=False, reason=reason)


async def _hold_back(
    tx: Transaction, request: ClaimReplyRequest, now: datetime, settings: ProcessingSettings
) -> bool:
    conversation = await tx.maybe(sql.lock_conversation_of, request.turn_id)
    if conversation is None or conversation["handler"] == "person":
        return False
    if not await put_back(tx, request.turn_id, now, reply_id=request.message_id):
        return False
    tx.arm(WATCH, conversation["id"], now + settings.ask_again_after)
    return True
