import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WebhookStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEBHOOK_STATUS_UNSPECIFIED: _ClassVar[WebhookStatus]
    WEBHOOK_STATUS_QUEUED: _ClassVar[WebhookStatus]
    WEBHOOK_STATUS_ACCEPTED: _ClassVar[WebhookStatus]
    WEBHOOK_STATUS_REJECTED: _ClassVar[WebhookStatus]
WEBHOOK_STATUS_UNSPECIFIED: WebhookStatus
WEBHOOK_STATUS_QUEUED: WebhookStatus
WEBHOOK_STATUS_ACCEPTED: WebhookStatus
WEBHOOK_STATUS_REJECTED: WebhookStatus

class WebhookEvent(_message.Message):
    __slots__ = ("id", "workspace_id", "connection_id", "source", "status", "reason", "kind", "external_id", "payload", "signature", "request_id", "correlation_id", "receive_time", "process_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROCESS_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    workspace_id: str
    connection_id: str
    source: str
    status: WebhookStatus
    reason: str
    kind: str
    external_id: str
    payload: str
    signature: str
    request_id: str
    correlation_id: str
    receive_time: _timestamp_pb2.Timestamp
    process_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., workspace_id: _Optional[str] = ..., connection_id: _Optional[str] = ..., source: _Optional[str] = ..., status: _Optional[_Union[WebhookStatus, str]] = ..., reason: _Optional[str] = ..., kind: _Optional[str] = ..., external_id: _Optional[str] = ..., payload: _Optional[str] = ..., signature: _Optional[str] = ..., request_id: _Optional[str] = ..., correlation_id: _Optional[str] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., process_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
