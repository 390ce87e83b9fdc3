import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_TYPE_UNSPECIFIED: _ClassVar[MessageType]
    MESSAGE_TYPE_TEXT: _ClassVar[MessageType]
    MESSAGE_TYPE_AUDIO: _ClassVar[MessageType]
    MESSAGE_TYPE_IMAGE: _ClassVar[MessageType]
    MESSAGE_TYPE_VIDEO: _ClassVar[MessageType]
    MESSAGE_TYPE_DOCUMENT: _ClassVar[MessageType]
    MESSAGE_TYPE_LOCATION: _ClassVar[MessageType]
    MESSAGE_TYPE_STICKER: _ClassVar[MessageType]
    MESSAGE_TYPE_CONTACTS: _ClassVar[MessageType]
    MESSAGE_TYPE_REACTION: _ClassVar[MessageType]
    MESSAGE_TYPE_INTERACTIVE_REPLY: _ClassVar[MessageType]
    MESSAGE_TYPE_TEMPLATE: _ClassVar[MessageType]
    MESSAGE_TYPE_UNSUPPORTED: _ClassVar[MessageType]
MESSAGE_TYPE_UNSPECIFIED: MessageType
MESSAGE_TYPE_TEXT: MessageType
MESSAGE_TYPE_AUDIO: MessageType
MESSAGE_TYPE_IMAGE: MessageType
MESSAGE_TYPE_VIDEO: MessageType
MESSAGE_TYPE_DOCUMENT: MessageType
MESSAGE_TYPE_LOCATION: MessageType
MESSAGE_TYPE_STICKER: MessageType
MESSAGE_TYPE_CONTACTS: MessageType
MESSAGE_TYPE_REACTION: MessageType
MESSAGE_TYPE_INTERACTIVE_REPLY: MessageType
MESSAGE_TYPE_TEMPLATE: MessageType
MESSAGE_TYPE_UNSUPPORTED: MessageType

class Message(_message.Message):
    __slots__ = ("id", "tenant_id", "workspace_id", "channel_id", "channel", "conversation_id", "sender", "recipient", "type", "content", "metadata", "timestamp", "context", "external_id")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKSPACE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    tenant_id: str
    workspace_id: str
    channel_id: str
    channel: str
    conversation_id: str
    sender: Party
    recipient: Party
    type: MessageType
    content: Content
    metadata: _containers.ScalarMap[str, str]
    timestamp: _timestamp_pb2.Timestamp
    context: Context
    external_id: str
    def __init__(self, id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., workspace_id: _Optional[str] = ..., channel_id: _Optional[str] = ..., channel: _Optional[str] = ..., conversation_id: _Optional[str] = ..., sender: _Optional[_Union[Party, _Mapping]] = ..., recipient: _Optional[_Union[Party, _Mapping]] = ..., type: _Optional[_Union[MessageType, str]] = ..., content: _Optional[_Union[Content, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., context: _Optional[_Union[Context, _Mapping]] = ..., external_id: _Optional[str] = ...) -> None: ...

class Party(_message.Message):
    __slots__ = ("id", "kind", "display_name", "aliases")
    class AliasesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    display_name: str
    aliases: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., display_name: _Optional[str] = ..., aliases: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Content(_message.Message):
    __slots__ = ("text", "audio", "image", "video", "document", "location", "sticker", "contacts", "reaction", "interactive_reply", "template", "unsupported")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    STICKER_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    REACTION_FIELD_NUMBER: _ClassVar[int]
    INTERACTIVE_REPLY_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    UNSUPPORTED_FIELD_NUMBER: _ClassVar[int]
    text: Text
    audio: Audio
    image: Image
    video: Video
    document: Document
    location: Location
    sticker: Sticker
    contacts: Contacts
    reaction: Reaction
    interactive_reply: InteractiveReply
    template: Template
    unsupported: Unsupported
    def __init__(self, text: _Optional[_Union[Text, _Mapping]] = ..., audio: _Optional[_Union[Audio, _Mapping]] = ..., image: _Optional[_Union[Image, _Mapping]] = ..., video: _Optional[_Union[Video, _Mapping]] = ..., document: _Optional[_Union[Document, _Mapping]] = ..., location: _Optional[_Union[Location, _Mapping]] = ..., sticker: _Optional[_Union[Sticker, _Mapping]] = ..., contacts: _Optional[_Union[Contacts, _Mapping]] = ..., reaction: _Optional[_Union[Reaction, _Mapping]] = ..., interactive_reply: _Optional[_Union[InteractiveReply, _Mapping]] = ..., template: _Optional[_Union[Template, _Mapping]] = ..., unsupported: _Optional[_Union[Unsupported, _Mapping]] = ...) -> None: ...

class Text(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Media(_message.Message):
    __slots__ = ("url", "external_id", "mimetype", "sha256")
    URL_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    MIMETYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    url: str
    external_id: str
    mimetype: str
    sha256: str
    def __init__(self, url: _Optional[str] = ..., external_id: _Optional[str] = ..., mimetype: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class Audio(_message.Message):
    __slots__ = ("media", "base64", "text", "voice")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    BASE64_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    media: Media
    base64: str
    text: str
    voice: bool
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., base64: _Optional[str] = ..., text: _Optional[str] = ..., voice: _Optional[bool] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("media", "caption", "text")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    media: Media
    caption: str
    text: str
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., caption: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Video(_message.Message):
    __slots__ = ("media", "caption", "text")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    media: Media
    caption: str
    text: str
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., caption: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Document(_message.Message):
    __slots__ = ("media", "filename", "caption")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    media: Media
    filename: str
    caption: str
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., filename: _Optional[str] = ..., caption: _Optional[str] = ...) -> None: ...

class Location(_message.Message):
    __slots__ = ("latitude", "longitude", "name", "address")
    LATITUDE_FIELD_NUMBER: _ClassVar[int]
    LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    latitude: float
    longitude: float
    name: str
    address: str
    def __init__(self, latitude: _Optional[float] = ..., longitude: _Optional[float] = ..., name: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class Sticker(_message.Message):
    __slots__ = ("media", "animated")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    ANIMATED_FIELD_NUMBER: _ClassVar[int]
    media: Media
    animated: bool
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., animated: _Optional[bool] = ...) -> None: ...

class Contacts(_message.Message):
    __slots__ = ("cards",)
    class Card(_message.Message):
        __slots__ = ("name", "phones", "emails")
        NAME_FIELD_NUMBER: _ClassVar[int]
        PHONES_FIELD_NUMBER: _ClassVar[int]
        EMAILS_FIELD_NUMBER: _ClassVar[int]
        name: str
        phones: _containers.RepeatedScalarFieldContainer[str]
        emails: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, name: _Optional[str] = ..., phones: _Optional[_Iterable[str]] = ..., emails: _Optional[_Iterable[str]] = ...) -> None: ...
    CARDS_FIELD_NUMBER: _ClassVar[int]
    cards: _containers.RepeatedCompositeFieldContainer[Contacts.Card]
    def __init__(self, cards: _Optional[_Iterable[_Union[Contacts.Card, _Mapping]]] = ...) -> None: ...

class Reaction(_message.Message):
    __slots__ = ("external_message_id", "emoji")
    EXTERNAL_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    external_message_id: str
    emoji: str
    def __init__(self, external_message_id: _Optional[str] = ..., emoji: _Optional[str] = ...) -> None: ...

class InteractiveReply(_message.Message):
    __slots__ = ("control", "payload", "title", "description")
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    control: str
    payload: str
    title: str
    description: str
    def __init__(self, control: _Optional[str] = ..., payload: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Template(_message.Message):
    __slots__ = ("name", "language", "parameters")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    language: str
    parameters: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., language: _Optional[str] = ..., parameters: _Optional[_Iterable[str]] = ...) -> None: ...

class Unsupported(_message.Message):
    __slots__ = ("original_type", "reason")
    ORIGINAL_TYPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    original_type: str
    reason: str
    def __init__(self, original_type: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("assistant_id", "previous_message_ids", "reply_to_external_id")
    ASSISTANT_ID_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    assistant_id: str
    previous_message_ids: _containers.RepeatedScalarFieldContainer[str]
    reply_to_external_id: str
    def __init__(self, assistant_id: _Optional[str] = ..., previous_message_ids: _Optional[_Iterable[str]] = ..., reply_to_external_id: _Optional[str] = ...) -> None: ...
