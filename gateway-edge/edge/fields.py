"""What JSON a Protobuf message is read from, and what is wrong with JSON that it is not.

`google.protobuf.json_format.Parse` is the truth. In some places this is stricter: whole numbers in
text are plain digits, bytes are base64 without anything else, an enum has no values but its own,
a field has one spelling at a time, and no text holds NUL. In one it is laxer, as Envoy is: the case
of an enum's values does not count.
"""

import re
import sys
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

Violation = tuple[str, str]
"""Path of a field, and what was expected of it."""
Check = Callable[[Any, str], Iterator[Violation]]
"""Yields what is wrong with a value at a path."""
F = FieldDescriptor

WELL_KNOWN_PREFIX = "google.protobuf."
LONGEST_NAME = 64
MOST_ITEMS = 10_000
"""Far beyond what any contract takes; more would only hold up who else is served here."""
FLOAT_MAX = 3.4028235677973366e38

_DIGITS = re.compile(r"-?[0-9]{1,20}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


class Shapes:
    """The checks of messages, each made once."""

    def __init__(self) -> None:
        self._made: dict[str, Check] = {}

    def message(self, message: Descriptor, elsewhere: Collection[str] = ()) -> Check:
        """The check of a message, of which some fields travel in the path."""
        if message.full_name.startswith(WELL_KNOWN_PREFIX) and message.full_name in WELL_KNOWN:
            return WELL_KNOWN[message.full_name]
        if elsewhere:
            return self._check(message, elsewhere)
        # A message may hold itself: it is looked up when a value is there.
        return lambda value, path: self._of(message)(value, path)

    def _of(self, message: Descriptor) -> Check:
        if (made := self._made.get(message.full_name)) is None:
            made = self._made[message.full_name] = self._check(message, ())
        return made

    def _check(self, message: Descriptor, elsewhere: Collection[str]) -> Check:
        named: dict[str, tuple[F, Check]] = {}
        for field in message.fields:
            entry = (field, _in_the_path if field.name in elsewhere else self._field(field))
            named[field.name] = named[field.json_name] = entry
        choices = {
            field.name: f"oneof {field.containing_oneof.name}"
            for field in message.fields
            if field.containing_oneof and len(field.containing_oneof.fields) > 1
        }
        spellings = [field.json_name for field in message.fields if field.name not in elsewhere]

        def check(value: Any, path: str) -> Iterator[Violation]:
            if not isinstance(value, dict):
                yield path, "must be an object"
                return
            seen: set[str] = set()
            for name, inner in value.items():
                if (found := named.get(name)) is None:
                    yield _joined(path, printable(name)), _unknown(name, spellings)
                    continue
                field, judge = found
                here = _joined(path, field.json_name)
                if field.name in seen:
                    yield here, f"is there twice, also as {field.name}"
                    continue
                seen.add(field.name)
                if inner is None and judge is not _anything:
                    continue
                yield from judge(inner, here)
                if choice := choices.get(field.name):
                    if choice in seen:
                        yield here, "excludes another field that is set"
                    seen.add(choice)

        return check

    def _field(self, field: F) -> Check:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name
            return _map(self._value(entry["key"]), self._value(entry["value"]), entry["key"].type)
        return _list(self._value(field)) if field.is_repeated else self._value(field)

    def _value(self, field: F) -> Check:
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        return SCALARS[field.type]


def printable(name: str) -> str:
    """A name that a stranger chose, as it may stand in an answer."""
    cut = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cut)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unknown(name: str, spellings: list[str]) -> str:
    near = get_close_matches(name[:LONGEST_NAME], spellings, n=1)
    return f"is no field; did you mean {near[0]}?" if near else "is no field"


def _in_the_path(_: Any, path: str) -> Iterator[Violation]:
    yield path, "is in the path, and must not be in the body as well"


def _anything(value: Any, path: str) -> Iterator[Violation]:
    yield from ()


def _kind(kind: type, said: str) -> Check:
    def check(value: Any, path: str) -> Iterator[Violation]:
        if not isinstance(value, kind):
            yield path, said

    return check


def _list(of_one: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[Violation]:
        if not isinstance(value, list):
            yield path, "must be a list"
            return
        if len(value) > MOST_ITEMS:
            yield path, f"must not have more than {MOST_ITEMS} items"
            return
        for index, item in enumerate(value):
            if item is None and of_one is not _anything:
                yield f"{path}[{index}]", "must not be null"
            else:
                yield from of_one(item, f"{path}[{index}]")

    return check


def _map(of_key: Check, of_value: Check, key_type: int) -> Check:
    def check(value: Any, path: str) -> Iterator[Violation]:
        if not isinstance(value, dict):
            yield path, "must be an object"
            return
        if len(value) > MOST_ITEMS:
            yield path, f"must not have more than {MOST_ITEMS} entries"
            return
        for key, item in value.items():
            here = f"{path}[{printable(key)}]"
            if key_type == F.TYPE_BOOL:
                if key not in ("true", "false"):
                    yield here, "must have true or false for a key"
            else:
                yield from of_key(key, here)
            if item is None and of_value is not _anything:
                yield here, "must not be null"
            else:
                yield from of_value(item, here)

    return check


def _enum(enum: EnumDescriptor) -> Check:
    names = {value.name.upper() for value in enum.values}
    numbers = {value.number for value in enum.values}
    choice = ", ".join(value.name for value in enum.values if value.number)

    def check(value: Any, path: str) -> Iterator[Violation]:
        known = (
            value.upper() in names or (_DIGITS.fullmatch(value) and int(value) in numbers)
            if isinstance(value, str)
            else not isinstance(value, bool) and isinstance(value, int | float) and value in numbers
        )
        if not known:
            yield path, f"must be one of {choice}"

    return check


def _text(value: Any, path: str) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield path, "must be a string"
    elif "\0" in value:
        yield path, "must not hold NUL"  # No text in PostgreSQL can.
    elif not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            yield path, "must not hold half a surrogate pair"


def _bytes(value: Any, path: str) -> Iterator[Violation]:
    if isinstance(value, str) and _BASE64.fullmatch(value):
        bare = value.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except NotBase64:
            pass
        else:
            return
    yield path, "must be base64"


def _integer(low: int, high: int) -> Check:
    def check(value: Any, path: str) -> Iterator[Violation]:
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            yield path, "must be a whole number"
        elif not low <= value <= high:
            yield path, f"must be from {low} to {high}"

    return check


def _number(most: float) -> Check:
    def check(value: Any, path: str) -> Iterator[Violation]:
        if value in ("NaN", "Infinity", "-Infinity"):
            return
        try:
            number = float(value) if isinstance(value, str | int | float) else None
        except ValueError:
            number = None
        except OverflowError:
            number = float("inf")
        if number is None or isinstance(value, bool) or number != number:
            yield path, "must be a number"
        elif abs(number) > most:
            yield path, "must be a smaller number"

    return check


def _parsed(parse: Callable[[str], Any], said: str) -> Check:
    def check(value: Any, path: str) -> Iterator[Violation]:
        try:
            if isinstance(value, str):
                parse(value)
                return
        except ValueError:
            pass
        yield path, said

    return check


INT32, INT64 = _integer(-(2**31), 2**31 - 1), _integer(-(2**63), 2**63 - 1)
UINT32, UINT64 = _integer(0, 2**32 - 1), _integer(0, 2**64 - 1)
BOOL, DOUBLE, FLOAT = (
    _kind(bool, "must be true or false"),
    _number(sys.float_info.max),
    _number(FLOAT_MAX),
)
SCALARS: dict[int, Check] = {
    F.TYPE_STRING: _text,
    F.TYPE_BYTES: _bytes,
    F.TYPE_BOOL: BOOL,
    F.TYPE_DOUBLE: DOUBLE,
    F.TYPE_FLOAT: FLOAT,
    **dict.fromkeys((F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32), INT32),
    **dict.fromkeys((F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64), INT64),
    **dict.fromkeys((F.TYPE_UINT32, F.TYPE_FIXED32), UINT32),
    **dict.fromkeys((F.TYPE_UINT64, F.TYPE_FIXED64), UINT64),
}
WELL_KNOWN: dict[str, Check] = {
    WELL_KNOWN_PREFIX + name: check
    for name, check in {
        "Timestamp": _parsed(
            lambda text: Timestamp().FromJsonString(text),
            "must be a time such as 2026-11-22T12:00:00Z",
        ),
        "Duration": _parsed(
            lambda text: Duration().FromJsonString(text), "must be a span of time such as 3.5s"
        ),
        "FieldMask": _parsed(
            lambda text: FieldMask().FromJsonString(text), "must be names of fields, with commas"
        ),
        "Struct": _kind(dict, "must be an object"),
        "ListValue": _kind(list, "must be a list"),
        "Value": _anything,
        "Any": _kind(dict, "must be an object"),
        "BoolValue": BOOL,
        "StringValue": _text,
        "BytesValue": _bytes,
        "DoubleValue": DOUBLE,
        "FloatValue": FLOAT,
        "Int32Value": INT32,
        "Int64Value": INT64,
        "UInt32Value": UINT32,
        "UInt64Value": UINT64,
    }.items()
}
