from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from malha.bus.v1 import options_pb2 as _options_pb2
from malha.crm.v1 import tenant_pb2 as _tenant_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetTenantRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateTenantRequest(_message.Message):
    __slots__ = ("name", "plan", "owner_email", "owner_password")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    OWNER_EMAIL_FIELD_NUMBER: _ClassVar[int]
    OWNER_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    name: str
    plan: str
    owner_email: str
    owner_password: str
    def __init__(self, name: _Optional[str] = ..., plan: _Optional[str] = ..., owner_email: _Optional[str] = ..., owner_password: _Optional[str] = ...) -> None: ...

class CreateTenantResponse(_message.Message):
    __slots__ = ("tenant", "workspace_id", "user_id", "api_key")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    tenant: _tenant_pb2.Tenant
    workspace_id: str
    user_id: str
    api_key: str
    def __init__(self, tenant: _Optional[_Union[_tenant_pb2.Tenant, _Mapping]] = ..., workspace_id: _Optional[str] = ..., user_id: _Optional[str] = ..., api_key: _Optional[str] = ...) -> None: ...

class SetTenantStatusRequest(_message.Message):
    __slots__ = ("tenant_id", "status", "reason")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    status: _tenant_pb2.TenantStatus
    reason: str
    def __init__(self, tenant_id: _Optional[str] = ..., status: _Optional[_Union[_tenant_pb2.TenantStatus, str]] = ..., reason: _Optional[str] = ...) -> None: ...
