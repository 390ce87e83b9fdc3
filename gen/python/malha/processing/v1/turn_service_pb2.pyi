from buf.validate import validate_pb2 as _validate_pb2
from malha.bus.v1 import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ClaimReplyRequest(_message.Message):
    __slots__ = ("turn_id", "message_id")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    message_id: str
    def __init__(self, turn_id: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class ClaimReplyResponse(_message.Message):
    __slots__ = ("granted", "reason")
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    granted: bool
    reason: str
    def __init__(self, granted: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...
