"""Envoy's wrapped values."""

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

KIB = 1 << 10
MIB = 1 << 20


def wrap(message: Message) -> Any:
    """A message as google.protobuf.Any."""
    wrapped = Any()
    wrapped.Pack(message)
    return wrapped


def seconds(value: float) -> Duration:
    """A span of time."""
    duration = Duration()
    duration.FromMilliseconds(round(value * 1000))
    return duration


def uint(value: int) -> UInt32Value:
    """A number that can be absent."""
    return UInt32Value(value=value)


def flag(value: bool) -> BoolValue:
    """A boolean that can be absent."""
    return BoolValue(value=value)
