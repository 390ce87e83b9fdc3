"""What comes in is stored once; what a business writes goes out once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.message.v1.message_pb2 import Message, Party
from malha.processing.v1.commands_pb2 import InboundMessage, ReceiveMessages
from malha.processing.v1.conversation_pb2 import (
    AUTHOR_CUSTOMER,
    AUTHOR_PERSON,
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    MESSAGE_STATUS_PENDING,
    MESSAGE_STATUS_RECEIVED,
    MESSAGE_STATUS_SENT,
    Conversation,
    ConversationMessage,
)
from malha.processing.v1.conversation_service_pb2 import (
    SendMessageRequest,
    UpdateConversationRequest,
)
from malha.processing.v1.events_pb2 import (
    ConversationOpened,
    MessageReceived,
    MessageStatusChanged,
)

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Record, Transaction
from services.kit.errors import Aborted, AlreadyExists, AppError, ResourceExhausted
from services.kit.ids import new_id
from services.kit.ratelimit import RateLimiter
from services.kit.sql import load_sql
from services.processing.assistants import Assistants, Timing
from services.processing.conversations.changes import (
    ConversationNotFound,
    assistant_to_answer,
    change,
)
from services.processing.conversations.handover import take_over, tell_update
from services.processing.conversations.model import (
    Identifiers,
    customer_of,
    is_collected,
    is_late,
    triggers,
)
from services.processing.records import conversation_of, message_of, text_message
from services.processing.settings import ProcessingSettings
from services.processing.telemetry import messages_received
from services.processing.timers import WATCH, Buffered, BufferTimers, Place

sql = load_sql(__package__, "conversations.sql")

_ANY_WORKSPACE = ""
_DELIVERY_CHECK = timedelta(seconds=60)
_UNITE_ATTEMPTS = 5


class RequestIdReused(AlreadyExists):
    """The request id {request_id} sent a message to another conversation."""


class MessageLimitReached(ResourceExhausted):
    """The plan permits {limit} messages a minute."""


class PersonNotSettled(Aborted):
    """Others keep storing messages of the same person."""

    retryable = True


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A message with what is decided about it before anything is read."""

    message: Message
    correlation_id: str
    echo: bool
    party: Party
    identifiers: Identifiers
    time: datetime
    collected: bool
    triggers: bool
    late: bool
    timing: Timing


async def receive_messages(
    call: Call,
    command: ReceiveMessages,
    *,
    assistants: Assistants,
    timers: BufferTimers,
    clock: Clock,
    settings: ProcessingSettings,
) -> None:
    """Store messages once each, in their conversations, and restart their quiet times."""
    now = clock.now()
    default = Timing(settings.quiet_time, settings.max_wait)
    timings = {"": default}
    for inbound in command.messages:
        assistant_id = inbound.message.context.assistant_id
        if assistant_id not in timings:
            timings[assistant_id] = await assistants.timing(call, assistant_id)
    incoming = [
        _incoming(inbound, timings[inbound.message.context.assistant_id], now, settings.late_after)
        for inbound in command.messages
    ]
    try:
        await _store_together(call, incoming, timers, now, settings)
    except Exception as error:
        if len(incoming) == 1 or (isinstance(error, AppError) and error.retryable):
            raise
        # One of them cannot be stored: the others are, and the command fails for that one.
        failure: Exception | None = None
        for item in incoming:
            try:
                await _store_together(call, [item], timers, now, settings)
            except Exception as its_own:
                failure = its_own
        if failure is not None:
            raise failure from None


async def update_conversation(
    call: Call,
    request: UpdateConversationRequest,
    *,
    timers: BufferTimers,
    clock: Clock,
    settings: ProcessingSettings,
) -> Conversation:
    """Settle a conversation or open it again, hand it to a person or back to the assistant."""
    assistant_id = await assistant_to_answer(call, request)
    async with call.transaction() as tx:
        return await change(tx, call, request, assistant_id, timers, clock.now(), settings)


async def send_message(
    call: Call, request: SendMessageRequest, *, limiter: RateLimiter, clock: Clock
) -> ConversationMessage:
    """Send a text of the business to the customer, once for each request id."""
    if (beyond := await _beyond_the_plan(call, limiter)) is not None:
        return await _sent_before(call, request, beyond)
    now = clock.now()
    person = call.actor.kind == "user"
    async with call.transaction() as tx:
        conversation = await tx.one(
            sql.conversation,
            request.conversation_id,
            call.workspace_id,
            missing=ConversationNotFound(id=request.conversation_id),
        )
        message = text_message(
            conversation,
            request.text,
            id=new_id(),
            tenant_id=call.tenant_id,
            conversation_id=conversation["id"],
            sender=Party(id=call.actor.id, kind="user" if person else "api"),
            now=now,
        )
        row = await tx.maybe(
            sql.send,
            message.id,
            conversation["id"],
            request.request_id or None,
            "person" if person else "api",
            message.SerializeToString(),
            now,
            call.correlation_id,
        )
        if row is None:
            sent = await tx.one(
                sql.sent_before,
                request.request_id,
                conversation["id"],
                missing=RequestIdReused(request_id=request.request_id),
            )
            return message_of(sent)
        if person and await take_over(tx, conversation["id"], now):
            await tell_update(tx, conversation["id"])
        tx.send(DeliverMessage(message=message), key=conversation["id"])
        tx.emit(
            MessageStatusChanged(
                message_id=message.id,
                conversation_id=conversation["id"],
                status=MESSAGE_STATUS_PENDING,
            )
        )
        tx.arm("message", message.id, now + _DELIVERY_CHECK)
        return message_of(row)


async def _beyond_the_plan(call: Call, limiter: RateLimiter) -> MessageLimitReached | None:
    limit = call.limits.messages_per_minute
    if call.actor.kind == "service" or not limit:
        return None
    window = await limiter.spend(call.tenant_id, "messages", 1, limit)
    return None if window.granted else MessageLimitReached(limit=limit, retry_after=window.reset)


async def _sent_before(
    call: Call, request: SendMessageRequest, beyond: MessageLimitReached
) -> ConversationMessage:
    if not request.request_id:
        raise beyond
    async with call.transaction() as tx:
        # A repetition sends nothing, so no limit keeps it from its answer.
        conversation = await tx.one(
            sql.conversation, request.conversation_id, call.workspace_id, missing=beyond
        )
        row = await tx.one(sql.sent_before, request.request_id, conversation["id"], missing=beyond)
        return message_of(row)


def _incoming(
    inbound: InboundMessage, timing: Timing, now: datetime, late_after: timedelta
) -> _Incoming:
    message = inbound.message
    party = customer_of(inbound)
    # A clock ahead of ours would put a message behind everything that is said after it.
    time = min(message.timestamp.ToDatetime(UTC), now)
    late = is_late(time, now, late_after)
    return _Incoming(
        message=message,
        correlation_id=inbound.correlation_id,
        echo=inbound.echo,
        party=party,
        identifiers=Identifiers.of(party),
        time=time,
        collected=not inbound.echo and is_collected(message),
        triggers=not inbound.echo and not late and triggers(message),
        late=late,
        timing=timing,
    )


async def _store_together(
    call: Call,
    incoming: Sequence[_Incoming],
    timers: BufferTimers,
    now: datetime,
    settings: ProcessingSettings,
) -> None:
    async with call.transaction() as tx:
        # Two batches with the same people would wait for each other if each kept its own order.
        order = sorted(
            range(len(incoming)),
            key=lambda i: (incoming[i].message.channel_id, incoming[i].identifiers.lowest),
        )
        rows = {i: await _store(tx, incoming[i], now) for i in order}
        buffered: list[Buffered] = []
        for i, item in enumerate(incoming):
            row = rows[i]
            if row is None:
                continue
            _tell(tx, item, row, now)
            if row["due_time"] is not None:
                place = Place(call.tenant_id, item.message.workspace_id, row["conversation_id"])
                buffered.append(Buffered(place, item.message.id, row["due_time"]))
        for one in buffered:
            tx.arm(WATCH, one.place.conversation_id, one.due + settings.sweep_after)
        if buffered:
            tx.after_commit(lambda: timers.append(buffered))


async def _store(tx: Transaction, item: _Incoming, now: datetime) -> Record | None:
    """The row of what was stored; None for a message that was stored before."""
    ended: Sequence[str] = ()
    for _ in range(_UNITE_ATTEMPTS):
        row = await _receive(tx, item, now)
        if not row["fresh"] or row["settled"]:
            break
        # The payload names two people we took for different ones, or somebody else is storing one.
        united = await tx.all(
            sql.unite, item.message.channel_id, item.identifiers.kinds, item.identifiers.values, now
        )
        ended = [*ended, *(conversation["id"] for conversation in united)]
    else:
        raise PersonNotSettled
    if not row["stored"]:
        return None
    messages_received.labels(str(item.triggers).lower()).inc()
    if ended:
        due = await tx.value(sql.adopt, row["conversation_id"], ended)
        row = {**row, "due_time": due or row["due_time"]}
        for id in ended:
            await tell_update(tx, id, correlation_id=item.correlation_id)
    handed = row["handed"]
    if item.echo and not item.late:
        handed = await take_over(tx, row["conversation_id"], now)
    if row["opened"]:
        conversation = await tx.one(sql.conversation, row["conversation_id"], _ANY_WORKSPACE)
        tx.emit(
            ConversationOpened(conversation=conversation_of(conversation)),
            correlation_id=item.correlation_id,
        )
    elif handed:
        await tell_update(tx, row["conversation_id"], correlation_id=item.correlation_id)
    return row


async def _receive(tx: Transaction, item: _Incoming, now: datetime) -> Record:
    message = item.message
    return await tx.one(
        sql.receive,
        message.id,
        message.workspace_id,
        message.channel_id,
        message.channel,
        message.external_id,
        item.identifiers.kinds,
        item.identifiers.values,
        item.party.display_name,
        message.context.assistant_id or None,
        "outbound" if item.echo else "inbound",
        "person" if item.echo else "customer",
        "sent" if item.echo else "received",
        message.SerializeToString(),
        item.time,
        item.correlation_id,
        item.collected,
        item.triggers,
        now,
        item.timing.quiet_time,
        item.timing.max_wait,
    )


def _tell(tx: Transaction, item: _Incoming, row: Record, now: datetime) -> None:
    message = Message()
    message.CopyFrom(item.message)
    message.conversation_id = row["conversation_id"]
    stored = ConversationMessage(
        message=message,
        direction=DIRECTION_OUTBOUND if item.echo else DIRECTION_INBOUND,
        author=AUTHOR_PERSON if item.echo else AUTHOR_CUSTOMER,
        status=MESSAGE_STATUS_SENT if item.echo else MESSAGE_STATUS_RECEIVED,
        correlation_id=item.correlation_id,
        create_time=now,
        sent_time=item.time if item.echo else None,
    )
    tx.emit(MessageReceived(message=stored), correlation_id=item.correlation_id)
