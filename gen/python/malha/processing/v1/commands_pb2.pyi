from buf.validate import validate_pb2 as _validate_pb2
from malha.bus.v1 import options_pb2 as _options_pb2
from malha.message.v1 import message_pb2 as _message_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReceiveMessages(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[InboundMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[InboundMessage, _Mapping]]] = ...) -> None: ...

class InboundMessage(_message.Message):
    __slots__ = ("message", "correlation_id", "echo")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    ECHO_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    correlation_id: str
    echo: bool
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., correlation_id: _Optional[str] = ..., echo: _Optional[bool] = ...) -> None: ...

class GenerateReply(_message.Message):
    __slots__ = ("turn_id", "attempt")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    attempt: int
    def __init__(self, turn_id: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...
