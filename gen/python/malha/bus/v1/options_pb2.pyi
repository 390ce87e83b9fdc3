from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor
EVENT_FIELD_NUMBER: _ClassVar[int]
event: _descriptor.FieldDescriptor
COMMAND_FIELD_NUMBER: _ClassVar[int]
command: _descriptor.FieldDescriptor
REQUIRED_SCOPE_FIELD_NUMBER: _ClassVar[int]
required_scope: _descriptor.FieldDescriptor
DEPRECATION_FIELD_NUMBER: _ClassVar[int]
deprecation: _descriptor.FieldDescriptor
KEYS_OF_FIELD_NUMBER: _ClassVar[int]
keys_of: _descriptor.FieldDescriptor
ROLE_FIELD_NUMBER: _ClassVar[int]
role: _descriptor.FieldDescriptor

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

class DeprecationOptions(_message.Message):
    __slots__ = ("since", "sunset", "successor")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    SUNSET_FIELD_NUMBER: _ClassVar[int]
    SUCCESSOR_FIELD_NUMBER: _ClassVar[int]
    since: str
    sunset: str
    successor: str
    def __init__(self, since: _Optional[str] = ..., sunset: _Optional[str] = ..., successor: _Optional[str] = ...) -> None: ...

class RoleOptions(_message.Message):
    __slots__ = ("scopes",)
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    scopes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, scopes: _Optional[_Iterable[str]] = ...) -> None: ...
