from buf.validate import validate_pb2 as _validate_pb2
from malha.bus.v1 import options_pb2 as _options_pb2
from malha.processing.v1 import conversation_pb2 as _conversation_pb2
from malha.processing.v1 import turn_pb2 as _turn_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConversationOpened(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _conversation_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_conversation_pb2.Conversation, _Mapping]] = ...) -> None: ...

class MessageReceived(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _conversation_pb2.ConversationMessage
    def __init__(self, message: _Optional[_Union[_conversation_pb2.ConversationMessage, _Mapping]] = ...) -> None: ...

class TurnOpened(_message.Message):
    __slots__ = ("turn",)
    TURN_FIELD_NUMBER: _ClassVar[int]
    turn: _turn_pb2.Turn
    def __init__(self, turn: _Optional[_Union[_turn_pb2.Turn, _Mapping]] = ...) -> None: ...

class ReplyGenerated(_message.Message):
    __slots__ = ("turn", "message")
    TURN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    turn: _turn_pb2.Turn
    message: _conversation_pb2.ConversationMessage
    def __init__(self, turn: _Optional[_Union[_turn_pb2.Turn, _Mapping]] = ..., message: _Optional[_Union[_conversation_pb2.ConversationMessage, _Mapping]] = ...) -> None: ...

class TurnFailed(_message.Message):
    __slots__ = ("turn",)
    TURN_FIELD_NUMBER: _ClassVar[int]
    turn: _turn_pb2.Turn
    def __init__(self, turn: _Optional[_Union[_turn_pb2.Turn, _Mapping]] = ...) -> None: ...

class MessageStatusChanged(_message.Message):
    __slots__ = ("message_id", "conversation_id", "status", "failure_reason")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    conversation_id: str
    status: _conversation_pb2.MessageStatus
    failure_reason: str
    def __init__(self, message_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., status: _Optional[_Union[_conversation_pb2.MessageStatus, str]] = ..., failure_reason: _Optional[str] = ...) -> None: ...

class ConversationUpdated(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _conversation_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_conversation_pb2.Conversation, _Mapping]] = ...) -> None: ...
