import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from malha.bus.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReceiveWebhooksRequest(_message.Message):
    __slots__ = ("webhooks",)
    WEBHOOKS_FIELD_NUMBER: _ClassVar[int]
    webhooks: _containers.RepeatedCompositeFieldContainer[InboundWebhook]
    def __init__(self, webhooks: _Optional[_Iterable[_Union[InboundWebhook, _Mapping]]] = ...) -> None: ...

class InboundWebhook(_message.Message):
    __slots__ = ("request_id", "channel", "connection_id", "body", "headers", "receive_time")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    channel: str
    connection_id: str
    body: bytes
    headers: _containers.ScalarMap[str, str]
    receive_time: _timestamp_pb2.Timestamp
    def __init__(self, request_id: _Optional[str] = ..., channel: _Optional[str] = ..., connection_id: _Optional[str] = ..., body: _Optional[bytes] = ..., headers: _Optional[_Mapping[str, str]] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReceiveWebhooksResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[WebhookAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[WebhookAnswer, _Mapping]]] = ...) -> None: ...

class WebhookAnswer(_message.Message):
    __slots__ = ("http_status", "reason")
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    http_status: int
    reason: str
    def __init__(self, http_status: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class VerifySubscriptionRequest(_message.Message):
    __slots__ = ("channel", "connection_id", "query")
    class QueryEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    channel: str
    connection_id: str
    query: _containers.ScalarMap[str, str]
    def __init__(self, channel: _Optional[str] = ..., connection_id: _Optional[str] = ..., query: _Optional[_Mapping[str, str]] = ...) -> None: ...

class VerifySubscriptionResponse(_message.Message):
    __slots__ = ("challenge",)
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    challenge: str
    def __init__(self, challenge: _Optional[str] = ...) -> None: ...
