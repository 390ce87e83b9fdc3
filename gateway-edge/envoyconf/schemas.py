"""Messages as JSON Schema, with the same JSON that Envoy's transcoder reads and prints."""

import re
from collections.abc import Collection, Mapping
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from malha.bus.v1 import options_pb2

from envoyconf.rules import keywords, may_be_absent, rules_of, sentences, without_nul

Schema = dict[str, Any]
F = FieldDescriptor

INT32: Schema = {"type": "integer", "format": "int32"}
UINT32: Schema = {"type": "integer", "format": "int64", "minimum": 0}
# JavaScript's numbers end at 2^53, so Protobuf writes 64 bits as text.
INT64: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
UINT64: Schema = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}

SCALARS: Mapping[int, Schema] = {
    F.TYPE_STRING: {"type": "string"},
    F.TYPE_BOOL: {"type": "boolean"},
    F.TYPE_BYTES: {"type": "string", "format": "byte", "contentEncoding": "base64"},
    F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    F.TYPE_FLOAT: {"type": "number", "format": "float"},
    F.TYPE_INT32: INT32,
    F.TYPE_SINT32: INT32,
    F.TYPE_SFIXED32: INT32,
    F.TYPE_UINT32: UINT32,
    F.TYPE_FIXED32: UINT32,
    F.TYPE_INT64: INT64,
    F.TYPE_SINT64: INT64,
    F.TYPE_SFIXED64: INT64,
    F.TYPE_UINT64: UINT64,
    F.TYPE_FIXED64: UINT64,
}
WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {
        "type": "string",
        "format": "date-time",
        # Protobuf's time ends with the year 9999, and knows no leap seconds.
        "pattern": r"^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
        r"T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
    },
    "google.protobuf.Duration": {
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$",
        "examples": ["3.5s"],
    },
    "google.protobuf.Empty": {"type": "object", "maxProperties": 0},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["displayName,status"]},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
}
ZERO: Schema = {"type": "integer", "const": 0, "description": "The same as nothing."}
NOT_IN_A_QUERY = frozenset(WELL_KNOWN) - {
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
    "google.protobuf.FieldMask",
}


class Schemas:
    """The schemas of one document. What a caller sends and what it gets differ.

    An answer always has every plain field, zero or not; a request must hold what its rules demand,
    and never the zero of an enum. A message on both ways therefore has two schemas.
    """

    def __init__(self, comments: Mapping[str, str]) -> None:
        self.components: dict[str, Schema] = {}
        self._comments = comments
        self._answers: set[str] = set()
        self._owners: dict[str, str] = {}

    def comment(self, described: Any) -> str:
        """What the contract says about something."""
        return self._comments.get(described.full_name, "")

    def answer(self, message: Descriptor) -> Schema:
        """The schema of what a caller gets. All answers come before the first request."""
        return self._reference(message, sent=False)

    def request(self, message: Descriptor, without: Collection[str] = ()) -> Schema:
        """The schema of what a caller sends, save the fields that travel elsewhere."""
        return self._reference(message, sent=True, without=without)

    def parameter(self, field: FieldDescriptor) -> tuple[Schema, str]:
        """The schema of a field in a path or a query, and its description."""
        schema = self.field(field, sent=True)
        return schema, schema.pop("description", "")

    def field(self, field: FieldDescriptor, *, sent: bool) -> Schema:
        """The schema of a field."""
        rules = rules_of(field)
        if is_map(field):
            assert field.message_type is not None
            value = field.message_type.fields_by_name["value"]
            schema: Schema = {
                "type": "object",
                "additionalProperties": self._value(value, sent=sent),
            }
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field, sent=sent)}
        else:
            schema = self._value(field, sent=sent)
        narrowed = keywords(rules)
        if sent:
            if items := narrowed.pop("items", {}):
                schema["items"] |= items
            schema |= _or_empty(narrowed, field)
            without_nul(schema.get("items", schema))
            if field.enum_type and 0 not in rules.enum.not_in:
                schema = {"anyOf": [schema, ZERO]}
        elif "format" in narrowed and not rules.ignore:
            schema["format"] = narrowed["format"]
        description = self.comment(field)
        if sent and (further := sentences(rules)):
            rule = "; ".join(further)
            description = f"{description} {rule[0].upper()}{rule[1:]}.".strip()
        if description:
            schema["description"] = description
        if field.GetOptions().deprecated:
            schema["deprecated"] = True
        return schema

    def _reference(
        self, message: Descriptor, *, sent: bool, without: Collection[str] = ()
    ) -> Schema:
        if message.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[message.full_name])
        name = self._name(message)
        if not sent:
            self._answers.add(name)
        elif name in self._answers:
            name += "Input"
        if name not in self.components:
            self.components[name] = {}  # A message may hold itself.
            self.components[name] = self._message(message, sent=sent, without=without)
        return {"$ref": f"#/components/schemas/{name}"}

    def _message(self, message: Descriptor, *, sent: bool, without: Collection[str]) -> Schema:
        fields = [field for field in message.fields if field.name not in without]
        choices = [
            [field.json_name for field in oneof.fields]
            for oneof in message.oneofs
            if not _is_synthetic(oneof)
        ]
        description = [self.comment(message)]
        description += [f"At most one of {', '.join(names)} is set." for names in choices]
        schema: Schema = {"type": "object", "description": " ".join(description).strip()}
        if required := [field.json_name for field in fields if _is_certain(field, sent=sent)]:
            schema["required"] = required
        schema["properties"] = {field.json_name: self.field(field, sent=sent) for field in fields}
        if sent:
            for name, inner in schema["properties"].items():
                if name not in schema.get("required", ()):
                    schema["properties"][name] = _or_null(inner)
            # The edge refuses what the transcoder would only drop.
            schema["additionalProperties"] = False
            if choices:
                schema["allOf"] = [_at_most_one(names) for names in choices]
        return schema

    def _name(self, described: Descriptor | EnumDescriptor) -> str:
        name = component_name(described)
        if self._owners.setdefault(name, described.full_name) != described.full_name:
            raise ValueError(f"{self._owners[name]} and {described.full_name} in one document")
        return name

    def _value(self, field: FieldDescriptor, *, sent: bool) -> Schema:
        if field.message_type is not None:
            return self._reference(keys_of(field) or field.message_type, sent=sent)
        if field.enum_type is not None:
            return self._enum(field.enum_type, sent=sent)
        return dict(SCALARS[field.type])

    def _enum(self, enum: EnumDescriptor, *, sent: bool) -> Schema:
        name = self._name(enum) + ("Input" if sent else "")
        values = [value for value in enum.values if value.number or not sent]
        meanings = [
            f"- `{value.name}`: {meaning}"
            for value in values
            if (meaning := self._comments.get(f"{enum.full_name}.{value.name}"))
        ]
        described = {"description": "\n".join([self.comment(enum), "", *meanings]).strip()}
        names = {"type": "string", "enum": [value.name for value in values]}
        if sent:
            # Protobuf's JSON reads numbers too.
            numbers = {"type": "integer", "enum": [value.number for value in values]}
            self.components[name] = {"anyOf": [names, numbers], **described}
        else:
            self.components[name] = {**names, **described}
        return {"$ref": f"#/components/schemas/{name}"}


def keys_of(field: FieldDescriptor) -> Descriptor | None:
    """The message that documents a Struct's keys, where the contract names one."""
    named = field.GetOptions().Extensions[cast(Any, options_pb2.keys_of)]
    holder: Any = field.containing_type
    return holder.file.pool.FindMessageTypeByName(named) if named else None


def component_name(described: Descriptor | EnumDescriptor) -> str:
    """knowledge.Document for malha.knowledge.v1.Document: a document has each name once."""
    return re.sub(r"^malha\.(\w+)\.v\d+\.", r"\1.", described.full_name)


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map, which Protobuf spells as a list of pairs."""
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _is_certain(field: FieldDescriptor, *, sent: bool) -> bool:
    if sent:
        return not may_be_absent(field)
    return field.is_repeated or not field.has_presence


def _is_synthetic(oneof: Any) -> bool:
    # How proto3 spells `optional`.
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def _or_null(schema: Schema) -> Schema:
    """The schema of something that may as well be left out: null says the same."""
    if "type" in schema:
        nullable = {**schema, "type": [schema["type"], "null"]}
        if "enum" in schema:
            nullable["enum"] = [*schema["enum"], None]
        return nullable
    choices = schema.get("anyOf") or [{"$ref": schema["$ref"]}]
    return {
        **{name: value for name, value in schema.items() if name not in ("$ref", "anyOf")},
        "anyOf": [*choices, {"type": "null"}],
    }


def _or_empty(narrowed: Schema, field: FieldDescriptor) -> Schema:
    """The rules of a text that may as well be empty: its format holds for what is not."""
    if "format" not in narrowed or not rules_of(field).ignore:
        return narrowed
    either = {"format": narrowed.pop("format")}
    return {**narrowed, "anyOf": [either, {"maxLength": 0}]}


def _at_most_one(names: list[str]) -> Schema:
    each: list[Schema] = [{"required": [name]} for name in names]
    return {"oneOf": [*each, {"not": {"anyOf": each}}]}
