import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from malha.bus.v1 import options_pb2 as _options_pb2
from malha.ingestion.v1 import connection_pb2 as _connection_pb2
from malha.ingestion.v1 import delivery_service_pb2 as _delivery_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectionCreated(_message.Message):
    __slots__ = ("connection",)
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    connection: _connection_pb2.Connection
    def __init__(self, connection: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ...) -> None: ...

class ConnectionUpdated(_message.Message):
    __slots__ = ("connection",)
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    connection: _connection_pb2.Connection
    def __init__(self, connection: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ...) -> None: ...

class WebhookAccepted(_message.Message):
    __slots__ = ("webhook_event_id", "connection_id", "kind")
    WEBHOOK_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    webhook_event_id: str
    connection_id: str
    kind: str
    def __init__(self, webhook_event_id: _Optional[str] = ..., connection_id: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class WebhookRejected(_message.Message):
    __slots__ = ("webhook_event_id", "connection_id", "reason")
    WEBHOOK_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    webhook_event_id: str
    connection_id: str
    reason: str
    def __init__(self, webhook_event_id: _Optional[str] = ..., connection_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DeliveriesUpdated(_message.Message):
    __slots__ = ("updates",)
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    updates: _containers.RepeatedCompositeFieldContainer[DeliveryUpdate]
    def __init__(self, updates: _Optional[_Iterable[_Union[DeliveryUpdate, _Mapping]]] = ...) -> None: ...

class DeliveryUpdate(_message.Message):
    __slots__ = ("message_id", "status", "external_id", "reason", "update_time")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    status: _delivery_service_pb2.DeliveryStatus
    external_id: str
    reason: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, message_id: _Optional[str] = ..., status: _Optional[_Union[_delivery_service_pb2.DeliveryStatus, str]] = ..., external_id: _Optional[str] = ..., reason: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ConnectionDeleted(_message.Message):
    __slots__ = ("connection",)
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    connection: _connection_pb2.Connection
    def __init__(self, connection: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ...) -> None: ...
