from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Plan(_message.Message):
    __slots__ = ("slug", "limits")
    SLUG_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    slug: str
    limits: PlanLimits
    def __init__(self, slug: _Optional[str] = ..., limits: _Optional[_Union[PlanLimits, _Mapping]] = ...) -> None: ...

class PlanLimits(_message.Message):
    __slots__ = ("requests_per_minute", "webhooks_per_minute", "messages_per_minute", "assistants", "connections", "knowledge_bytes", "seats", "api_keys", "workspaces")
    REQUESTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    WEBHOOKS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    ASSISTANTS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SEATS_FIELD_NUMBER: _ClassVar[int]
    API_KEYS_FIELD_NUMBER: _ClassVar[int]
    WORKSPACES_FIELD_NUMBER: _ClassVar[int]
    requests_per_minute: int
    webhooks_per_minute: int
    messages_per_minute: int
    assistants: int
    connections: int
    knowledge_bytes: int
    seats: int
    api_keys: int
    workspaces: int
    def __init__(self, requests_per_minute: _Optional[int] = ..., webhooks_per_minute: _Optional[int] = ..., messages_per_minute: _Optional[int] = ..., assistants: _Optional[int] = ..., connections: _Optional[int] = ..., knowledge_bytes: _Optional[int] = ..., seats: _Optional[int] = ..., api_keys: _Optional[int] = ..., workspaces: _Optional[int] = ...) -> None: ...
