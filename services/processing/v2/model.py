"""A conversation of version 1 with what version 2 adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from malha.processing.v1.conversation_pb2 import Conversation as Version1
from malha.processing.v2.conversation_pb2 import (
    TURN_PHASE_ANSWERING,
    TURN_PHASE_COLLECTING,
    TURN_PHASE_IDLE,
    Channel,
    Conversation,
    TurnState,
)

from services.kit.times import timestamp_of
from services.processing.records import message_of

Row = Mapping[str, Any]


def expanded(conversation: Version1, row: Row) -> Conversation:
    """The conversation with its newest message and the state of its turn."""
    return Conversation(
        id=conversation.id,
        workspace_id=conversation.workspace_id,
        channel=Channel(slug=conversation.channel, connection_id=conversation.connection_id),
        participant=conversation.participant,
        assistant_id=conversation.assistant_id,
        status=conversation.status,
        handler=conversation.handler,
        last_message=message_of(row) if row["id"] else None,
        turn=turn_state(row),
        create_time=conversation.create_time,
        last_message_time=conversation.last_message_time,
        update_time=conversation.update_time,
        etag=conversation.etag,
    )


def turn_state(row: Row) -> TurnState:
    """What the assistant is doing. What no answer will follow, like a lone picture, waits not."""
    turn_id = row["newest_turn_id"] or ""
    if row["answering"]:
        waiting = row["collected"] + row["waiting"]
        return TurnState(phase=TURN_PHASE_ANSWERING, turn_id=turn_id, waiting_messages=waiting)
    if row["due_time"] is not None:
        return TurnState(
            phase=TURN_PHASE_COLLECTING,
            turn_id=turn_id,
            waiting_messages=row["waiting"],
            due_time=timestamp_of(row["due_time"]),
        )
    return TurnState(phase=TURN_PHASE_IDLE, turn_id=turn_id)
