"""Rows of this service's tables as the messages of its contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from malha.message.v1.message_pb2 import (
    MESSAGE_TYPE_TEXT,
    Content,
    Context,
    Message,
    Party,
    Text,
)
from malha.processing.v1.conversation_pb2 import (
    Conversation,
    ConversationMessage,
    Participant,
)
from malha.processing.v1.turn_pb2 import Turn

from services.kit.etags import with_etag
from services.kit.times import timestamp_of

Row = Mapping[str, Any]


def conversation_of(row: Row) -> Conversation:
    """A conversation with its participant."""
    conversation = Conversation(
        id=row["id"],
        workspace_id=row["workspace_id"],
        connection_id=row["connection_id"],
        channel=row["channel"],
        assistant_id=row["assistant_id"] or "",
        participant=Participant(
            id=row["participant_id"],
            display_name=row["display_name"],
            identifier=row["identifier"],
            kind=row["kind"],
        ),
        status=f"CONVERSATION_STATUS_{row['status'].upper()}",
        handler=f"HANDLER_{row['handler'].upper()}",
        create_time=timestamp_of(row["create_time"]),
        last_message_time=timestamp_of(row["last_message_time"]),
        update_time=timestamp_of(row["update_time"]),
    )
    # Of what an update can change alone: that the customer wrote must not refuse an agent's update.
    changeable = Conversation(
        id=conversation.id,
        status=conversation.status,
        handler=conversation.handler,
        update_time=conversation.update_time,
    )
    conversation.etag = with_etag(changeable).etag
    return conversation


def protocol_message_of(row: Row) -> Message:
    """The message itself, completed with what was learned after it was written."""
    message = Message.FromString(row["content"])
    message.conversation_id = row["conversation_id"]
    message.external_id = row["external_id"]
    return message


def message_of(row: Row) -> ConversationMessage:
    """A message as its conversation holds it."""
    return ConversationMessage(
        message=protocol_message_of(row),
        direction=f"DIRECTION_{row['direction'].upper()}",
        author=f"AUTHOR_{row['author'].upper()}",
        status=message_status(row["status"]),
        failure_reason=row["failure_reason"],
        turn_id=row["turn_id"] or "",
        correlation_id=row["correlation_id"],
        sources=row["sources"],
        create_time=timestamp_of(row["create_time"]),
        sent_time=timestamp_of(row["sent_time"]),
        delivered_time=timestamp_of(row["delivered_time"]),
        read_time=timestamp_of(row["read_time"]),
        failed_time=timestamp_of(row["failed_time"]),
    )


def turn_of(row: Row) -> Turn:
    """A turn with the messages it covers."""
    return Turn(
        id=row["id"],
        conversation_id=row["conversation_id"],
        status=f"TURN_STATUS_{row['status'].upper()}",
        flush_reason=row["flush_reason"],
        message_ids=row["message_ids"] or (),
        reply_message_id=row["reply_message_id"] or "",
        model=row["model"],
        supersedes=row["supersedes"],
        failure_reason=row["failure_reason"],
        create_time=timestamp_of(row["create_time"]),
        ready_time=timestamp_of(row["ready_time"]),
        end_time=timestamp_of(row["end_time"]),
    )


def message_status(name: str) -> str:
    """A status as the contract names it."""
    return f"MESSAGE_STATUS_{name.upper()}"


def text_message(
    conversation: Row,
    text: str,
    *,
    id: str,
    tenant_id: str,
    conversation_id: str,
    sender: Party,
    now: datetime,
) -> Message:
    """A text to the participant of a conversation, by the conversation's own connection."""
    return Message(
        id=id,
        tenant_id=tenant_id,
        workspace_id=conversation["workspace_id"],
        channel_id=conversation["connection_id"],
        channel=conversation["channel"],
        conversation_id=conversation_id,
        sender=sender,
        recipient=Party(id=conversation["identifier"], kind=conversation["kind"]),
        type=MESSAGE_TYPE_TEXT,
        content=Content(text=Text(text=text)),
        timestamp=now,
        context=Context(assistant_id=conversation["assistant_id"] or ""),
    )
