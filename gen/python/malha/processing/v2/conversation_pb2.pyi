import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from malha.processing.v1 import conversation_pb2 as _conversation_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TurnPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TURN_PHASE_UNSPECIFIED: _ClassVar[TurnPhase]
    TURN_PHASE_IDLE: _ClassVar[TurnPhase]
    TURN_PHASE_COLLECTING: _ClassVar[TurnPhase]
    TURN_PHASE_ANSWERING: _ClassVar[TurnPhase]
TURN_PHASE_UNSPECIFIED: TurnPhase
TURN_PHASE_IDLE: TurnPhase
TURN_PHASE_COLLECTING: TurnPhase
TURN_PHASE_ANSWERING: TurnPhase

class Conversation(_message.Message):
    __slots__ = ("id", "workspace_id", "channel", "participant", "assistant_id", "status", "handler", "last_message", "turn", "create_time", "last_message_time", "update_time", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    ASSISTANT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HANDLER_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_MESSAGE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    workspace_id: str
    channel: Channel
    participant: _conversation_pb2.Participant
    assistant_id: str
    status: _conversation_pb2.ConversationStatus
    handler: _conversation_pb2.Handler
    last_message: _conversation_pb2.ConversationMessage
    turn: TurnState
    create_time: _timestamp_pb2.Timestamp
    last_message_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, id: _Optional[str] = ..., workspace_id: _Optional[str] = ..., channel: _Optional[_Union[Channel, _Mapping]] = ..., participant: _Optional[_Union[_conversation_pb2.Participant, _Mapping]] = ..., assistant_id: _Optional[str] = ..., status: _Optional[_Union[_conversation_pb2.ConversationStatus, str]] = ..., handler: _Optional[_Union[_conversation_pb2.Handler, str]] = ..., last_message: _Optional[_Union[_conversation_pb2.ConversationMessage, _Mapping]] = ..., turn: _Optional[_Union[TurnState, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_message_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("slug", "connection_id")
    SLUG_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    slug: str
    connection_id: str
    def __init__(self, slug: _Optional[str] = ..., connection_id: _Optional[str] = ...) -> None: ...

class TurnState(_message.Message):
    __slots__ = ("phase", "turn_id", "waiting_messages", "due_time")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    WAITING_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    phase: TurnPhase
    turn_id: str
    waiting_messages: int
    due_time: _timestamp_pb2.Timestamp
    def __init__(self, phase: _Optional[_Union[TurnPhase, str]] = ..., turn_id: _Optional[str] = ..., waiting_messages: _Optional[int] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
