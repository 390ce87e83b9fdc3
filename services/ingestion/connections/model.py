"""What a connection must hold, and where its webhooks go."""

from dataclasses import dataclass
from typing import Any

from malha.ingestion.v1.connection_pb2 import Connection
from pydantic import ValidationError

from services.ingestion.channels.base import Channel, ChannelConfig
from services.kit.errors import AlreadyExists, InvalidRequest, NotFound


class ConnectionNotFound(NotFound):
    """No connection has the id {id}."""


class ConnectionAlreadyExists(AlreadyExists):
    """This {channel} account is connected already."""


@dataclass(frozen=True, slots=True)
class WebhookURLs:
    """Where providers reach Malha."""

    public_url: str

    def added_to(self, connection: Connection) -> Connection:
        """The connection, with the address its provider must send webhooks to."""
        connection.webhook_url = (
            f"{self.public_url.rstrip('/')}/webhooks/v1/{connection.channel}/{connection.id}"
        )
        return connection


def read_config(channel: Channel[Any], config: dict[str, Any]) -> ChannelConfig:
    """A channel's configuration. Raises InvalidRequest with a violation for each field at fault."""
    try:
        made: ChannelConfig = channel.Config.model_validate(config)
    except ValidationError as error:
        raise InvalidRequest(
            [(".".join(("config", *map(str, e["loc"]))), _expected(e)) for e in error.errors()]
        ) from None
    return made


def _expected(problem: Any) -> str:
    # Never the value at fault: it may be a secret.
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a field of this channel"
        case "string_type":
            return "must be a string"
        case _:
            return str(problem["msg"])
