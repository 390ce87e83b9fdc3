"""What a connection must hold, and where its webhooks go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from malha.ingestion.v1.connection_pb2 import Connection, ConnectionStatus
from pydantic import ValidationError

from services.ingestion.channels.base import Channel, ChannelConfig
from services.kit.errors import AlreadyExists, InvalidRequest, NotFound
from services.kit.etags import with_etag
from services.kit.rows import from_row

# What is wrong travels in headers, three times over, and they hold some kilobytes.
_MOST_VIOLATIONS = 10
_LONGEST_NAME = 64


class ConnectionNotFound(NotFound):
    """No connection has the id {id}."""


class ConnectionAlreadyExists(AlreadyExists):
    """This {channel} account is connected already."""


class AssistantNotFound(NotFound):
    """No assistant has the id {id}."""


@dataclass(frozen=True, slots=True)
class WebhookURLs:
    """Where providers reach Malha."""

    public_url: str

    def shown(self, row: Mapping[str, Any]) -> Connection:
        """A connection as everybody sees it, with the address its provider must send to."""
        connection = from_row(Connection, row)
        connection.webhook_url = (
            f"{self.public_url.rstrip('/')}/webhooks/v1/{connection.channel}/{connection.id}"
        )
        return with_etag(connection)


def stored_status(status: ConnectionStatus) -> str:
    """A status as it is in the database."""
    return ConnectionStatus.Name(status).removeprefix("CONNECTION_STATUS_").lower()


def entered(config: Struct) -> dict[str, Any]:
    """What somebody entered, as plain values. Total: JSON has no NaN, but a Struct does."""
    return {name: _plain(value) for name, value in config.fields.items()}


def _plain(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return entered(value.struct_value)
        case "list_value":
            return [_plain(element) for element in value.list_value.values]
        case "null_value" | None:
            return None
        case kind:
            return getattr(value, kind)


def read_config(channel: Channel[Any], config: Mapping[str, Any]) -> ChannelConfig:
    """A new channel's configuration. Raises InvalidRequest with every field at fault."""
    kept = [(name, _UNKNOWN) for name in config if name in channel.Config.kept]
    return _checked(channel, config, kept)


def renew_config(
    channel: Channel[Any], stored: Mapping[str, Any], secrets: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """A stored configuration with new secrets. Raises InvalidRequest with every field at fault."""
    kind: type[ChannelConfig] = channel.Config
    wrong = [
        (name, _FIXED if name in kind.model_fields and name not in kind.kept else _UNKNOWN)
        for name in secrets
        if name not in kind.renewable
    ]
    fresh = {name: value for name, value in secrets.items() if name in kind.renewable}
    _checked(channel, {**stored, **fresh}, wrong)
    return kind.renewed(stored, fresh, now)


def _checked(
    channel: Channel[Any], config: Mapping[str, Any], wrong: list[tuple[str, str]]
) -> ChannelConfig:
    try:
        made: ChannelConfig = channel.Config.model_validate(config)
    except ValidationError as error:
        wrong = wrong + [(".".join(map(str, e["loc"])), _expected(e)) for e in error.errors()]
    if wrong:
        named = [(f"config.{_readable(name)}", text) for name, text in wrong]
        raise InvalidRequest(named[:_MOST_VIOLATIONS])
    return made


_UNKNOWN = "is not a field of this channel"
_FIXED = "cannot be changed: it says which account this is"


def _readable(name: str) -> str:
    shown = "".join(
        character if "!" <= character <= "~" else "?" for character in name[:_LONGEST_NAME]
    )
    return shown if len(name) <= _LONGEST_NAME else f"{shown}..."


def _expected(problem: Any) -> str:
    # Never the value at fault: it may be a secret.
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return _UNKNOWN
        case "string_type":
            return "must be a string"
        case _:
            return str(problem["msg"])
