from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from malha.bus.v1 import options_pb2 as _options_pb2
from malha.crm.v1 import plan_pb2 as _plan_pb2
from malha.crm.v1 import tenant_pb2 as _tenant_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetTenantRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UpdateTenantRequest(_message.Message):
    __slots__ = ("name", "language", "time_zone", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    language: str
    time_zone: str
    etag: str
    def __init__(self, name: _Optional[str] = ..., language: _Optional[str] = ..., time_zone: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteTenantRequest(_message.Message):
    __slots__ = ("confirm_name", "reason")
    CONFIRM_NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    confirm_name: str
    reason: str
    def __init__(self, confirm_name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RestoreTenantRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetTenantUsageRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TenantUsage(_message.Message):
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
    requests_per_minute: _tenant_pb2.Usage
    webhooks_per_minute: _tenant_pb2.Usage
    messages_per_minute: _tenant_pb2.Usage
    assistants: _tenant_pb2.Usage
    connections: _tenant_pb2.Usage
    knowledge_bytes: _tenant_pb2.Usage
    seats: _tenant_pb2.Usage
    api_keys: _tenant_pb2.Usage
    workspaces: _tenant_pb2.Usage
    def __init__(self, requests_per_minute: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., webhooks_per_minute: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., messages_per_minute: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., assistants: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., connections: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., knowledge_bytes: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., seats: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., api_keys: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ..., workspaces: _Optional[_Union[_tenant_pb2.Usage, _Mapping]] = ...) -> None: ...

class ListPlansRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPlansResponse(_message.Message):
    __slots__ = ("plans",)
    PLANS_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[_plan_pb2.Plan]
    def __init__(self, plans: _Optional[_Iterable[_Union[_plan_pb2.Plan, _Mapping]]] = ...) -> None: ...
