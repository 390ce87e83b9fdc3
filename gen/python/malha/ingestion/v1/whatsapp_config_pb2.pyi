from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class WhatsAppConfig(_message.Message):
    __slots__ = ("phone_number_id", "waba_id", "app_secret", "verify_token", "access_token")
    PHONE_NUMBER_ID_FIELD_NUMBER: _ClassVar[int]
    WABA_ID_FIELD_NUMBER: _ClassVar[int]
    APP_SECRET_FIELD_NUMBER: _ClassVar[int]
    VERIFY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    phone_number_id: str
    waba_id: str
    app_secret: str
    verify_token: str
    access_token: str
    def __init__(self, phone_number_id: _Optional[str] = ..., waba_id: _Optional[str] = ..., app_secret: _Optional[str] = ..., verify_token: _Optional[str] = ..., access_token: _Optional[str] = ...) -> None: ...

class WhatsAppSecrets(_message.Message):
    __slots__ = ("app_secret", "verify_token", "access_token")
    APP_SECRET_FIELD_NUMBER: _ClassVar[int]
    VERIFY_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_secret: str
    verify_token: str
    access_token: str
    def __init__(self, app_secret: _Optional[str] = ..., verify_token: _Optional[str] = ..., access_token: _Optional[str] = ...) -> None: ...
