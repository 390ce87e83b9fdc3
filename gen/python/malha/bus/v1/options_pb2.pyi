from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor
EVENT_FIELD_NUMBER: _ClassVar[int]
event: _descriptor.FieldDescriptor
COMMAND_FIELD_NUMBER: _ClassVar[int]
command: _descriptor.FieldDescriptor
REQUIRED_SCOPE_FIELD_NUMBER: _ClassVar[int]
required_scope: _descriptor.FieldDescriptor

class EventOptions(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CommandOptions(_message.Message):
    __slots__ = ("max_deliver", "concurrency")
    MAX_DELIVER_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    max_deliver: int
    concurrency: int
    def __init__(self, max_deliver: _Optional[int] = ..., concurrency: _Optional[int] = ...) -> None: ...
